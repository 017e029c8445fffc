#pragma once
// All of `pgcourier doctor`: whether this configuration, this database and this Twilio will do,
// part by part. Changes nothing anywhere.

#include "base/clock.hpp"
#include "base/environment.hpp"
#include "doctor/finding.hpp"
#include "doctor/limits.hpp"
#include "doctor/request_file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::doctor {

struct Subject {
    Environment environment;
    std::optional<SavedRequest> request{};  // whose signature is to be looked at
    std::vector<std::string> urls{};        // that Twilio may have called for it
};

/// Tells every finding as soon as it is there. Takes as long as the database and Twilio take, each
/// step at most what `limits` allow.
void examine(const Subject& subject, const Limits& limits, const Clock& clock, const Tell& tell);

}  // namespace pgcourier::doctor
