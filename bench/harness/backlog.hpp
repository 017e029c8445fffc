#pragma once
// Events that wait for the router, and the tables as they are before anything was routed.

#include "support/test_database.hpp"

#include <cstdint>
#include <limits>

namespace pgcourier::bench {

/// Fills webhook_events with messages whose body is a few bytes, as jobs of queue benchmarks are.
/// The router cannot read them: they are for claims without work.
///
/// to  the number that they are written to
void store_small_events(const test::TestDatabase& db, std::int64_t count, const std::string& to);

/// Fills webhook_events with messages as Twilio posts them, over the statement of the inbox, to the
/// numbers of `tenants` tenants by turns.
void store_webhooks(const test::TestDatabase& db, std::int64_t count, int tenants);

/// The same, those from `first` to before `end`, in one transaction of this connection.
void store_webhooks(pg::Connection& connection, std::int64_t first, std::int64_t end, int tenants);

/// A connection for filling: waits for as long as that takes, and does not wait for the disk.
pg::Connection patient(const test::TestDatabase& db);

/// The newest `count` events wait to be routed, and nothing is left of an earlier routing.
///
/// last  the highest id among them, when others were stored since
void queue_events(const test::TestDatabase& db, std::int64_t count,
                  std::int64_t last = std::numeric_limits<std::int64_t>::max());

}  // namespace pgcourier::bench
