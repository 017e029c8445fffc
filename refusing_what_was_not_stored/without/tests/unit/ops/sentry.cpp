#include "ops/sentry.hpp"

#include "support/fake_clock.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <sstream>

using namespace pgcourier;
using namespace pgcourier::ops;
using namespace std::chrono_literals;

namespace {

const SentryDsn kDsn = *parse_dsn(Secret{"https://abc123@sentry.example.com/42"});
const SentrySource kSource{
    .environment = "production", .release = "pgcourier@1.2.3", .server_name = "host-1"};

struct Reporting {
    test::FakeClock clock;
    std::vector<http::Call> posted;
    Sentry sentry{kDsn, kSource, [this](http::Call call) { posted.push_back(std::move(call)); },
                  clock};
    void report(Incident::Kind kind, std::string what = "words", std::string correlation = {}) {
        sentry.report({.kind = kind,
                       .component = "Worker",
                       .what = std::move(what),
                       .correlation_id = std::move(correlation)});
    }
};

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream in{text};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

rapidjson::Document payload_of(const http::Call& call) {
    rapidjson::Document json;
    json.Parse(lines_of(call.body).at(2));
    BOOST_REQUIRE(json.IsObject());
    return json;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_envelope_has_a_header_an_item_header_with_the_length_and_the_event) {
    const SentryEvent event{.id = "0123456789abcdef0123456789abcdef",
                            .at = test::FakeClock{}.now(),
                            .incident = {.kind = Incident::Kind::breaker_open,
                                         .component = "Worker",
                                         .what = "Sending paused",
                                         .correlation_id = "c-1"},
                            .held_back = 3};
    const http::Call call = envelope_call(event, kSource, kDsn);
    BOOST_TEST(call.method == "POST");
    BOOST_TEST(call.url == "https://sentry.example.com/api/42/envelope/");
    BOOST_TEST(call.headers ==
                   (std::vector<std::string>{"Content-Type: application/x-sentry-envelope",
                                             "X-Sentry-Auth: Sentry sentry_version=7, "
                                             "sentry_client=pgcourier/1.2.3, sentry_key=abc123"}),
               boost::test_tools::per_element());
    const std::vector<std::string> lines = lines_of(call.body);
    BOOST_REQUIRE(lines.size() == 3);
    BOOST_TEST(lines[0] == R"({"event_id":"0123456789abcdef0123456789abcdef",)"
                           R"("sent_at":"2026-02-08T10:00:00.000Z",)"
                           R"("dsn":"https://abc123@sentry.example.com/42"})");
    BOOST_TEST(lines[1] == fmt::format(R"({{"type":"event","length":{},)"
                                       R"("content_type":"application/json"}})",
                                       lines[2].size()));
    BOOST_TEST(
        lines[2] ==
        R"({"event_id":"0123456789abcdef0123456789abcdef","timestamp":"2026-02-08T10:00:00.000Z",)"
        R"("platform":"native","level":"error","logger":"Worker","environment":"production",)"
        R"("release":"pgcourier@1.2.3","server_name":"host-1","message":"Sending paused",)"
        R"("tags":{"component":"Worker","kind":"breaker_open","correlationId":"c-1"},)"
        R"("fingerprint":["pgcourier","breaker_open","Worker"],"extra":{"heldBack":3}})");
    BOOST_TEST(call.body.ends_with("}\n"));
}

BOOST_AUTO_TEST_CASE(a_secret_key_of_an_old_server_is_sent_along) {
    const auto dsn = parse_dsn(Secret{"https://abc:def@sentry.example.com/42"});
    const http::Call call = envelope_call({.id = "1", .at = {}, .incident = {}}, kSource, *dsn);
    BOOST_TEST(call.headers[1].ends_with("sentry_key=abc, sentry_secret=def"));
}

BOOST_FIXTURE_TEST_CASE(no_number_leaves_the_house_and_no_line_break_breaks_the_envelope,
                        Reporting) {
    report(Incident::Kind::start_failed,
           "connecting to db:5432 for +33612345678 at\n\"12345\": 2026 33 6 é");
    BOOST_REQUIRE(posted.size() == 1);
    BOOST_TEST(lines_of(posted[0].body).size() == 3);
    BOOST_TEST(payload_of(posted[0])["message"].GetString() ==
               std::string{"connecting to db:5432 for +… at\n\"12345\": 2026 33 6 é"});
}

BOOST_FIXTURE_TEST_CASE(long_words_are_cut_between_two_characters, Reporting) {
    report(Incident::Kind::start_failed, "x" + std::string(998, 'y') + "éé");
    BOOST_TEST(payload_of(posted[0])["message"].GetStringLength() == 999);
}

BOOST_FIXTURE_TEST_CASE(a_kind_is_reported_once_in_five_minutes_and_others_beside_it, Reporting) {
    for (int i = 0; i < 10; ++i) report(Incident::Kind::breaker_open);
    report(Incident::Kind::database_gone);
    BOOST_TEST(posted.size() == 2);
    clock.advance(5min);
    report(Incident::Kind::breaker_open);
    BOOST_REQUIRE(posted.size() == 3);
    BOOST_TEST(payload_of(posted[2])["extra"]["heldBack"].GetUint64() == 9);
    BOOST_TEST(payload_of(posted[1])["level"].GetString() == std::string{"fatal"});
}

BOOST_FIXTURE_TEST_CASE(a_dead_letter_is_reported_only_when_there_are_many, Reporting) {
    for (int i = 0; i < 19; ++i) report(Incident::Kind::dead_letter, "twilio 21211: bad");
    BOOST_TEST(posted.empty());
    report(Incident::Kind::dead_letter, "twilio 21211: bad", "c-20");
    report(Incident::Kind::dead_letter, "twilio 21211: bad", "c-21");
    BOOST_REQUIRE(posted.size() == 1);
    const rapidjson::Document json = payload_of(posted[0]);
    BOOST_TEST(json["message"].GetString() ==
               std::string{"20 dead letters within 5 minutes, the last one: twilio 21211: bad"});
    BOOST_TEST(json["tags"]["correlationId"].GetString() == std::string{"c-20"});
    BOOST_TEST(json["tags"]["component"].GetString() == std::string{"DeadLetters"});
    BOOST_TEST(json["tags"]["kind"].GetString() == std::string{"dead_letter_spike"});
}
