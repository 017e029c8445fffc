#pragma once
// Twilio, as far as it can be asked without sending anything: the credentials, the senders, and
// where it posts what is written to them.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "doctor/database.hpp"
#include "doctor/finding.hpp"
#include "doctor/limits.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::doctor {

/// Every call only reads. What cannot be looked at is told as skipped.
///
/// config   nullopt: it could not be read
/// returns  the webhooks that Twilio has for the senders: what it may have signed
std::vector<std::string> examine_twilio(const std::optional<Config>& config,
                                        const FromDatabase& database, const Limits& limits,
                                        const Clock& clock, const Tell& tell);

}  // namespace pgcourier::doctor
