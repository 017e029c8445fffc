#pragma once
// A service that cannot start has nobody else to tell it: Sentry is told before the process ends.
// Each restart of it tells that again, since a process that ended remembers nothing: so not where
// only its configuration is at fault (but for a missing signing key), which whoever wrote that is
// looking at.

#include "base/environment.hpp"
#include "cli/command.hpp"

#include <exception>

namespace pgcourier::cli {

/// The database stayed away, which was reported while the process waited for it.
class DatabaseAway : public Failure {
  public:
    using Failure::Failure;
};

/// Reports it, where SENTRY_DSN is set and right, and waits for that at most some seconds.
///
/// environment  read by itself: what is wrong may be the configuration
/// why          what is printed; of PostgreSQL's words only the SQLSTATE leaves the house
void report_failed_start(const Environment& environment, const std::exception& why);

}  // namespace pgcourier::cli
