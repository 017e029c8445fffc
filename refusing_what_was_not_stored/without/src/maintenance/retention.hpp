#pragma once
// Deletes what is old: raw events and finished messages, dead letters, the log. Never what is still
// to be handled, sent, routed or resolved. In steps of some pages, each a transaction of its own
// that waits for no row; killed in the middle, it goes on where it was. A row that cannot be
// deleted holds up no other, and a table none of the next ones.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "pg/connection.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::maintenance {

struct RetentionDays {
    int messages = 30;  // events, messages of both ways, status callbacks
    int dead_letters = 365;
    int event_log = 365;
};
RetentionDays retention_days(const Config& config);

struct Pruned {
    std::string_view table;
    int days = 0;
    std::int64_t deleted = 0;
    std::int64_t kept = 0;  // old enough, and still needed
    /// Rows that could not be deleted: a key or a trigger of the shop's keeps them, or somebody has
    /// what hangs on them locked. Of a pass they are counted among `kept`.
    std::int64_t refused = 0;
    std::string refusal{};  // of one of these, as PostgreSQL said it
};

/// For the pulse of a running service: one step of a tenth of a second for each table whose pass is
/// due, and whose step no other instance is making. Passes go on over all instances together.
///
/// Where a step is refused, its rows are deleted one by one; the log tells once a pass of those
/// that stay. A table where that fails too is put off for 10 minutes, which the log tells as well.
///
/// returns  the passes that ended and deleted something
/// throws   pg::Error when the connection is lost; doing it again is safe, after CommitUnknown too
/// SQL      queries/maintenance/retention_*.sql
std::vector<Pruned> prune_a_while(pg::Connection& db, const RetentionDays& days,
                                  const Clock& clock);

enum class Prune { deletes, counts };

/// Everything at once, for a person: reads all tables from their beginning to their end, resting
/// between two steps as long as the last one took. Beside others that do the same it is safe.
///
/// The log tells of rows that could not be deleted.
///
/// what     counts: changes nothing
/// returns  one for each table
/// throws   pg::Error: of the first table that failed as a whole, when all others are done; at once
///          when the connection is lost. What was deleted until then is
std::vector<Pruned> prune(pg::Connection& db, const RetentionDays& days, Prune what,
                          const Clock& clock);

}  // namespace pgcourier::maintenance
