#include "support/webhook_sender.hpp"

#include "http/client.hpp"
#include "twilio/signature.hpp"

#include <fmt/format.h>

namespace pgcourier::test {
namespace {

http::Call signed_call(const std::string& url, const twilio::Params& form) {
    return {.method = "POST",
            .url = url,
            .headers = {"Content-Type: application/x-www-form-urlencoded",
                        "X-Twilio-Signature: " + twilio::sign(test_auth_token(), url, form)},
            .body = twilio::encode_form(form),
            .timeout = std::chrono::seconds{15}};
}

Posted run(http::Call call) {
    http::Client client;
    client.start(0, std::move(call));
    while (client.in_flight() > 0) {
        for (http::Finished& finished : client.poll(std::chrono::milliseconds{1000})) {
            const bool is_whole = finished.outcome.kind == http::Outcome::Kind::response;
            return {is_whole ? finished.outcome.status : 0, finished.outcome.body,
                    finished.outcome.content_type};
        }
    }
    return {};
}

}  // namespace

std::string message_sid(std::uint64_t number) {
    return fmt::format("SM{:032x}", number);
}

const Secret& test_auth_token() {
    static const Secret token{"51510000000000000000000000005151"};
    return token;
}

twilio::Params inbound_form(std::uint64_t number, const std::string& from, const std::string& to,
                            const std::string& body) {
    return {{"SmsMessageSid", message_sid(number)},
            {"NumMedia", "0"},
            {"ProfileName", "Zoé"},
            {"MessageType", "text"},
            {"SmsSid", message_sid(number)},
            {"WaId", from.starts_with("+") ? from.substr(1) : ""},
            {"SmsStatus", "received"},
            {"Body", body},
            {"To", "whatsapp:" + to},
            {"NumSegments", "1"},
            {"MessageSid", message_sid(number)},
            {"AccountSid", "AC00000000000000000000000000005151"},
            {"From", "whatsapp:" + from},
            {"ApiVersion", "2010-04-01"}};
}

Posted post_signed(const std::string& url, const twilio::Params& form) {
    return run(signed_call(url, form));
}

Posted post(const std::string& url, const std::string& body, const std::string& signature,
            const std::string& content_type) {
    return run({.method = "POST",
                .url = url,
                .headers = {"Content-Type: " + content_type, "X-Twilio-Signature: " + signature},
                .body = body,
                .timeout = std::chrono::seconds{15}});
}

Posted get(const std::string& url) {
    return run({.method = "GET", .url = url, .timeout = std::chrono::seconds{15}});
}

std::vector<int> post_all(const std::vector<std::string>& urls,
                          const std::vector<twilio::Params>& forms, std::size_t at_once,
                          std::atomic<std::size_t>* answered) {
    http::Client client{{.max_connections = at_once}};
    std::vector<int> statuses(forms.size(), 0);
    std::size_t next = 0;
    while (next < forms.size() || client.in_flight() > 0) {
        while (next < forms.size() && client.free_slots() > 0) {
            client.start(next, signed_call(urls[next % urls.size()], forms[next]));
            ++next;
        }
        for (const http::Finished& finished : client.poll(std::chrono::milliseconds{1000})) {
            if (finished.outcome.kind == http::Outcome::Kind::response) {
                statuses[finished.tag] = finished.outcome.status;
                if (answered) ++*answered;
            }
        }
    }
    return statuses;
}

}  // namespace pgcourier::test
