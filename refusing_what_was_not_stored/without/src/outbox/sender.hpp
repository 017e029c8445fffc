#pragma once
// The sending loop: claims what can start at once, drives all calls, writes their outcomes back in
// batches. One thread, and one beside it that asks the database while calls go on. It sleeps until
// woken or until a message falls due; waking it for what no notification told of, and sweeping
// leases that ended, is maintenance's work.

#include "base/background.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "http/client.hpp"
#include "outbox/call.hpp"
#include "outbox/call_ends.hpp"
#include "outbox/exchange.hpp"
#include "outbox/looks.hpp"
#include "outbox/metrics.hpp"
#include "outbox/sender_settings.hpp"
#include "outbox/step.hpp"
#include "outbox/store.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

namespace pgcourier::outbox {

/// An exchange with the database, which may go on beside the calls.
struct ExchangeJob {
    std::vector<Done> done;
    std::size_t limit = 0;  // of messages to claim
    LeaseToken token;
    SteadyTime began{};
    SteadyTime ended{};
    Exchanged exchanged;
    std::exception_ptr error;
};

class Sender {
  public:
    /// wake  outlives the sender; nobody else sets its hook
    Sender(pg::ConnectOptions options, SenderSettings settings, Wake& wake, const Clock& clock,
           std::uint64_t seed);
    ~Sender();
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    /// Sends until stop is requested, then claims no more, waits for what is in flight and settles
    /// it. What it could not settle by then becomes `unknown` when its lease ends. Blocks: give it
    /// a thread.
    void run(std::stop_token stop);

    /// Calls with these credentials as soon as what is in flight with the old ones is settled, so
    /// that no outcome is taken for that of the others; nothing is claimed until then. Safe from
    /// any thread.
    void use(Provider provider);

    /// Sends what is due now, one message a conversation, and settles it.
    ///
    /// returns  how many it claimed
    /// throws   pg::Error
    std::size_t run_once();

  private:
    struct InFlight {
        Claimed message;
        SteadyTime started;
    };

    /// Claimed, and to be started at its time.
    struct Waiting {
        Claimed message;
        std::chrono::nanoseconds claimed_at;  // by Clock::boottime
        SteadyTime latest;                    // put back when it has not started by then
    };

    /// Its COMMIT got no reply.
    struct LostClaim {
        LeaseToken token;
        SteadyTime look_at;
        SteadyTime until;
    };

    void turn(bool may_claim);
    bool may_go_on(SteadyTime now);
    bool has_nothing() const;
    bool may_start() const;
    bool is_needed() const;
    std::chrono::nanoseconds pace() const;
    std::size_t slots_to_come(SteadyTime now) const;
    void put_back_late();
    void put_back_waiting();
    void pass_on(SteadyTime now);
    void rest(SteadyTime now);
    std::chrono::milliseconds time_to_sleep(SteadyTime now, bool may_claim) const;
    SteadyTime next_exchange() const;
    std::size_t free_calls() const;
    bool connect(SteadyTime now);
    void exchange(SteadyTime now, bool may_claim);
    void begin_exchange(std::size_t limit);
    void run_exchange();
    std::size_t conclude_exchange();
    void stop_exchanging();
    std::size_t claim_and_settle(std::size_t limit);
    void settle_done();
    void settle_one_by_one();
    bool keep_locked(Done& done, const Exchanged& exchanged, std::size_t place);
    void take_up_locked(SteadyTime now);
    void recover_claims();
    void renew_leases(SteadyTime now);
    void schedule(Exchanged& exchanged);
    void start_due(SteadyTime now);
    void start(Claimed message, std::chrono::nanoseconds claimed_at);
    void finish(http::Finished finished);
    void put_back(Claimed message);
    void failed(const pg::Error& error, SteadyTime now);
    void lose_connection();

    pg::ConnectOptions options_;
    SenderSettings settings_;
    Wake& wake_;
    const Clock& clock_;
    Rng rng_;
    Log log_{"Worker"};
    SenderMetrics metrics_;
    Looks looks_;
    Exchange exchange_;
    // Shared with the hook of wake_, which may be called while we end.
    std::shared_ptr<http::Client> client_;

    // While background_ is busy, db_, exchange_ and job_ are its own.
    std::optional<pg::Connection> db_;
    std::optional<ExchangeJob> job_;
    SteadyTime reconnect_at_{};
    bool was_connected_ = false;
    bool told_that_lost_ = false;
    // The connection before was, or there was none; not one that waits for others to ask.
    bool is_lost_ = !settings_.waits_for_wake;

    std::uint64_t next_tag_ = 1;
    std::unordered_map<std::uint64_t, InFlight> in_flight_;
    std::multimap<SteadyTime, Waiting> waiting_;         // by the time at which they may start
    std::unordered_map<std::string, SteadyTime> paced_;  // a sender's last start with a rate
    std::vector<Done> done_;    // outcomes that the database does not have yet
    std::vector<Done> locked_;  // those whose messages somebody else has locked, for a moment
    SteadyTime locked_until_{};
    std::vector<LostClaim> lost_claims_;
    SteadyTime paused_until_{};  // after a failed exchange
    SteadyTime exchanged_at_{};
    std::chrono::nanoseconds exchange_took_{0};
    CallEnds ends_;
    bool awaits_verdict_ = false;  // of what an outcome that is not settled says of other messages
    std::optional<SteadyTime> passed_on_;  // the look that another sender was woken for
    Exchange::Lead lead_{0};               // of exchange_, as it was
    SteadyTime renew_at_{};

    std::mutex mutex_;
    std::optional<Provider> next_provider_;  // guarded by mutex_
    Background background_;
};

}  // namespace pgcourier::outbox
