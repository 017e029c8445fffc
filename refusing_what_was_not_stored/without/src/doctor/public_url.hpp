#pragma once
// The address under which Twilio calls the service: what it signs, and what its console takes.

#include "base/config.hpp"
#include "doctor/finding.hpp"
#include "doctor/request_file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::doctor {

/// The URLs that a signature is tried with; and, where there is a request, which of them fits it.
///
/// config   nullopt: it could not be read
/// request  nullopt: nobody gave one
/// others   URLs that Twilio may have called besides
void examine_public_url(const std::optional<Config>& config,
                        const std::optional<SavedRequest>& request,
                        const std::vector<std::string>& others, const Tell& tell);

/// What to paste into Twilio's console.
void tell_webhook_urls(const std::optional<Config>& config, const Tell& tell);

}  // namespace pgcourier::doctor
