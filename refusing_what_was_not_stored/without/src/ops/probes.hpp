#pragma once
// /healthz and /readyz: for whatever watches the process. They never wait for the database: they
// tell what the last tick found.

#include "http/routes.hpp"

#include <atomic>

namespace pgcourier::ops {

/// Set by the service, read by /readyz. Lives longer than the routes.
struct Readiness {
    std::atomic<bool> database_answers{false};
    std::atomic<bool> is_stopping{false};
    std::atomic<bool> polls{false};  // notifications do not arrive
};

/// GET /healthz: 200 while the process lives. GET /readyz: 200 while the database answers and the
/// service is not stopping, else 503 with the reason. A service that polls says so.
void add_probe_routes(http::Routes& routes, const Readiness& readiness);

}  // namespace pgcourier::ops
