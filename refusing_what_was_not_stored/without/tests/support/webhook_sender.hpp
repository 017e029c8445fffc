#pragma once
// Twilio's side of the webhooks, with a ledger of what was answered 200: what the service may not
// lose.

#include "base/secret.hpp"
#include "twilio/form.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pgcourier::test {

/// A message as Twilio posts it. `number` makes its MessageSid.
twilio::Params inbound_form(std::uint64_t number, const std::string& from, const std::string& to,
                            const std::string& body);

/// The MessageSid of inbound_form(number, …).
std::string message_sid(std::uint64_t number);

/// The token of service_variables().
const Secret& test_auth_token();

struct Posted {
    int status = 0;  // 0: no answer
    std::string body;
    std::string content_type;
};

/// Posts one form, signed for `url`.
Posted post_signed(const std::string& url, const twilio::Params& form);
/// Posts any body under any signature.
Posted post(const std::string& url, const std::string& body, const std::string& signature,
            const std::string& content_type = "application/x-www-form-urlencoded");
/// GET. returns status and body
Posted get(const std::string& url);

/// Posts all forms, `at_once` at the same time, each to the URL of its turn.
/// `answered` counts while it runs.
/// returns  by index: the HTTP status, 0 where no answer came
std::vector<int> post_all(const std::vector<std::string>& urls,
                          const std::vector<twilio::Params>& forms, std::size_t at_once,
                          std::atomic<std::size_t>* answered = nullptr);

}  // namespace pgcourier::test
