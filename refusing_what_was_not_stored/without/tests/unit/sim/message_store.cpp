#include "sim/message_store.hpp"

#include "twilio/json.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::sim;
using namespace std::chrono_literals;
using twilio::find;

namespace {

constexpr WallTime kNoon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 25} + 12h};
const std::string kAccount = "AC00000000000000000000000000005151";

Message a_message(const std::string& name, WallTime created, bool is_sent = true) {
    Message message;
    message.sid = name;
    message.to = "whatsapp:+33612345678";
    message.from = "whatsapp:+33700000001";
    message.created = message.updated = created;
    if (is_sent) message.sent = created;
    return message;
}

ListQuery a_query(const std::string& text) {
    const auto read = read_list_query(twilio::decode_form(text));
    BOOST_REQUIRE(std::holds_alternative<ListQuery>(read));
    return std::get<ListQuery>(read);
}

std::string names(const Page& page) {
    std::string all;
    for (const Message& message : page.messages) all += message.sid;
    return all;
}

std::string listed(const MessageStore& store, const std::string& query) {
    return names(store.list(a_query(query), WallTime::max()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_newest_comes_first) {
    MessageStore store{0};
    store.add(a_message("a", kNoon));
    store.add(a_message("b", kNoon + 2s));
    store.add(a_message("c", kNoon + 1s));  // of the past, added late
    store.add(a_message("d", kNoon + 2s));
    BOOST_TEST(listed(store, "") == "dbca");
}

BOOST_AUTO_TEST_CASE(to_and_from_compare_with_and_without_whatsapp) {
    MessageStore store{0};
    store.add(a_message("a", kNoon));
    Message other = a_message("b", kNoon);
    std::swap(other.from, other.to);
    store.add(other);
    BOOST_TEST(listed(store, "To=whatsapp%3A%2B33612345678") == "a");
    BOOST_TEST(listed(store, "To=%2B33612345678") == "a");
    BOOST_TEST(listed(store, "From=whatsapp:%2B33612345678") == "b");
    BOOST_TEST(listed(store, "To=%2B33612345678&From=%2B33612345678") == "");
}

BOOST_AUTO_TEST_CASE(dates_are_days_in_gmt_and_inclusive) {
    MessageStore store{0};
    store.add(a_message("a", kNoon - 24h));
    store.add(a_message("b", kNoon - 12h));  // midnight belongs to the day that begins
    store.add(a_message("c", kNoon));
    store.add(a_message("d", kNoon + 24h));
    store.add(a_message("e", kNoon + 24h, false));
    BOOST_TEST(listed(store, "DateSent=2026-11-25") == "cb");
    BOOST_TEST(listed(store, "DateSent%3E=2026-11-25") == "dcb");
    BOOST_TEST(listed(store, "DateSent>=2026-11-25") == "dcb");
    BOOST_TEST(listed(store, "DateSent%3C=2026-11-25") == "cba");
    BOOST_TEST(listed(store, "DateSent%3E=2026-11-25&DateSent%3C=2026-11-25") == "cb");
    // The time of day is ignored.
    BOOST_TEST(listed(store, "DateSent%3E=2026-11-25T13:00:00Z") == "dcb");
    // Without a date, what is not sent yet is listed too.
    BOOST_TEST(listed(store, "") == "edcba");
}

BOOST_AUTO_TEST_CASE(wrong_parameters_are_named) {
    for (const auto& [text, name] : std::initializer_list<std::pair<const char*, const char*>>{
             {"DateSent=yesterday", "DateSent"},
             {"DateSent%3E=2026-13-01", "DateSent>"},
             {"PageSize=0", "PageSize"},
             {"PageSize=1001", "PageSize"},
             {"Page=-1", "Page"}}) {
        const auto read = read_list_query(twilio::decode_form(text));
        BOOST_REQUIRE_MESSAGE(std::holds_alternative<std::string>(read), text);
        BOOST_TEST(std::get<std::string>(read) == name);
    }
}

BOOST_AUTO_TEST_CASE(pages_follow_each_other_though_messages_arrive_between_them) {
    MessageStore store{0};
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        store.add(a_message(name, kNoon + store.size() * 1s));
    }
    const Page first = store.list(a_query("PageSize=2"), WallTime::max());
    BOOST_TEST(names(first) == "ed");
    BOOST_TEST(first.previous_token == "");

    store.add(a_message("f", kNoon + 10s));
    const Page second =
        store.list(a_query("PageSize=2&Page=1&PageToken=" + first.next_token), WallTime::max());
    BOOST_TEST(names(second) == "cb");
    const Page third =
        store.list(a_query("PageSize=2&Page=2&PageToken=" + second.next_token), WallTime::max());
    BOOST_TEST(names(third) == "a");
    BOOST_TEST(third.next_token == "");
    const Page back =
        store.list(a_query("PageSize=2&Page=1&PageToken=" + third.previous_token), WallTime::max());
    BOOST_TEST(names(back) == "cb");
}

BOOST_AUTO_TEST_CASE(the_resource_repeats_filters_in_its_addresses) {
    MessageStore store{0};
    store.add(a_message("SMa", kNoon));
    store.add(a_message("SMb", kNoon + 1s));
    const auto params =
        twilio::decode_form("To=whatsapp%3A%2B33612345678&DateSent%3E=2026-11-25&PageSize=1");
    const auto query = std::get<ListQuery>(read_list_query(params));
    const auto fields =
        twilio::json_fields(to_json(store.list(query, WallTime::max()), query, params, kAccount));

    const std::string filters =
        "/2010-04-01/Accounts/" + kAccount +
        "/Messages.json?To=whatsapp%3A%2B33612345678&DateSent%3E=2026-11-25&PageSize=1";
    BOOST_TEST(*find(fields, "first_page_uri") == filters + "&Page=0");
    BOOST_TEST(*find(fields, "uri") == filters + "&Page=0");
    BOOST_TEST(*find(fields, "next_page_uri") == filters + "&Page=1&PageToken=PASMb");
    BOOST_TEST(*find(fields, "previous_page_uri") == "");
    BOOST_TEST(*find(fields, "page") == "0");
    BOOST_TEST(*find(fields, "page_size") == "1");
    BOOST_TEST(*find(fields, "start") == "0");
    BOOST_TEST(*find(fields, "end") == "0");
    BOOST_TEST(find(fields, "messages") != nullptr);
    BOOST_TEST(fields.size() == 9u);
}

BOOST_AUTO_TEST_CASE(a_bounded_store_forgets_the_oldest) {
    MessageStore store{2};
    const auto a = store.add(a_message("a", kNoon));
    const auto b = store.add(a_message("b", kNoon));
    const auto c = store.add(a_message("c", kNoon));
    BOOST_TEST(store.size() == 2u);
    BOOST_TEST(!store.find("a"));
    BOOST_TEST(!store.find(a));
    BOOST_TEST(store.find(b)->sid == "b");
    BOOST_TEST(store.find("c")->number == c);
    BOOST_TEST(listed(store, "") == "cb");
    store.clear();
    BOOST_TEST(!store.find(c));
    BOOST_TEST(!store.find("c"));
}

BOOST_AUTO_TEST_CASE(a_new_message_is_listed_after_the_delay) {
    MessageStore store{0};
    store.add(a_message("a", kNoon));
    BOOST_TEST(names(store.list({}, kNoon - 1ms)) == "");
    BOOST_TEST(names(store.list({}, kNoon)) == "a");
}
