#pragma once
// The database as `pgcourier serve` would find it.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "doctor/finding.hpp"
#include "doctor/limits.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::doctor {

/// What other parts want to know of it.
struct FromDatabase {
    std::string why_unread;  // empty: the tenants were read; else the next two mean nothing
    std::vector<std::string> numbers;  // that tenants send from, some hundred at most
    std::size_t without_number = 0;    // tenants that have none
};

/// Looks at all of it, each step within `limits`; what cannot be looked at is told as skipped.
///
/// config  nullopt: it could not be read
FromDatabase examine_database(const std::optional<Config>& config, const Limits& limits,
                              const Clock& clock, const Tell& tell);

}  // namespace pgcourier::doctor
