#pragma once
// The router's SQL: claims, what is written back, and the attempts of events that are routed alone.

#include "pg/connection.hpp"
#include "router/decide.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pgcourier::router {

/// A claim and all its effects: one transaction, two round trips. Until settle() has returned,
/// nothing has happened: the events are ours only as long as this lives, and back in the queue
/// afterwards, whoever crashes (G3).
class Claim {
  public:
    /// Claims up to `limit` events above `mark` that never failed, in the order of their ids.
    /// SQL  queries/router/claim.sql
    Claim(pg::Connection& db, std::int64_t mark, std::size_t limit);

    /// Claims one event, whatever its attempts; nothing when somebody else routes it or has done
    /// so. SQL  queries/router/claim_one.sql
    static Claim of_one(pg::Connection& db, std::int64_t event_id);

    const std::vector<Claimed>& events() const { return events_; }

    /// Writes the decisions, `decisions[i]` about `events()[i]`, and commits.
    ///
    /// returns  the ids, ascending, of the events whose message had been stored before: nothing
    /// followed from them throws   pg::Error; after CommitUnknown the events are routed or back in
    /// the queue: claiming again is safe SQL
    /// queries/router/{store_messages,hand_over,record,postpone,wake}.sql
    std::vector<std::int64_t> settle(std::span<const Decision> decisions);

  private:
    Claim(pg::Connection& db, const pg::Call& claim);

    std::vector<pg::Rows> rows_;  // events_ look into them
    pg::Transaction transaction_;
    std::vector<Claimed> events_;
};

/// Up to `limit` events above `mark` that never failed and that nobody routes at this moment,
/// ascending.
std::vector<std::int64_t> waiting(pg::Connection& db, std::int64_t mark, std::size_t limit);

/// How long an event waits that is put back since somebody has its shop's rows locked.
inline constexpr std::chrono::milliseconds kPostponed{10'000};

/// An attempt at routing an event alone, counted before it is made.
struct Attempt {
    std::int64_t event_id;
    int number;  // this one included
};

/// returns  nullopt when the event was routed, is being routed, or is not due yet
std::optional<Attempt> begin_attempt(pg::Connection& db, std::int64_t event_id);
/// The same for the event that has been due longest among those that failed.
std::optional<Attempt> begin_due_attempt(pg::Connection& db);
/// How long after attempt `number` the next one is due: 2, 4, 8 s.
std::chrono::seconds pause_after(int number);

/// The attempt does not count, since its end was not the event's fault. The event is due at once,
/// alone.
void give_back(pg::Connection& db, const Attempt& attempt);
/// The same; after `wait` it is claimed with others.
void postpone(pg::Connection& db, const Attempt& attempt, std::chrono::milliseconds wait);

/// Events that were postponed and are due again may be claimed with others.
///
/// returns  how many
std::size_t return_postponed(pg::Connection& db);

/// Gives the event up: out of the queue, into dead_letter_jobs and event_log, in one transaction.
///
/// attempts  that were made
void dead_letter(pg::Connection& db, std::int64_t event_id, std::string_view reason, int attempts);

}  // namespace pgcourier::router
