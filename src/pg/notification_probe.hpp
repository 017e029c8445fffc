#pragma once
// Whether notifications arrive on a connection: tried, since a pooler that loses them says nothing.

#include "pg/connection.hpp"

#include <chrono>

namespace pgcourier::pg {

/// Lets `speaker` notify a channel that only `listener` hears; they may be the same connection.
///
/// wait     for the notification to arrive
/// returns  whether it did
/// throws   Error
bool notification_arrives(Connection& listener, Connection& speaker,
                          std::chrono::milliseconds wait);

}  // namespace pgcourier::pg
