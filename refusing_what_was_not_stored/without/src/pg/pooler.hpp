#pragma once
// Poolers (PgBouncer and its like) answer as the server does. What gives one away is the number of
// the server's process.

#include "pg/connection.hpp"

namespace pgcourier::pg {

/// The number that was told at the connect. A pooler makes one up there: pg_backend_pid(), which
/// comes from the server, is another one then.
int told_backend_pid(Connection& db);

}  // namespace pgcourier::pg
