#include "outbox/call.hpp"

#include "twilio/form.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::outbox;

namespace {

Provider provider() {
    return {.base_url = "https://api.example.test",
            .account_sid = "AC0123456789abcdef0123456789abcdef",
            .user = "SK0123456789abcdef0123456789abcdef",
            .password = Secret{"not shown"},
            .callback_url = "https://shop.example.test/webhooks/twilio/status"};
}

Claimed message() {
    Claimed m;
    m.id = {"a b&c"};
    m.to = "+33612345678";
    m.from = "+33700000001";
    m.body = "Ça coûte 1+1 €";
    m.attempt = 2;
    m.call = 3;
    return m;
}

std::string field(const http::Call& call, std::string_view key) {
    const auto form = twilio::decode_form(call.body);
    return std::string{twilio::value_or_empty(form, key)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_goes_to_the_account_from_the_tenants_number) {
    const http::Call call = call_for(message(), provider());
    BOOST_TEST(call.method == "POST");
    BOOST_TEST(call.url ==
               "https://api.example.test/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/"
               "Messages.json");
    BOOST_TEST(call.user == "SK0123456789abcdef0123456789abcdef");
    BOOST_TEST(call.password.reveal() == "not shown");
    BOOST_TEST(field(call, "To") == "whatsapp:+33612345678");
    BOOST_TEST(field(call, "From") == "whatsapp:+33700000001");
    BOOST_TEST(field(call, "Body") == "Ça coûte 1+1 €");
}

BOOST_AUTO_TEST_CASE(its_callback_names_message_and_attempt) {
    BOOST_TEST(field(call_for(message(), provider()), "StatusCallback") ==
               "https://shop.example.test/webhooks/twilio/status?m=a%20b%26c&a=3");
    Provider without = provider();
    without.callback_url.clear();
    BOOST_TEST(field(call_for(message(), without), "StatusCallback") == "");
}

BOOST_AUTO_TEST_CASE(a_call_that_never_got_out_was_surely_not_sent) {
    const auto outcome =
        outcome_of({.kind = http::Outcome::Kind::not_sent, .error = "no connection"});
    BOOST_TEST(std::get<twilio::ProviderDown>(outcome).reason == "not sent: no connection");
}

BOOST_AUTO_TEST_CASE(
    a_call_without_a_whole_answer_may_have_been_carried_out_whatever_arrived_of_it) {
    const auto outcome =
        outcome_of({.kind = http::Outcome::Kind::unknown, .status = 201, .error = "timed out"});
    BOOST_TEST(std::get<twilio::OutcomeUnknown>(outcome).reason == "no answer: timed out");
}

BOOST_AUTO_TEST_CASE(an_answer_is_read_as_twilio_means_it) {
    const auto accepted =
        outcome_of({.kind = http::Outcome::Kind::response,
                    .status = 201,
                    .body = R"({"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"})",
                    .content_type = "application/json"});
    BOOST_TEST(std::get<twilio::Accepted>(accepted).message_sid ==
               "SM0123456789abcdef0123456789abcdef");
    const auto broken =
        outcome_of({.kind = http::Outcome::Kind::response, .status = 201, .body = "<html>"});
    BOOST_TEST(std::holds_alternative<twilio::OutcomeUnknown>(broken));
}
