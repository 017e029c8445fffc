#include "inbox/lane.hpp"

#include "base/metrics.hpp"
#include "inbox/store.hpp"

#include <algorithm>
#include <iterator>

namespace pgcourier::inbox {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{1000};
// While the database is away: how often to look for events whose deadline has passed, so that their
// senders are told and the queue behind them moves.
constexpr std::chrono::milliseconds kAwayPoll{20};

Counter& events(const char* result) {
    return counter("pgcourier_inbox_events_total",
                   "Events given to the inbox writer, by what became of them.",
                   {{"result", result}});
}

struct LaneMetrics {
    Counter& stored = events("stored");
    Counter& duplicate = events("duplicate");
    Counter& too_late = events("too_late");
    Counter& refused = events("refused");
    Histogram& batch_events = histogram(
        "pgcourier_inbox_batch_events",
        "Events of one transaction of the inbox, duplicates among them.", batch_buckets());
    Histogram& batch_seconds =
        histogram("pgcourier_inbox_batch_seconds", "How long a transaction of the inbox took.",
                  seconds_buckets());
};

LaneMetrics& metrics() {
    static LaneMetrics all;
    return all;
}

// The row is at fault, not the database: bad data, a violated constraint, a limit of PostgreSQL, an
// internal error.
bool is_about_a_row(const pg::Error& e) {
    if (e.is_lost()) return false;
    const std::string& state = e.sqlstate();
    return state.starts_with("22") || state.starts_with("23") || state.starts_with("54") ||
           state.starts_with("XX");
}

std::vector<const NewEvent*> events_of(const std::vector<Waiting>& waiting) {
    std::vector<const NewEvent*> events;
    events.reserve(waiting.size());
    for (const Waiting& one : waiting) events.push_back(&one.event);
    return events;
}

// Answers one event and thereby ends it: an empty `done` marks what may leave the hand.
void answer(Waiting& waiting, Outcome outcome) {
    std::exchange(waiting.done, nullptr)(std::move(outcome));
}

void remove_answered(std::vector<Waiting>& waiting) {
    std::erase_if(waiting, [](const Waiting& one) { return !one.done; });
}

}  // namespace

Lane::Lane(pg::ConnectOptions options, const Clock& clock, Rng rng)
    : options_{std::move(options)}, clock_{clock}, rng_{rng} {
    metrics();  // from zero, before the first event
}

void Lane::take(std::vector<Waiting> waiting) {
    if (in_hand_.empty()) {
        in_hand_ = std::move(waiting);
    } else {
        std::move(waiting.begin(), waiting.end(), std::back_inserter(in_hand_));
    }
}

std::chrono::milliseconds Lane::write() {
    drop_late();
    if (in_hand_.empty()) return 0ms;
    if (clock_.steady_now() < next_attempt_) return kAwayPoll;
    try {
        if (!db_) db_.emplace(options_);
        try {
            store();
        } catch (const pg::Error& e) {
            if (!is_about_a_row(e)) throw;
            store_one_by_one();
        }
    } catch (const pg::Error& e) {
        next_attempt_ = clock_.steady_now() + pause_after(e);
        return kAwayPoll;
    }
    if (std::exchange(failures_, 0) > 0) log_.info("Inbox has its database again");
    return 0ms;
}

void Lane::drop_late() {
    const SteadyTime now = clock_.steady_now();
    for (Waiting& one : in_hand_) {
        if (one.deadline > now) continue;
        metrics().too_late.Increment();
        answer(one, NotStored{NotStored::Reason::too_late});
    }
    remove_answered(in_hand_);
}

// New events are answered before anything is looked up. What stays in hand after an error in
// between is found to be there already the next time, our own rows among it.
void Lane::store() {
    const SteadyTime began = clock_.steady_now();
    const std::vector<std::int64_t> ids = insert_events(*db_, events_of(in_hand_));
    metrics().batch_events.Observe(static_cast<double>(ids.size()));
    metrics().batch_seconds.Observe(in_seconds(clock_.steady_now() - began));
    std::size_t stored = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] == 0) continue;
        ++stored;
        Waiting& one = in_hand_[i];
        answer(one, Stored{ids[i], std::move(one.event.correlation_id), true});
    }
    metrics().stored.Increment(static_cast<double>(stored));
    remove_answered(in_hand_);
    if (in_hand_.empty()) return;

    for (Duplicate& found : find_duplicates(*db_, events_of(in_hand_))) {
        const bool is_new = found.stored.is_new;
        if (found.is_noted) {
            log_.info("Duplicate message detected",
                      {{"correlationId", found.stored.correlation_id.value},
                       {"eventId", found.stored.event_id}});
        }
        (is_new ? metrics().stored : metrics().duplicate).Increment();
        answer(in_hand_[found.index], std::move(found.stored));
    }
    remove_answered(in_hand_);
}

void Lane::store_one_by_one() {
    std::vector<Waiting> batch = std::exchange(in_hand_, {});
    for (auto next = batch.begin(); next != batch.end();) {
        in_hand_.push_back(std::move(*next++));
        try {
            store();
        } catch (const pg::Error& e) {
            if (!is_about_a_row(e)) {
                std::move(next, batch.end(), std::back_inserter(in_hand_));
                throw;
            }
            // Only the code: the message may quote the row.
            log_.error("Event refused by the database",
                       {{"correlationId", in_hand_.front().event.correlation_id.value},
                        {"sqlstate", e.sqlstate()}});
            metrics().refused.Increment();
            answer(in_hand_.front(), NotStored{NotStored::Reason::refused});
        }
        // One that is not answered lost its row between two looks: its sender may try again.
        if (!in_hand_.empty() && in_hand_.front().done) {
            answer(in_hand_.front(), NotStored{NotStored::Reason::too_late});
        }
        in_hand_.clear();
    }
}

std::chrono::milliseconds Lane::pause_after(const pg::Error& error) {
    if (error.is_conflict()) return jittered(kFirstPause, rng_) / 4;
    // Dropped whatever it was: a server that went read-only or is in trouble is found again by
    // connecting anew.
    db_.reset();
    if (failures_ == 0) {
        log_.error("Inbox lost its database",
                   {{"error", error.what()}, {"sqlstate", error.sqlstate()}});
    }
    const int doublings = std::min(failures_++, 10);
    // The first attempt after a loss comes at once: an idle connection was closed, the server is
    // there.
    if (doublings == 0) return 0ms;
    return jittered(std::min(kFirstPause * (1 << (doublings - 1)), kLongestPause), rng_);
}

}  // namespace pgcourier::inbox
