#include "twilio/account.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::twilio;

namespace {

template <class T>
std::string problem_of(const Result<T>& result) {
    if (result) return "none";
    return result.error().what;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_account_has_a_status_and_a_type) {
    const auto account = read_account(
        R"({"auth_token":"secret","friendly_name":"x","sid":"AC1","status":"suspended","type":"Trial"})");

    BOOST_REQUIRE(account);
    BOOST_TEST(account->status == "suspended");
    BOOST_TEST(account->type == "Trial");
    BOOST_TEST(account_path("AC00/x") == "/2010-04-01/Accounts/AC00%2Fx.json");
}

BOOST_AUTO_TEST_CASE(what_is_no_account_is_said) {
    BOOST_TEST(problem_of(read_account("<html>")) == "the account is no JSON object");
    BOOST_TEST(problem_of(read_account("[]")) == "the account is no JSON object");
    BOOST_TEST(problem_of(read_account(R"({"status":7})")) == "the account has no status");
}

BOOST_AUTO_TEST_CASE(senders_are_on_twilios_other_host_or_on_a_stand_in) {
    BOOST_TEST(senders_url("https://api.twilio.com") ==
               "https://messaging.twilio.com/v2/Channels/Senders?Channel=whatsapp&PageSize=1000");
    BOOST_TEST(senders_url("https://api.dublin.ie1.twilio.com")
                   .starts_with("https://messaging.dublin.ie1.twilio.com/v2/Channels/Senders?"));
    BOOST_TEST(senders_url("http://127.0.0.1:8089")
                   .starts_with("http://127.0.0.1:8089/v2/Channels/Senders?"));
}

BOOST_AUTO_TEST_CASE(a_sender_has_a_number_a_status_and_its_webhook) {
    const auto page = read_sender_page(R"({"senders":[
        {"sid":"XE1","sender_id":"whatsapp:+33700000001","status":"ONLINE","webhook":
            {"callback_url":"https://a.test/x#rc=5","callback_method":"POST","fallback_url":"https://b.test/x"}},
        {"sid":"XE2","sender_id":"whatsapp:+33700000002","status":"ONLINE:UPDATING","webhook":null},
        {"sid":"XE3","sender_id":"whatsapp:+33700000003","status":"OFFLINE"}],
        "meta":{"next_page_url":"https://messaging.twilio.com/v2/Channels/Senders?Page=1"}})");

    BOOST_REQUIRE(page);
    BOOST_REQUIRE(page->senders.size() == 3U);
    BOOST_TEST(page->has_more);
    const WhatsappSender& first = page->senders[0];
    BOOST_TEST(first.number == "+33700000001");
    BOOST_TEST(first.is_online());
    BOOST_TEST(first.callback_url == "https://a.test/x#rc=5");
    BOOST_TEST(first.callback_method == "POST");
    BOOST_TEST(first.fallback_url == "https://b.test/x");
    BOOST_TEST(page->senders[1].is_online());
    BOOST_TEST(page->senders[1].callback_url == "");
    BOOST_TEST(!page->senders[2].is_online());
}

BOOST_AUTO_TEST_CASE(what_is_no_list_of_senders_is_said) {
    BOOST_TEST(problem_of(read_sender_page("")) == "the list of senders is no JSON object");
    BOOST_TEST(problem_of(read_sender_page(R"({"senders":{}})")) ==
               "the list of senders has no senders");
    BOOST_TEST(problem_of(read_sender_page(R"({"senders":[1]})")) ==
               "a listed sender is no JSON object");
    BOOST_TEST(problem_of(read_sender_page(R"({"senders":[],"meta":{"next_page_url":null}})")) ==
               "none");
}
