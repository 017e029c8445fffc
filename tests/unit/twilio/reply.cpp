#include "twilio/reply.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;
using namespace std::chrono_literals;

namespace {

const std::string kSid = "SM00000000000000000000000000000001";

SendOutcome reply(int http_status, const std::string& body,
                  std::optional<std::string_view> retry_after = {}) {
    return read_reply(http_status, "application/json", retry_after, body);
}

std::string error(int code, const std::string& text, int http_status) {
    return "{\"code\":" + std::to_string(code) + ",\"message\":\"" + text +
           "\",\"more_info\":\"https://www.twilio.com/docs/errors/x\",\"status\":" +
           std::to_string(http_status) + "}";
}

Refused refused(const SendOutcome& outcome) {
    BOOST_REQUIRE(std::holds_alternative<Refused>(outcome));
    return std::get<Refused>(outcome);
}

}  // namespace

BOOST_AUTO_TEST_CASE(created_is_accepted) {
    const SendOutcome outcome = reply(
        201, R"({"account_sid":"AC1","body":"x","error_code":null,"sid":")" + kSid +
                 R"(","status":"queued","subresource_uris":{"media":"/m"},"to":"whatsapp:+33"})");
    BOOST_REQUIRE(std::holds_alternative<Accepted>(outcome));
    BOOST_TEST(std::get<Accepted>(outcome).message_sid == kSid);
    BOOST_TEST(std::get<Accepted>(outcome).status == "queued");
}

BOOST_AUTO_TEST_CASE(created_without_a_readable_sid_is_unknown) {
    for (const std::string& body :
         {std::string{}, std::string{"<html>"}, std::string{"{}"}, std::string{"{\"sid\":null}"},
          std::string{"{\"sid\":\"SM1\"}"}, "{\"sid\":\"" + kSid, "[{\"sid\":\"" + kSid + "\"}]",
          "{\"message\":{\"sid\":\"" + kSid + "\"}}",
          "{\"sid\":\"" + kSid + "\"}" + std::string(70000, ' ')}) {
        for (const int status : {200, 201, 202, 204}) {
            BOOST_TEST(std::holds_alternative<OutcomeUnknown>(reply(status, body)),
                       body.substr(0, 60));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_bad_number_is_permanent_and_its_reason_holds_no_number) {
    const Refused r = refused(reply(
        400,
        error(21211, "The 'To' number whatsapp:+33612345678 is not a valid phone number.", 400)));
    BOOST_TEST(r.code == 21211);
    BOOST_TEST(r.http_status == 400);
    BOOST_TEST(r.permanent);
    BOOST_TEST(!r.permanent_on_repeat);
    BOOST_TEST(to_text(r.error_class) == "permanent");
    BOOST_TEST(to_text(r.scope) == "message");
    BOOST_TEST(r.reason == "twilio 21211: the recipient is no valid number");
    BOOST_TEST(!r.retry_after.has_value());
}

BOOST_AUTO_TEST_CASE(an_unknown_refusal_is_permanent_when_it_comes_again) {
    const Refused r =
        refused(reply(400, error(29999, "No +33612345678 here, 1600 max\\u0000", 400)));
    BOOST_TEST(!r.permanent);
    BOOST_TEST(r.permanent_on_repeat);
    BOOST_TEST(r.reason ==
               "twilio 29999: the request was refused (www.twilio.com/docs/api/errors/29999)");
}

// Twilio's API has a code in each refusal: who has none is a proxy or a firewall before it, and
// may refuse all messages alike. Two attempts of each would make dead letters of a whole outbox.
BOOST_AUTO_TEST_CASE(a_refusal_that_is_not_twilios_is_nobodys_message) {
    const std::pair<int, std::string> cases[] = {
        {400, "<html>Bad request</html>"}, {400, ""}, {400, "{}"}, {405, "<html>"}, {413, "x"},
        {422, R"({"error":"blocked"})"}};
    for (const auto& [status, body] : cases) {
        const Refused r = refused(read_reply(status, "text/html", {}, body));
        BOOST_TEST(r.code == 0, status);
        BOOST_TEST(to_text(r.error_class) == "systemic", status);
        BOOST_TEST(to_text(r.scope) == "account", status);
        BOOST_TEST((!r.permanent && !r.permanent_on_repeat), status);
    }
    BOOST_TEST(refused(read_reply(400, "text/html", {}, "<html>")).reason ==
               "HTTP 400 text/html: refused by something that is not Twilio's API");
    BOOST_TEST(std::holds_alternative<OutcomeUnknown>(read_reply(408, "text/html", {}, "<html>")));
}

BOOST_AUTO_TEST_CASE(too_many_requests_are_never_ambiguous) {
    const Refused r = refused(reply(429, error(20429, "Too Many Requests", 429), "2"));
    BOOST_TEST(!r.permanent);
    BOOST_TEST(to_text(r.error_class) == "rate_limited");
    BOOST_TEST(to_text(r.scope) == "account");
    BOOST_TEST((r.retry_after == 2000ms));

    for (const std::string& body :
         {std::string{}, std::string{"<html>"}, error(20500, "x", 429), error(99999, "x", 429)}) {
        BOOST_TEST(to_text(refused(reply(429, body)).error_class) == "rate_limited", body);
    }
}

BOOST_AUTO_TEST_CASE(retry_after_is_read_in_seconds_and_bounded) {
    const std::pair<const char*, std::optional<std::chrono::milliseconds>> cases[] = {
        {"0", 0ms},
        {"30", 30s},
        {"999999999999", 24h},
        {"-1", {}},
        {"", {}},
        {"1.5", {}},
        {"99999999999999999999", {}},
        {"Wed, 25 Nov 2026 01:00:00 GMT", {}},
    };
    for (const auto& [text, expected] : cases) {
        BOOST_TEST((refused(reply(429, "", text)).retry_after == expected), text);
    }
}

BOOST_AUTO_TEST_CASE(only_twilios_own_503_is_surely_not_sent) {
    const SendOutcome down = reply(503, error(20503, "Service unavailable", 503), "1");
    BOOST_REQUIRE(std::holds_alternative<ProviderDown>(down));
    BOOST_TEST(std::get<ProviderDown>(down).reason == "twilio 20503: Twilio is not available");
    BOOST_TEST(std::get<ProviderDown>(down).code == 20503);
    BOOST_TEST((std::get<ProviderDown>(down).retry_after == 1s));

    for (const std::string& body : {std::string{}, std::string{"<html>503</html>"},
                                    std::string{"{}"}, error(99999, "x", 503)}) {
        BOOST_TEST(std::holds_alternative<OutcomeUnknown>(reply(503, body)), body);
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_failed_may_have_sent) {
    for (const int status : {500, 502, 504, 520}) {
        for (const std::string& body :
             {std::string{}, std::string{"<html>"}, error(20500, "Internal", status),
              error(99999, "x", status)}) {
            const SendOutcome outcome = reply(status, body);
            BOOST_REQUIRE(std::holds_alternative<OutcomeUnknown>(outcome));
            BOOST_TEST(std::get<OutcomeUnknown>(outcome).http_status == status);
            BOOST_TEST(!std::get<OutcomeUnknown>(outcome).reason.empty());
        }
    }
    BOOST_TEST(std::get<OutcomeUnknown>(reply(500, error(20500, "x", 500))).reason ==
               "twilio 20500: internal error at Twilio: the message may have been sent");
}

BOOST_AUTO_TEST_CASE(wrong_credentials_are_nobodys_message) {
    const std::pair<int, std::string> cases[] = {
        {401, error(20003, "Authenticate", 401)}, {401, ""},       {403, ""},
        {404, error(20404, "not found", 404)},    {404, "<html>"}, {301, ""}};
    for (const auto& [status, body] : cases) {
        const Refused r = refused(reply(status, body));
        BOOST_TEST(to_text(r.error_class) == "systemic", status);
        BOOST_TEST(to_text(r.scope) == "account", status);
        BOOST_TEST((!r.permanent && !r.permanent_on_repeat), status);
    }
    const Refused no_channel =
        refused(reply(400, error(63007, "Twilio could not find a Channel", 400)));
    BOOST_TEST(to_text(no_channel.error_class) == "systemic");
    BOOST_TEST(to_text(no_channel.scope) == "sender");
}

BOOST_AUTO_TEST_CASE(a_code_may_come_as_text) {
    BOOST_TEST(refused(reply(400, R"({"code":"21610","message":"x"})")).code == 21610);
    BOOST_TEST(refused(reply(400, R"({"code":1e999})")).code == 0);
    BOOST_TEST(refused(reply(400, R"({"code":null,"message":"a\u0000b"})")).reason ==
               "HTTP 400 application/json: refused by something that is not Twilio's API");
}
