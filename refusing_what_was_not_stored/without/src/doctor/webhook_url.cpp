#include "doctor/webhook_url.hpp"

#include "base/address.hpp"
#include "doctor/url.hpp"
#include "webhook/signed_url.hpp"

#include <fmt/format.h>

namespace pgcourier::doctor {
namespace {

constexpr const char* kPath = "/webhooks/twilio";
constexpr const char* kOtherPath = "/api/webhooks/twilio";

std::string base_of(const std::string& public_url) {
    return public_url.empty() ? "https://<your host>" : public_url;
}

/// Against the nearer of the two paths that the service takes.
std::vector<std::string> differences_to_service(const std::string& url,
                                                const std::string& public_url) {
    std::vector<std::string> best = differences(url, public_url + kPath);
    std::vector<std::string> other = differences(url, public_url + kOtherPath);
    return other.size() < best.size() ? other : best;
}

}  // namespace

std::string webhook_url(const std::string& public_url) {
    return base_of(public_url) + kPath + kRetryFragment;
}

std::string fallback_url(const std::string& public_url) {
    return base_of(public_url) + kOtherPath + kRetryFragment;
}

Verdict judge_configured_webhook(const twilio::WhatsappSender& sender,
                                 const std::string& public_url) {
    const std::string number = masked(sender.number);
    const std::string paste = "In Twilio's console set its webhook to " + webhook_url(public_url);
    if (sender.callback_url.empty()) {
        return {State::warn,
                fmt::format("{} has no webhook of its own at Twilio (a Messaging Service may have "
                            "one)",
                            number),
                paste + ", method POST"};
    }
    const std::string url =
        webhook::masked_url(sender.callback_url.substr(0, sender.callback_url.find('#')));
    const std::vector<std::string> wrong = differences_to_service(sender.callback_url, public_url);
    if (!wrong.empty()) {
        return {State::fail,
                fmt::format("Twilio posts what is written to {} to {}: {}", number, url,
                            fmt::join(wrong, ", ")),
                paste + ", or correct WEBHOOK_PUBLIC_URL"};
    }
    if (!sender.callback_method.empty() && sender.callback_method != "POST") {
        return {State::fail,
                fmt::format("the webhook of {} has the method {}", number, sender.callback_method),
                "Set it to POST in Twilio's console"};
    }
    const std::string fragment = split_url(sender.callback_url).fragment;
    if (fragment.find("rc=") == std::string::npos || fragment.find("rp=") == std::string::npos) {
        return {State::warn,
                fmt::format("Twilio shows {} for {}, without {}: what it could not deliver at once "
                            "is lost",
                            url, number, kRetryFragment),
                paste};
    }
    return {State::ok, fmt::format("{} calls {} and repeats what failed", number, url)};
}

}  // namespace pgcourier::doctor
