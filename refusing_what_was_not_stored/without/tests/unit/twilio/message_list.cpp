#include "twilio/message_list.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;
using namespace std::chrono;

namespace {

constexpr const char* kAccount = "AC00000000000000000000000000000001";

// Of Twilio's OpenAPI description (readFullPage1), shortened.
constexpr const char* kPage = R"({"end": 1,
  "first_page_uri": "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?PageSize=2&Page=0",
  "next_page_uri": "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?PageSize=2&Page=1&PageToken=PAMM1",
  "page": 0, "page_size": 2, "previous_page_uri": null,
  "messages": [
    {"account_sid": "AC00000000000000000000000000000001", "body": "testing €",
     "date_created": "Fri, 24 May 2019 17:44:46 +0000", "date_sent": null, "direction": "outbound-api",
     "error_code": null, "from": "whatsapp:+12019235161", "num_media": "0", "price": null,
     "sid": "SMded05904ccb347238880ca9264e8fe1c", "status": "queued",
     "subresource_uris": {"media": "/x"}, "to": "whatsapp:+18182008801"},
    {"body": null, "date_created": null, "direction": "inbound", "error_code": 30007, "from": null,
     "sid": "MMc26223853f8c46b4ab7dfaa6abba0a26", "status": "received", "to": "whatsapp:FR.1349ab"}]})";

std::string problem(std::string_view body) {
    const auto page = read_message_page(kAccount, body);
    return page ? "none" : page.error().what;
}

std::string with_next(const std::string& next) {
    return R"({"messages": [], "next_page_uri": ")" + next + "\"}";
}

sys_seconds at(int y, unsigned m, unsigned d, seconds time) {
    return sys_days{year{y} / month{m} / day{d}} + time;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_call_names_both_sides_with_whatsapp) {
    BOOST_TEST(list_messages_path(kAccount, {.to = "+33612345678", .from = "+33700000001"}) ==
               "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?"
               "To=whatsapp%3A%2B33612345678&From=whatsapp%3A%2B33700000001&PageSize=50");
    BOOST_TEST(list_messages_path(kAccount, {.to = "FR.1349", .from = {}, .page_size = 1000}) ==
               "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?"
               "To=whatsapp%3AFR.1349&PageSize=1000");
    BOOST_TEST(list_messages_path(kAccount, {.to = "+33700000001",
                                             .from = {},
                                             .page_size = 200,
                                             .sent_on = sys_days{year{2026} / 1 / 31}}) ==
               "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?"
               "To=whatsapp%3A%2B33700000001&DateSent=2026-01-31&PageSize=200");
}

BOOST_AUTO_TEST_CASE(a_page_is_read_as_twilio_writes_it) {
    const auto page = read_message_page(kAccount, kPage);
    BOOST_REQUIRE(page);
    BOOST_TEST(page->next_path ==
               "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?PageSize=2&"
               "Page=1&PageToken=PAMM1");
    BOOST_REQUIRE(page->messages.size() == 2);
    const ListedMessage& first = page->messages[0];
    BOOST_TEST(first.sid == "SMded05904ccb347238880ca9264e8fe1c");
    BOOST_TEST(first.to == "+18182008801");
    BOOST_TEST(first.from == "+12019235161");
    BOOST_TEST(first.body == "testing €");
    BOOST_TEST(first.status == "queued");
    BOOST_TEST(first.is_outbound());
    BOOST_TEST((first.created == at(2019, 5, 24, 17h + 44min + 46s)));
}

BOOST_AUTO_TEST_CASE(what_twilio_leaves_null_is_empty) {
    const auto page = read_message_page(kAccount, kPage);
    BOOST_REQUIRE(page);
    const ListedMessage& second = page->messages[1];
    BOOST_TEST(second.to == "FR.1349ab");
    BOOST_TEST(second.from.empty());
    BOOST_TEST(second.body.empty());
    BOOST_TEST(!second.created);
    BOOST_TEST(!second.is_outbound());
}

BOOST_AUTO_TEST_CASE(times_media_and_errors_are_read_whether_text_or_number) {
    const auto page = read_message_page(kAccount, R"({"messages": [
        {"sid": "MMc26223853f8c46b4ab7dfaa6abba0a26", "direction": "inbound", "num_media": "2",
         "date_sent": "Fri, 24 May 2019 17:44:47 +0000",
         "date_updated": "Fri, 24 May 2019 17:44:50 +0000", "error_code": 30007},
        {"sid": "SMc26223853f8c46b4ab7dfaa6abba0a27", "num_media": 1, "error_code": null},
        {"sid": "SMc26223853f8c46b4ab7dfaa6abba0a28", "num_media": "-1"},
        {"sid": "SMc26223853f8c46b4ab7dfaa6abba0a29", "num_media": "1000000"}]})");
    BOOST_REQUIRE(page);
    const ListedMessage& first = page->messages[0];
    BOOST_TEST(first.is_inbound());
    BOOST_TEST(first.num_media == 2);
    BOOST_TEST((first.sent == at(2019, 5, 24, 17h + 44min + 47s)));
    BOOST_TEST((first.updated == at(2019, 5, 24, 17h + 44min + 50s)));
    BOOST_TEST(first.error_code.value() == 30007);
    BOOST_TEST(page->messages[1].num_media == 1);
    BOOST_TEST(!page->messages[1].error_code);
    BOOST_TEST(!page->messages[1].sent);
    BOOST_TEST(page->messages[2].num_media == 0);
    BOOST_TEST(page->messages[3].num_media == 64);
}

BOOST_AUTO_TEST_CASE(the_last_page_has_no_next_one) {
    const auto page = read_message_page(kAccount, R"({"messages": [], "next_page_uri": null})");
    BOOST_REQUIRE(page);
    BOOST_TEST(page->next_path.empty());
    BOOST_TEST(page->messages.empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_list_is_said_to_be_none) {
    BOOST_TEST(problem("") == "the list of messages is no JSON object");
    BOOST_TEST(problem("<html>") == "the list of messages is no JSON object");
    BOOST_TEST(problem(std::string_view{kPage}.substr(0, 500)) ==
               "the list of messages is no JSON object");
    BOOST_TEST(problem("[]") == "the list of messages is no JSON object");
    BOOST_TEST(problem("{}") == "the list of messages has no messages");
    BOOST_TEST(problem(R"({"messages": {}})") == "the list of messages has no messages");
    BOOST_TEST(problem(R"({"messages": [1]})") == "a listed message is no JSON object");
    // Left out, it could be the one that is looked for.
    BOOST_TEST(problem(R"({"messages": [{"body": "x"}]})") ==
               "a listed message has no readable sid");
    BOOST_TEST(problem(R"({"messages": [{"sid": "SM1"}]})") ==
               "a listed message has no readable sid");
}

BOOST_AUTO_TEST_CASE(where_asked_for_an_entry_that_is_no_message_is_left_out_and_counted) {
    const auto page = read_message_page(kAccount, R"({"messages": [1, {"body": "x"},
        {"sid": "SMc26223853f8c46b4ab7dfaa6abba0a27"}, {"sid": "SM1"}]})",
                                        BadEntry::is_skipped);
    BOOST_REQUIRE(page);
    BOOST_TEST(page->skipped == 3);
    BOOST_REQUIRE(page->messages.size() == 1);
    BOOST_TEST(page->messages[0].sid == "SMc26223853f8c46b4ab7dfaa6abba0a27");
    BOOST_TEST(!read_message_page(kAccount, "{}", BadEntry::is_skipped));
}

BOOST_AUTO_TEST_CASE(sizes_and_depth_are_bounded) {
    BOOST_TEST(problem(std::string(4 * 1024 * 1024 + 1, ' ')) ==
               "the list of messages is larger than 4 MiB");
    BOOST_TEST(problem(R"({"messages": [)" + std::string(100'000, '[')) ==
               "the list of messages is no JSON object");
    std::string many = R"({"messages": [{})";
    for (int i = 0; i < 1000; ++i) many += ",{}";
    BOOST_TEST(problem(many + "]}") == "the list has more than 1000 messages");
}

BOOST_AUTO_TEST_CASE(only_this_accounts_list_is_asked_on) {
    const std::string own = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";
    BOOST_TEST(problem(with_next(own + "?Page=1")) == "none");
    for (const std::string& next :
         {std::string{"https://evil.example/x"}, std::string{"//evil.example/x"},
          std::string{"@evil.example"}, own, own + "/../x",
          std::string{"/2010-04-01/Accounts/AC00000000000000000000000000000002/Messages.json?P=1"},
          own + "?" + std::string(5000, 'x'), own + "?P=1 HTTP/1.1\\r\\nX: y", own + "?P=\u00e9"}) {
        BOOST_TEST(problem(with_next(next)) ==
                       "the next page of the list is not of this account's messages",
                   next);
    }
}

BOOST_AUTO_TEST_CASE(dates_are_read_as_rfc_2822_writes_them) {
    BOOST_TEST(
        (read_rfc2822("Fri, 24 May 2019 17:44:46 +0000") == at(2019, 5, 24, 17h + 44min + 46s)));
    BOOST_TEST((read_rfc2822("1 Jan 2026 00:00:00 GMT") == at(2026, 1, 1, 0s)));
    BOOST_TEST((read_rfc2822("Thu, 01 Jan 2026 00:30:00 +0130") == at(2025, 12, 31, 23h)));
    BOOST_TEST((read_rfc2822("Wed, 31 Dec 2025 20:00:00 -0400") == at(2026, 1, 1, 0s)));
}

BOOST_AUTO_TEST_CASE(other_texts_are_no_dates) {
    for (const char* text :
         {"", "now", "2026-01-01T00:00:00Z", "Fri, 24 May 2019", "Fri, 24 May 2019 17:44:46",
          "Fri, 31 Feb 2026 00:00:00 +0000", "Fri, 24 Mai 2019 17:44:46 +0000",
          "Fri, 24 May 19 17:44:46 +0000", "Fri, 24 May 2019 24:00:00 +0000",
          "Fri, 24 May 2019 1:44:46 +0000", "Fri, 24 May 2019 17:44:46 CEST",
          "Fri, 24 May 2019 17:44:46 +0000 x", "Fri, 24 May -019 17:44:46 +0000"}) {
        BOOST_TEST(!read_rfc2822(text), text);
    }
}
