#pragma once
// Fills gaps by itself: takes one that is due, reads Twilio's list, gives the row back. One thread,
// and a connection only while there is something to do. Killed at any line, another process goes
// on where the row says.

#include "backfill/calls.hpp"
#include "backfill/store.hpp"
#include "backfill/walk.hpp"
#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace pgcourier::backfill {

struct Settings {
    outbox::Provider provider;
    std::string default_number;  // bare; empty: none
    std::string instance_id;     // instances.id of this process
    std::chrono::days retention{30};
    CallSettings calls;
    /// Called with what is read next and what was found so far; for whoever watches.
    std::function<void(const Place&, const Tally&)> on_place;
};

/// instance_id  empty: of no running service
Settings settings_of(const Config& config, std::string instance_id);

/// What came of a walk.
struct Filled {
    Walked walked = Walked::whole;
    Tally tally;
    std::string problem;
    bool has_held_media_back = false;
};

class Worker {
  public:
    /// wake  notified when a gap may be due; outlives this
    Worker(pg::ConnectOptions options, Settings settings, Wake& wake, const Clock& clock,
           std::uint64_t seed);
    ~Worker();

    /// Takes a gap that is due and reads all that can be read now.
    ///
    /// returns  false: none was due
    /// throws   pg::Error; doing it again is safe
    bool run_once() { return fill_next({}); }
    /// Until stop is requested; what is under way then is given back as it is. Blocks: give it a
    /// thread.
    void run(std::stop_token stop);

    /// Fills what a person asked for, once and at once, within its times as they stand. The row
    /// that says how far it is stays when the process ends before; a running service then goes on.
    ///
    /// who      nullopt: the database's user
    /// throws   pg::Error
    Filled fill_for_person(const Times& times, const std::optional<std::string>& who,
                           const std::stop_token& stop);
    /// What that would find. Changes nothing.
    Filled look(const Times& times, const std::stop_token& stop);

    /// Asks with these credentials from the next gap on. Safe from any thread.
    void use(outbox::Provider provider);

  private:
    void prepare();
    bool fill_next(const std::stop_token& stop);
    Filled fill(Task& task, const std::stop_token& stop);
    Filled find_words(Task& task, const std::stop_token& stop);
    Filled find_messages(Task& task, const std::stop_token& stop);
    Filled find_deliveries(Task& task, const std::stop_token& stop);
    Walk walk_of(Task& task, const Window& window, Take take, const std::stop_token& stop);
    WallTime read_time(Task& task);
    bool go_on(Task& task, Walk& walk, const Place& place);
    bool holds(const Task& task, Hold hold);
    Hold note_found(const Task& task, const Walk& walk);
    bool is_through(const Task& task, const Walk& walk, Walked walked);
    void next_step(Task& task, Step step, const Walk& walk);
    Filled ended(const Task& task, const Walk& walk, Walked walked);
    bool wait_for_router(const Task& task, const std::vector<std::int64_t>& words,
                         const std::stop_token& stop);
    void say_words_known(const Task& task, const Walk& walk, bool are_routed);
    void give_back(Task& task, const Filled& filled, bool is_stopping);
    void take_over_provider();

    pg::ConnectOptions options_;
    Settings settings_;
    Wake& wake_;
    const Clock& clock_;
    Rng rng_;
    Log log_{"Backfill"};
    Counter& messages_;
    Counter& deliveries_;
    std::optional<Calls> calls_;
    std::optional<pg::Connection> db_;
    Tally noted_;  // of the walk under way, what its row has
    SteadyTime kept_at_{};
    bool is_lost_ = false;  // the gap is not ours any more
    bool yields_ = false;   // to another one that sending waits for

    std::mutex mutex_;
    std::optional<outbox::Provider> next_provider_;  // guarded by mutex_
};

}  // namespace pgcourier::backfill
