#pragma once
// Whether notifications arrive on a connection: tried, since a pooler that loses them says nothing.

#include "pg/connection.hpp"

#include <chrono>
#include <stop_token>

namespace pgcourier::pg {

/// Lets `speaker` notify a channel that only `listener` hears; they may be the same connection,
/// which listens to nothing else yet.
///
/// wait     for the notification to arrive, or a stop
/// returns  whether it did
/// throws   Error
bool notification_arrives(Connection& listener, Connection& speaker, std::chrono::milliseconds wait,
                          const std::stop_token& stop = {});

}  // namespace pgcourier::pg
