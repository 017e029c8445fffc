#pragma once
// What only the passing of time changes in the outbox: messages that were not sent in time, and
// dedupe keys that refuse nothing any more. For maintenance, which finds out that there are some.

#include "pg/connection.hpp"

#include <cstddef>

namespace pgcourier::outbox {

/// Makes messages `expired` that still wait when their expires_at has come, and lets their
/// conversations go on. A claim does the same with those that it finds; this is for the ones that
/// no claim looks at, since sending is paused. Rows that somebody has locked are left for the next
/// time.
///
/// returns  how many left the queue
/// SQL      queries/outbox/{expire,promote,notify}.sql
std::size_t expire(pg::Connection& db);

/// Forgets dedupe keys that were taken more than 24 hours ago, a few thousand at most.
///
/// returns  how many
/// SQL      queries/outbox/forget_dedupe_keys.sql
std::size_t forget_dedupe_keys(pg::Connection& db);

}  // namespace pgcourier::outbox
