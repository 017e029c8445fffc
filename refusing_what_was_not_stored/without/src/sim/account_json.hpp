#pragma once
// The simulated account and its WhatsApp senders, as Twilio's API shows them. Pure.
// https://www.twilio.com/docs/iam/api/account https://www.twilio.com/docs/whatsapp/api/senders

#include "sim/options.hpp"

#include <string>

namespace pgcourier::sim {

/// The resource of the account; its token is in it, as Twilio has it.
std::string account_json(const SimulatorOptions& options);

/// The one page of senders.
///
/// base_url  of the simulator, for the URLs in it
std::string senders_json(const SimulatorOptions& options, const std::string& base_url);

}  // namespace pgcourier::sim
