#pragma once
// A service that cannot start has nobody else to tell it: Sentry is told before the process ends.

#include "base/environment.hpp"

#include <string_view>

namespace pgcourier::cli {

/// Reports it, where SENTRY_DSN is set and right, and waits for that at most some seconds.
///
/// environment  read by itself: what is wrong may be the configuration
/// why          the line that is printed; it shows no secret
void report_failed_start(const Environment& environment, std::string_view why);

}  // namespace pgcourier::cli
