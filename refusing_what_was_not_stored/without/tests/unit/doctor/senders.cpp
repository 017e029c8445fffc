#include "doctor/senders.hpp"

#include "doctor/webhook_url.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace pgcourier;
using namespace pgcourier::doctor;

namespace {

constexpr const char* kShop = "+33700000001";
constexpr const char* kOther = "+33700000002";
constexpr const char* kPublic = "https://shop.test";

std::vector<Verdict> judge(const Wanted& wanted,
                           const std::vector<twilio::WhatsappSender>& listed) {
    return judge_senders(wanted, those_of_ours(wanted.numbers, listed));
}

std::string states(const std::vector<Verdict>& verdicts) {
    std::string text;
    for (const Verdict& one : verdicts) text += std::string{to_text(one.state)} + " ";
    return text;
}

Verdict configured(const std::string& url, const std::string& method = "POST") {
    return judge_configured_webhook(
        {.number = kShop, .status = "ONLINE", .callback_url = url, .callback_method = method},
        kPublic);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(senders_that_are_online_are_one_line) {
    const auto one = judge({.numbers = {kShop}}, {{.number = kShop, .status = "ONLINE"}});
    BOOST_TEST(states(one) == "ok ");
    BOOST_TEST(one[0].found == "+337…01 is online");
    const auto two = judge(
        {.numbers = {kShop, kOther, kShop}},
        {{.number = kShop, .status = "ONLINE"}, {.number = kOther, .status = "ONLINE:UPDATING"}});
    BOOST_TEST(states(two) == "ok ");
    BOOST_TEST(two[0].found == "2 numbers, all online");
}

BOOST_AUTO_TEST_CASE(each_thing_wrong_is_a_line_and_no_number_is_shown_whole) {
    const auto verdicts = judge({.numbers = {kShop, kOther, "+14155238886"}},
                                {{.number = kShop, .status = "OFFLINE"}});
    BOOST_TEST(states(verdicts) == "warn fail fail ");
    BOOST_TEST(verdicts[1].found == "the sender +337…01 is OFFLINE");
    BOOST_TEST(verdicts[2].found == "no WhatsApp sender of this account: +337…02");
    for (const Verdict& one : verdicts) {
        BOOST_TEST(!has(one.found + one.advice, kShop));
        BOOST_TEST(!has(one.found + one.advice, kOther));
    }
}

BOOST_AUTO_TEST_CASE(many_unknown_numbers_are_counted) {
    Wanted wanted;
    for (int i = 0; i < 9; ++i) wanted.numbers.push_back(fmt::format("+3370000000{}", i));
    const auto verdicts = judge(wanted, {});
    BOOST_TEST(states(verdicts) == "fail ");
    BOOST_TEST(has(verdicts[0].found, " and 4 more"), verdicts[0].found);
    wanted.is_list_whole = false;
    BOOST_TEST(states(judge(wanted, {})) == "warn ");
}

BOOST_AUTO_TEST_CASE(nobody_to_send_from_and_tenants_that_could_not_be_read) {
    BOOST_TEST(states(judge({}, {})) == "warn ");
    BOOST_TEST(has(judge({.without_number = 3}, {})[0].found, "3 tenants have no number"));
    BOOST_TEST(states(judge({.numbers = {kShop}, .has_common_number = true, .without_number = 3},
                            {{.number = kShop, .status = "ONLINE"}})) == "ok ");
    const std::string why = "the database has no table of them yet";
    BOOST_TEST(states(judge({.numbers = {kShop}, .why_tenants_unread = why},
                            {{.number = kShop, .status = "ONLINE"}})) == "skip ");
    // Whether there is a number is then not known.
    const auto unread = judge({.why_tenants_unread = why}, {});
    BOOST_TEST(states(unread) == "skip ");
    BOOST_TEST(unread[0].found == "the tenants' own numbers were not looked at: " + why);
}

BOOST_AUTO_TEST_CASE(the_urls_to_paste_make_twilio_repeat) {
    BOOST_TEST(webhook_url(kPublic) == "https://shop.test/webhooks/twilio#rc=5&rp=ct,rt,5xx");
    BOOST_TEST(fallback_url(kPublic) == "https://shop.test/api/webhooks/twilio#rc=5&rp=ct,rt,5xx");
    BOOST_TEST(webhook_url("") == "https://<your host>/webhooks/twilio#rc=5&rp=ct,rt,5xx");
}

BOOST_AUTO_TEST_CASE(what_twilio_has_as_webhook_is_compared) {
    const std::string good = webhook_url(kPublic);
    BOOST_TEST((configured(good).state == State::ok));
    BOOST_TEST((configured(fallback_url(kPublic)).state == State::ok));
    BOOST_TEST((configured(good, "").state == State::ok));

    const Verdict once = configured("https://shop.test/webhooks/twilio");
    BOOST_TEST((once.state == State::warn));
    BOOST_TEST(has(once.found, "without #rc=5&rp=ct,rt,5xx"), once.found);
    BOOST_TEST((configured("https://shop.test/webhooks/twilio#ct=2000").state == State::warn));

    const Verdict slash = configured("https://shop.test/webhooks/twilio/#rc=5&rp=5xx");
    BOOST_TEST((slash.state == State::fail));
    BOOST_TEST(has(slash.found, "a slash at the end of the path"), slash.found);
    const Verdict elsewhere = configured("https://old.test/api/webhooks/twilio?secret=1");
    BOOST_TEST(has(elsewhere.found, "host old.test instead of shop.test, a query"),
               elsewhere.found);
    BOOST_TEST(!has(elsewhere.found, "secret=1"));
    BOOST_TEST((configured(good, "PUT").state == State::fail));
    const Verdict none = configured("");
    BOOST_TEST((none.state == State::warn));
    BOOST_TEST(has(none.advice, good), none.advice);
}
