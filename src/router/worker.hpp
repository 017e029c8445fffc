#pragma once
// The router's loop: claims a batch of events, decides, writes everything back in the same
// transaction. One thread, one connection. A batch with a poison event is routed event by event,
// and only the poison one waits, is tried again alone and at last becomes a dead letter. Events of
// a shop of which somebody else has rows locked wait, and the others go on.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "pg/connection.hpp"
#include "router/decide.hpp"
#include "router/job_report.hpp"
#include "router/mark.hpp"
#include "router/metrics.hpp"
#include "router/store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pgcourier::router {

struct Settings {
    std::size_t batch_size = 500;  // ROUTER_BATCH_SIZE
    std::size_t threads = 1;       // workers of this process; they share one Wake
    /// A process before this one was killed, perhaps by an event: the first events are routed one
    /// at a time, each attempt counted before it is made, so that one that kills becomes a dead
    /// letter after three times.
    bool is_after_unclean_end = false;
    /// Shared by all workers that get a copy of these settings.
    std::shared_ptr<JobReport> report = std::make_shared<JobReport>();
    /// For tests: called before an event is decided; throwing makes it a poison event.
    std::function<void(const Claimed&)> before_decide{};
    /// For benches: decides instead of decide().
    std::function<Decision(const Claimed&)> instead_of_decide{};
};

class Worker {
  public:
    /// An event is tried this often alone.
    static constexpr int kMaxAttempts = 3;

    /// Connects at the first run_once(). `wake` and `clock` must outlive it.
    Worker(pg::ConnectOptions options, Wake& wake, Settings settings, const Clock& clock,
           std::uint64_t seed);

    /// Routes one batch, and one event that failed before when one is due.
    ///
    /// stop     once requested, events that are routed one by one are left where they are
    /// returns  how many events were dealt with; 0: nothing is left to do now
    /// throws   pg::Error when the database is the matter; what was claimed is back in the queue
    std::size_t run_once(const std::stop_token& stop = {});

    /// Routes until stop is requested; the batch in hand is finished. Blocks: give it a thread.
    void run(std::stop_token stop);

  private:
    std::size_t route_carefully(const std::stop_token& stop);
    std::size_t route_due();
    std::size_t route_batch(const std::stop_token& stop);
    std::size_t route_each_alone(std::int64_t mark, std::size_t limit, const std::stop_token& stop);
    std::optional<std::string> route_alone(const Attempt& attempt);
    void route(Claim& claim);
    std::chrono::milliseconds held_up_for(std::string_view shop);
    void postpone_alone(const Attempt& attempt, std::chrono::milliseconds wait);
    void failed_alone(const Attempt& attempt, std::string_view why);
    void report(std::size_t routed);
    void tell(const Claimed& event, const Decision& decision, bool is_repeated) const;
    std::chrono::nanoseconds time_until_next_look() const;

    pg::ConnectOptions options_;
    Wake& wake_;
    Settings settings_;
    const Clock& clock_;
    Rng rng_;
    Log log_{"Worker"};
    WorkerMetrics metrics_;

    std::optional<pg::Connection> db_;
    Mark mark_;
    bool is_careful_;
    std::vector<SteadyTime>
        retries_;  // when events that failed here are due again; others' come with the tick
    std::unordered_map<std::string, SteadyTime>
        held_up_;  // shops of which somebody else has a row locked, and until when not to try
    std::optional<Attempt>
        unfinished_;  // its end was the database's fault: to be given back once that is there again
};

}  // namespace pgcourier::router
