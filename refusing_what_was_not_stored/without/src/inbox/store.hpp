#pragma once
// The inbox's SQL: events to rows, rows to outcomes. Each call is one transaction in one round
// trip.

#include "inbox/event.hpp"
#include "pg/connection.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pgcourier::inbox {

/// Commits the events that are not there yet, puts them into webhook_queue and wakes the routers
/// once.
///
/// events   in any order, twins included
/// returns  for each event its row's id, or 0 when its key was there already
/// throws   pg::Error: nothing was stored. pg::CommitUnknown: perhaps all of it was; doing it again
///          is safe by the keys, and find_duplicates() then recognises our own rows by their
///          correlation id
/// SQL      queries/inbox/insert_events.sql
std::vector<std::int64_t> insert_events(pg::Connection& db,
                                        std::span<const NewEvent* const> events);

/// Commits those that are not there yet, in this order, puts them into webhook_queue and wakes the
/// routers once. A message that is there although its event is no longer kept is not stored again.
///
/// events   with their dates; each key once
/// returns  for each event its row's id, or 0 when it was there
/// throws   pg::Error: nothing was stored; a deadlock among them, after which it may be done again.
///          pg::CommitUnknown: perhaps all of it was; doing it again is safe by the keys
/// SQL      queries/inbox/insert_missing.sql
std::vector<std::int64_t> insert_missing(pg::Connection& db, std::span<const NewEvent> events);

struct Duplicate {
    std::size_t index = 0;  // of the event that was asked for
    Stored stored;          // is_new: the row is our own after all
    bool is_noted = false;  // in event_log: of the first hundred deliveries of one event
};

/// Finds the rows that stand for these events, and notes `idempotent_ignored` in event_log for each
/// that is another delivery's.
///
/// returns  one for each event that has a row; none for one whose row was deleted meanwhile
/// throws   pg::Error; doing it again logs nothing twice
/// SQL      queries/inbox/ignore_duplicates.sql
std::vector<Duplicate> find_duplicates(pg::Connection& db, std::span<const NewEvent* const> events);

}  // namespace pgcourier::inbox
