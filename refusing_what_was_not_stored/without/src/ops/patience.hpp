#pragma once
// Reading the ops.* views on a connection that has other work: what takes too long is given up, so
// that a slow view holds up neither.

#include "pg/connection.hpp"

#include <chrono>

namespace pgcourier::ops {

/// One statement in a transaction of its own, ended by the server after `patience`.
///
/// throws  pg::Error; the connection is as good as before unless is_lost()
pg::Rows exec_patiently(pg::Connection& db, const pg::Statement& statement, pg::Params params = {},
                        std::chrono::milliseconds patience = std::chrono::seconds{2});

}  // namespace pgcourier::ops
