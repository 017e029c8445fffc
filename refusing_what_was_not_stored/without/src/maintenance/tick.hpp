#pragma once
// The pulse of the process: one statement each OUTBOX_POLL_INTERVAL_MS says that it lives and asks
// what fell due without a notification having told. It finds out; the stages do.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "maintenance/instance.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

namespace pgcourier::maintenance {

/// What the database made of a tick.
enum class Answer {
    works,
    fails,  // it answered, with an error
    none    // no connection, or it was lost
};

/// What to do about what a tick found. Called on the tick's thread.
struct TickActions {
    std::function<void()> events_due;
    std::function<void()> messages_due;
    std::function<void(pg::Connection&)> leases_expired;
    std::function<void()> deliveries_due;
    /// A message of unknown outcome is to be looked up, or will be before long.
    std::function<void()> looks_due;
    std::function<void(pg::Connection&)> messages_expired;
    std::function<void(pg::Connection&)> dedupe_keys_old;
    /// The next step of deleting what is old, and of erasing a person.
    std::function<void(pg::Connection&)> retention_due;
    std::function<void(pg::Connection&)> erasures_due;
    /// Some gap is to be filled from Twilio's list, or gone on with.
    std::function<void()> backfills_due;
    /// Before each tick: the longest silence of those who receive webhooks that is no gap, where
    /// the tick may say by the way that this process receives. nullopt: it says nothing.
    std::function<std::optional<std::chrono::milliseconds>()> receives_within;
    /// Before each tick: how long ago this process began to refuse webhooks, if it does.
    std::function<std::optional<std::chrono::milliseconds>()> refuses_for;
    /// After a tick that the database answered and that did not say so: that this process receives
    /// webhooks.
    std::function<void(pg::Connection&)> receiving;
    /// Another process that received webhooks is silent, and what it may have missed is not written
    /// down yet.
    std::function<void(pg::Connection&)> receivers_gone;
    /// After each tick.
    std::function<void(Answer)> answered;
    /// After each tick, and soon after ask(): for what needs the database now and then and is not
    /// worth a connection of its own. It must not take long.
    std::function<void(pg::Connection&)> besides;
};

class Tick {
  public:
    /// clock  outlives it
    Tick(pg::ConnectOptions options, Instance self, std::chrono::milliseconds interval,
         TickActions actions, const Clock& clock = system_clock());

    /// One look. throws pg::Error
    void run_once();
    /// Looks until stop is requested. Blocks: give it a thread.
    void run(std::stop_token stop);
    /// Has `besides` called soon, while the database answers. From any thread.
    void ask() { asked_.notify(); }

  private:
    void end_stalled();
    void call_with_time(const std::function<void(pg::Connection&)>& action);

    pg::ConnectOptions options_;
    Instance self_;
    std::chrono::milliseconds interval_;
    TickActions actions_;
    const Clock& clock_;
    Log log_{"Maintenance"};
    Rng rng_;
    Wake asked_;
    std::optional<pg::Connection> db_;
    SteadyTime reads_all_at_{};                  // until then the outbox is read from there on:
    std::optional<std::int64_t> reads_from_us_;  // since 1970
};

}  // namespace pgcourier::maintenance
