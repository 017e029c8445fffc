#include "maintenance/tick.hpp"

#include "sql/maintenance.hpp"

#include <algorithm>

namespace pgcourier::maintenance {
namespace {

constexpr std::chrono::milliseconds kReconnect{1000};
// Reading the outbox from the start takes less when nothing dead lies before what waits. Else it is
// read from there on, and the start has this share of the time.
constexpr std::chrono::milliseconds kQuick{10};
constexpr int kShare = 200;
constexpr std::chrono::minutes kLongestPause{1};

void call(const std::function<void()>& action) {
    if (action) action();
}

std::optional<std::int64_t> asked(
    const std::function<std::optional<std::chrono::milliseconds>()>& what) {
    const auto time = what ? what() : std::nullopt;
    return time ? std::optional<std::int64_t>{time->count()} : std::nullopt;
}

}  // namespace

Tick::Tick(pg::ConnectOptions options, Instance self, std::chrono::milliseconds interval,
           TickActions actions, const Clock& clock)
    : options_{std::move(options)},
      self_{std::move(self)},
      interval_{interval},
      actions_{std::move(actions)},
      clock_{clock},
      rng_{random_seed()} {}

void Tick::run_once() {
    if (!db_) db_.emplace(options_);
    const auto silence_ms = asked(actions_.receives_within);
    const auto refusing_ms = asked(actions_.refuses_for);
    const SteadyTime now = clock_.steady_now();
    const bool reads_all = now >= reads_all_at_;
    // Should that fail, what it reads next may be little.
    if (reads_all && reads_from_us_) reads_all_at_ = now + kLongestPause;
    const pg::Rows rows = db_->exec(
        sql::maintenance::tick,
        pg::Params{self_.id, self_.host, self_.pid, self_.version, self_.roles, silence_ms,
                   reads_all ? std::nullopt : reads_from_us_, refusing_ms, self_.default_sender});
    if (actions_.answered) actions_.answered(Answer::works);
    const pg::Row found = rows[0];
    if (reads_all) {
        const std::chrono::microseconds took{found.int64(14)};
        const bool is_slow = took > kQuick && !found.is_null(13);
        reads_all_at_ =
            is_slow ? now + std::min<SteadyTime::duration>(took * kShare, kLongestPause) : now;
    }
    if (!found.is_null(13)) reads_from_us_ = found.int64(13);
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
    if (found.boolean(15) && actions_.receivers_gone) actions_.receivers_gone(*db_);
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
    const auto time_until = [this](SteadyTime then) {
        return std::max(then - clock_.steady_now(), SteadyTime::duration{0});
    };
    while (!stop.stop_requested()) {
        try {
            run_once();
            // OUTBOX_POLL_INTERVAL_MS is the longest that anything waits without a notification:
            // varied downward only.
            const SteadyTime next = clock_.steady_now() + shortened(interval_, rng_);
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
