#include "outbox/call.hpp"

#include "twilio/digest.hpp"
#include "twilio/form.hpp"
#include "twilio/request.hpp"

namespace pgcourier::outbox {
namespace {

std::string callback_url(const Claimed& message, const Provider& provider) {
    if (provider.callback_url.empty()) return {};
    return provider.callback_url + "?m=" + twilio::percent_encode(message.id.value) +
           "&a=" + std::to_string(message.call);
}

}  // namespace

std::string credentials_scope(const Provider& provider) {
    const std::string parts = provider.base_url + '\n' + provider.account_sid + '\n' +
                              provider.user + '\n' + provider.password.reveal();
    return "credentials:" + twilio::sha256_hex(parts).substr(0, 8);
}

http::Call call_for(const Claimed& message, const Provider& provider) {
    const twilio::Outgoing outgoing{.account_sid = provider.account_sid,
                                    .from = message.from,
                                    .to = message.to,
                                    .body = message.body,
                                    .media_url = message.media_url,
                                    .content_sid = message.content_sid,
                                    .content_variables = message.content_variables,
                                    .status_callback = callback_url(message, provider)};
    return {
        .method = "POST",
        .url = provider.base_url + twilio::create_message_path(provider.account_sid),
        .headers = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"},
        .body = twilio::create_message_body(outgoing),
        .user = provider.user,
        .password = provider.password,
        .timeout = provider.timeout};
}

twilio::SendOutcome outcome_of(const http::Outcome& outcome) {
    using Kind = http::Outcome::Kind;
    if (outcome.kind == Kind::not_sent) {
        return twilio::ProviderDown{"not sent: " + outcome.error, 0, 0, std::nullopt};
    }
    if (outcome.kind == Kind::unknown) {
        return twilio::OutcomeUnknown{"no answer: " + outcome.error, 0, outcome.status};
    }
    return twilio::read_reply(outcome.status, outcome.content_type, outcome.retry_after,
                              outcome.body);
}

}  // namespace pgcourier::outbox
