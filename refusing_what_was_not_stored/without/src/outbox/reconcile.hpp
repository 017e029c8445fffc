#pragma once
// What became of messages whose outcome nobody knows: asks Twilio's list for those that no callback
// has settled in time, and settles them. One thread; it sleeps until woken, so that maintenance
// tells it when a look is due.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "http/client.hpp"
#include "outbox/call.hpp"
#include "outbox/candidates.hpp"
#include "outbox/look_store.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pgcourier::outbox {

struct ReconcileSettings {
    Provider provider;
    UnknownPolicy unknown = UnknownPolicy::reconcile;
    LookPolicy policy;
    SendWindow window;
    /// After the attempt. No byte of its call may be under way any more, and Twilio must have had
    /// the time to list it: 1 s to start, 10 s call, 10 s TCP_USER_TIMEOUT, 30 s.
    std::chrono::milliseconds first_look{51'000};
    std::size_t concurrency = 8;  // list calls at the same time
    std::size_t pages = 20;       // of one look
};

ReconcileSettings reconcile_settings(const Config& config);

class Reconciler {
  public:
    /// wake  notified when a look may be due; outlives this
    Reconciler(pg::ConnectOptions options, ReconcileSettings settings, Wake& wake,
               const Clock& clock, std::uint64_t seed);

    /// Looks up every message whose look is due, and settles what is clear. After a look that
    /// Twilio did not answer it takes no new ones for a while, then one at a time until one is
    /// answered.
    ///
    /// returns  how many looks it took
    /// throws   pg::Error, also CommitUnknown; doing it again is safe
    std::size_t run_once() { return look_up({}); }
    /// Looks up until stop is requested; a look that is under way then is given up, and falls due
    /// again. Blocks: give it a thread.
    void run(std::stop_token stop);

    /// Asks with these credentials from the next look on. Safe from any thread.
    void use(Provider provider);

  private:
    struct Underway {
        Look look;
        Listing listing;
        std::size_t pages = 0;
        SteadyTime started;
    };
    struct Answered {
        Look look;
        Listing listing;
    };

    void take_over_provider();
    std::size_t look_up(const std::stop_token& stop);
    bool is_pausing() const { return clock_.steady_now() < paused_until_; }
    std::size_t claim();
    void ask(Underway underway, const std::string& path);
    void finish(http::Finished finished);
    void answered(Underway underway, bool is_whole);
    void failed(const Underway& underway, const std::string& reason);
    void settle();
    void tell(const LookResult& result) const;

    pg::ConnectOptions options_;
    ReconcileSettings settings_;
    Wake& wake_;
    const Clock& clock_;
    Rng rng_;
    Log log_{"Reconcile"};
    http::Client client_;
    std::optional<pg::Connection> db_;

    std::uint64_t next_tag_ = 1;
    std::unordered_map<std::uint64_t, Underway> underway_;
    std::vector<Answered> answered_;   // to be judged
    std::vector<LookResult> decided_;  // without Twilio's word
    // While Twilio does not answer.
    int pauses_ = 0;
    SteadyTime paused_until_{};

    std::mutex mutex_;
    std::optional<Provider> next_provider_;  // guarded by mutex_
};

}  // namespace pgcourier::outbox
