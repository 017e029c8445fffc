#pragma once

#include "pg/connection.hpp"

namespace pgcourier::bench {

/// Waits for the next notification of a connection that LISTENs.
///
/// throws  std::runtime_error: none within 10 s
void await_notification(pg::Connection& listener);

}  // namespace pgcourier::bench
