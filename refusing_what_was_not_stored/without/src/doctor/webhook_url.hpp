#pragma once
// The addresses of the service as Twilio's console takes them. Pure.

#include "doctor/finding.hpp"
#include "twilio/account.hpp"

#include <string>
#include <vector>

namespace pgcourier::doctor {

/// Makes Twilio repeat a webhook five times after a failed connection, no answer in time, or 5xx.
/// https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
inline constexpr const char* kRetryFragment = "#rc=5&rp=ct,rt,5xx";

/// What to paste as the URL for incoming messages. public_url  empty: a placeholder stands for it
std::string webhook_url(const std::string& public_url);
/// The same as the fallback: the other path of the same route, so that logs tell the two apart.
std::string fallback_url(const std::string& public_url);

/// What Twilio has as the webhook of a sender, against what it should have.
Verdict judge_configured_webhook(const twilio::WhatsappSender& sender,
                                 const std::string& public_url);

}  // namespace pgcourier::doctor
