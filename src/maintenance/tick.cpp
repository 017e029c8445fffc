#include "maintenance/tick.hpp"

#include "base/clock.hpp"
#include "sql/maintenance.hpp"

namespace pgcourier::maintenance {
namespace {

constexpr std::chrono::milliseconds kReconnect{1000};

void call(const std::function<void()>& action) {
    if (action) action();
}

}  // namespace

Tick::Tick(pg::ConnectOptions options, Instance self, std::chrono::milliseconds interval,
           TickActions actions)
    : options_{std::move(options)},
      self_{std::move(self)},
      interval_{interval},
      actions_{std::move(actions)},
      rng_{random_seed()} {}

void Tick::run_once() {
    if (!db_) db_.emplace(options_);
    const auto silence = actions_.receives_within ? actions_.receives_within() : std::nullopt;
    const auto silence_ms = silence ? std::optional{silence->count()} : std::nullopt;
    const pg::Rows rows = db_->exec(
        sql::maintenance::tick,
        pg::Params{self_.id, self_.host, self_.pid, self_.version, self_.roles, silence_ms});
    if (actions_.answered) actions_.answered(Answer::works);
    const pg::Row found = rows[0];
    if (found.boolean(11)) end_stalled();
    if (found.boolean(4)) db_->exec(sql::maintenance::route_again);
    if (found.boolean(0) || found.boolean(4)) call(actions_.events_due);
    if (found.boolean(1)) call(actions_.messages_due);
    if (found.boolean(2) && actions_.leases_expired) actions_.leases_expired(*db_);
    if (found.boolean(3)) call(actions_.deliveries_due);
    if (found.boolean(5)) call(actions_.looks_due);
    if (found.boolean(6) && actions_.messages_expired) actions_.messages_expired(*db_);
    if (found.boolean(7) && actions_.dedupe_keys_old) actions_.dedupe_keys_old(*db_);
    if (found.boolean(10)) call(actions_.backfills_due);
    if (!found.boolean(12) && actions_.receiving) actions_.receiving(*db_);
    if (found.boolean(8)) call_with_time(actions_.retention_due);
    if (found.boolean(9)) call_with_time(actions_.erasures_due);
}

// Where a server forbids it, nothing else suffers.
void Tick::end_stalled() {
    try {
        for (const pg::Row session : db_->exec(sql::maintenance::end_stalled)) {
            if (!session.boolean(2)) continue;  // it went on, or had ended
            log_.warn("Ended a session that stood still in a transaction",
                      {{"pid", session.int64(0)}, {"session", session.string(1)}});
        }
    } catch (const pg::Error& e) {
        if (e.is_lost()) throw;
        log_.warn("A session that stands still in a transaction could not be ended",
                  {{"error", e.what()}});
    }
}

// What has time fails for itself: a step that took too long, or was in somebody's way, is made
// again, and says nothing of the database.
void Tick::call_with_time(const std::function<void(pg::Connection&)>& action) {
    if (!action) return;
    try {
        action(*db_);
    } catch (const pg::Error& e) {
        if (e.is_lost()) throw;
        log_.warn("Deleting what is old did not get on, and is tried again", {{"error", e.what()}});
    }
}

void Tick::run(std::stop_token stop) {
    const auto time_until = [](SteadyTime then) {
        return std::max(then - system_clock().steady_now(), SteadyTime::duration{0});
    };
    while (!stop.stop_requested()) {
        try {
            run_once();
            // OUTBOX_POLL_INTERVAL_MS is the longest that anything waits without a notification:
            // varied downward only.
            const SteadyTime next = system_clock().steady_now() + shortened(interval_, rng_);
            bool is_asked = true;
            while (is_asked && !stop.stop_requested()) {
                if (actions_.besides) actions_.besides(*db_);
                is_asked = asked_.wait_for(stop, time_until(next)) && time_until(next).count() > 0;
            }
        } catch (const pg::Error& e) {
            const Answer answer = db_ && !e.is_lost() ? Answer::fails : Answer::none;
            db_.reset();
            if (actions_.answered) actions_.answered(answer);
            log_.warn(answer == Answer::none ? "The database does not answer"
                                             : "The database does not do what it should",
                      {{"error", e.what()}});
            asked_.wait_for(stop, jittered(kReconnect, rng_));
        }
    }
}

}  // namespace pgcourier::maintenance
