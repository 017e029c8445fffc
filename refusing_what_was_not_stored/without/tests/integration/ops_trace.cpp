// links: outbox router sim
// ops.trace: all that happened to one message, in order, for any id that means it.
#include "base/wake.hpp"
#include "outbox/delivery.hpp"
#include "router/worker.hpp"
#include "support/fake_clock.hpp"
#include "support/routing.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

constexpr const char* kAnna = "+33612345678";

#define TEST_LINES(found, ...) \
    BOOST_TEST(found == (Lines{__VA_ARGS__}), boost::test_tools::per_element())

struct Traced : test::Sending {
    Wake sender_wake;
    Wake delivery_wake;
    Wake router_wake;
    test::FakeClock clock;
    outbox::Sender sender{db.options("sender"), settings(), sender_wake, system_clock(), 1};
    outbox::Delivery delivery{db.options("delivery"), delivery_wake, 1};
    router::Worker router{db.options("router"), router_wake, {}, clock, 1};

    void route() {
        clock.advance(1s);
        while (router.run_once() > 0) {
        }
    }
    /// What happened and what is told of it; ids of the message as ID.
    Lines trace(const std::string& id,
                const std::string& columns = "what || coalesce(': ' || detail, '')") const {
        Lines lines = db.query_rows(fmt::format("SELECT {} FROM ops.trace('{}')", columns, id));
        for (const std::string& line : lines) {
            BOOST_TEST(line.find("612345678") == std::string::npos, line);
            BOOST_TEST(line.find("Secret words") == std::string::npos, line);
        }
        return lines;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_outgoing_message_is_followed_from_its_insert_to_its_delivery, Traced) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 400, .code = 63010}});
    const std::string id = add(kAnna, "Secret words");
    sender.run_once();
    BOOST_TEST(status(id) == "failed");
    db.exec("UPDATE outbox_queue SET due_at = now()");
    sender.run_once();
    const std::string sid = column(id, "provider_message_id");
    for (const char* state : {"delivered", "read"}) {
        db.exec(
            fmt::format("INSERT INTO delivery_events (provider_message_id, status, event_id, "
                        "correlation_id, received_at) VALUES ('{}', '{}', 1, 'c', "
                        "clock_timestamp())",
                        sid, state));
        delivery.run_once();
    }
    const Lines lines = trace(id);
    BOOST_REQUIRE(lines.size() == 7u);
    BOOST_TEST(lines[0] == "written to messages_out: for +336…78");
    BOOST_TEST(lines[1].starts_with("message_failed: attempt 1, code 63010, reason: twilio 63010"),
               lines[1]);
    BOOST_TEST(lines[2] == "message_sent: attempt 2, Twilio's id " + sid);
    BOOST_TEST(lines[3] == "callback: delivered");
    BOOST_TEST(lines[4] == "message_delivered: Twilio's id " + sid);
    BOOST_TEST(lines[5] == "callback: read");
    BOOST_TEST(lines[6] == "message_read: Twilio's id " + sid);
    for (const std::string& other : {sid, column(id, "correlation_id")})
        BOOST_TEST(trace(other) == lines, boost::test_tools::per_element());
    BOOST_TEST(db.query_value(
                   fmt::format("SELECT bool_and(ms_since_previous >= 0) AND "
                               "count(ms_since_previous) = 6 AND sum(ms_since_previous) BETWEEN "
                               "extract(epoch FROM max(at) - min(at)) * 1000 - 1 AND extract(epoch "
                               "FROM max(at) - min(at)) * 1000 + 1 FROM "
                               "ops.trace('{}')",
                               id)) == "t");
}

BOOST_FIXTURE_TEST_CASE(a_message_in_flight_shows_who_has_it_and_one_given_up_its_dead_letter,
                        Traced) {
    const std::string id = add(kAnna, "text");
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES ('test', 'paris', 7, '1', "
        "'sender')");
    auto connection = db.connect();
    BOOST_REQUIRE(
        outbox::Exchange({.scopes = {.credentials = outbox::credentials_scope(settings().provider)},
                          .instance_id = "test"})
            .run(connection, {}, 1, {"t"})
            .claim.messages.size() == 1u);
    Lines lines = trace(id);
    BOOST_REQUIRE(lines.size() == 2u);
    BOOST_TEST(lines[1].starts_with("claimed: attempt 1, by paris pid 7, until "), lines[1]);

    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 400, .code = 21211}});
    const std::string other = add("+33612345679", "text");
    sender.run_once();
    BOOST_REQUIRE(status(other) == "dead");
    const std::string letter = db.query_value("SELECT id FROM ops.dead_letters");
    lines = trace(other);
    BOOST_REQUIRE(lines.size() == 3u);
    BOOST_TEST(lines[1].starts_with("message_dead_lettered: attempt 1, code 21211"), lines[1]);
    BOOST_TEST(lines[2].starts_with("waits as a dead letter: twilio 21211"), lines[2]);
    BOOST_TEST(trace(other, "entity")[2] == "dead_letter " + letter);
    BOOST_TEST(trace(letter) == lines, boost::test_tools::per_element());
    db.exec(fmt::format(
        "SELECT ops.retry_dead_letter('{}', by => 'zoe', reason => 'he gave +33612345678')",
        letter));
    lines = trace(other);
    BOOST_REQUIRE(lines.size() == 3u);
    BOOST_TEST(lines[2] ==
               "dead_letter_retried: reason: he gave +336…78, by zoe, dead letter " + letter);
}

BOOST_FIXTURE_TEST_CASE(
    an_incoming_message_is_followed_from_its_receipt_until_the_shop_has_handled_it, Traced) {
    const std::string raw =
        test::an_inbound(1, kAnna, test::kShopNumber, {{"Body", "Secret words"}});
    test::receive(db, raw);
    const std::string sid = "SM00000000000000000000000000000001";
    const std::string correlation = db.query_value("SELECT correlation_id FROM webhook_events");
    for (const std::string& id : {sid, correlation, std::string{"1"}}) {
        TEST_LINES(trace(id), "received: inbound by webhook, from +336…78, waits to be routed");
    }
    route();
    db.exec("UPDATE messages_in SET handled_at = clock_timestamp()");
    const std::string message = db.query_value("SELECT id FROM messages_in");
    for (const std::string& id : {sid, correlation, message, std::string{"1"}}) {
        TEST_LINES(trace(id), "received: inbound by webhook, from +336…78",
                   "webhook_received: from a client", "handled by the shop");
    }
    BOOST_TEST(trace(sid, "entity")[1] == "message_in " + message);
    // The answer, which the shop writes with the same correlation id.
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body, correlation_id) VALUES "
                    "('{}', '{}', 'Secret words', '{}')",
                    shop, kAnna, correlation));
    sender.run_once();
    BOOST_TEST(trace(sid).size() == 5u);
    BOOST_TEST(trace(sid)[4].starts_with("message_sent: attempt 1"));
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_waits_to_be_routed_belongs_to_its_message, Traced) {
    const std::string id = add(kAnna, "text");
    sender.run_once();
    const std::string sid = column(id, "provider_message_id");
    test::receive(db, fmt::format("MessageSid={}&MessageStatus=delivered&From=whatsapp%3A%"
                                  "2B33700000001&To=whatsapp%3A%2B33612345678",
                                  sid));
    BOOST_TEST(trace(id).size() == 3u);
    BOOST_TEST(trace(id)[2] == "received: status by webhook, from +337…01, waits to be routed");
    route();
    BOOST_TEST(trace(id)[2] == "callback: delivered: not taken over yet");
    delivery.run_once();
    const Lines lines = trace(id);
    BOOST_REQUIRE(lines.size() == 4u);
    BOOST_TEST(lines[2] == "callback: delivered");
    BOOST_TEST(lines[3].starts_with("message_delivered"));
}

BOOST_FIXTURE_TEST_CASE(the_predecessors_events_are_shown_without_what_they_hold_of_people,
                        Traced) {
    db.exec(
        "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, "
        "payload) VALUES ('message_sent', 'message_out', 'm', 'old', "
        "'system', '{\"to\": \"+33612345678\", \"body\": \"Secret words\", \"attempt\": 2}')");
    TEST_LINES(trace("old"), "message_sent: attempt 2");
    BOOST_TEST(trace("nothing").empty());
}

BOOST_FIXTURE_TEST_CASE(of_an_id_with_very_much_a_part_is_shown_and_that_there_is_more, Traced) {
    const std::string id = add(kAnna, "Secret words");
    db.exec(fmt::format(
        "INSERT INTO messages_out (tenant_id, \"to\", body, status, correlation_id) SELECT "
        "tenant_id, '+33700000042', 'x', 'sent', 'campaign' FROM messages_out, generate_series(1, "
        "1500) WHERE id = '{0}';"
        "UPDATE messages_out SET correlation_id = 'campaign' WHERE id = '{0}';"
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, payload) "
        "SELECT 'message_sent', 'message_out', 'campaign', 'system', '{{}}' FROM "
        "generate_series(1, 6000)",
        id));
    const Lines lines = trace("campaign", "what");
    BOOST_TEST(lines.size() == 6001u);
    BOOST_TEST(std::ranges::count(lines, "written to messages_out") == 1000);
    BOOST_TEST(lines.back() == "more");
    // The one that was asked for is among them.
    BOOST_TEST(db.count(fmt::format(
                   "SELECT count(*) FROM ops.trace('{0}') WHERE entity = 'message_out {0}'", id)) ==
               1);
}

BOOST_FIXTURE_TEST_CASE(a_persons_messages_are_found_by_the_number, Traced) {
    const std::string first = add(kAnna, "Secret words");
    sender.run_once();
    const std::string second = add(kAnna, "Secret words");
    add("+33612345679", "Secret words");
    db.exec(
        "INSERT INTO messages_in (tenant_id, provider_message_id, \"from\", \"to\", body, "
        "correlation_id, created_at) VALUES (NULL, 'SM1', '+33612345678', '+33700000009', 'Secret "
        "words', 'c1', now() AT TIME ZONE 'UTC' - interval '1 day')");
    const auto of = [&](const std::string& arguments) {
        return db.query_rows(fmt::format(
            "SELECT direction, id, person, status FROM ops.messages_of({}) WHERE to_jsonb("
            "messages_of)::text !~ '612345678|Secret words'",
            arguments));
    };
    const std::string incoming = db.query_value("SELECT id FROM messages_in");
    const std::string newest = fmt::format("out|{}|+336…78|pending", second);
    const std::string middle = fmt::format("out|{}|+336…78|sent", first);
    const std::string oldest = fmt::format("in|{}|+336…78|unrouted", incoming);
    TEST_LINES(of("'+33612345678'"), newest, middle, oldest);
    TEST_LINES(of("'whatsapp:+33612345678', how_many => 1"), newest);
    TEST_LINES(of("'+33612345678', before => now() - interval '1 h'"), oldest);
    BOOST_TEST(of("'+3361234567'").empty());
    BOOST_TEST(of("NULL").empty());
}

BOOST_FIXTURE_TEST_CASE(a_page_of_a_persons_messages_ends_between_two_moments, Traced) {
    for (int message = 0; message < 5; ++message) add(kAnna, "Bonjour");
    db.exec(
        "UPDATE messages_out SET created_at = timestamp '2026-02-08 10:00' + CASE WHEN seq = "
        "(SELECT min(seq) FROM messages_out) THEN interval '0' ELSE interval '1 s' END");
    const auto page = [&](const std::string& arguments) {
        return db.query_value(
            fmt::format("SELECT count(*) || ' ' || min(at AT TIME ZONE 'UTC') FROM ops.messages_of("
                        "'+33612345678', {})",
                        arguments));
    };
    BOOST_TEST(page("how_many => 2") == "4 2026-02-08 10:00:01");
    BOOST_TEST(page("how_many => 2, before => '2026-02-08 10:00:01+00'") ==
               "1 2026-02-08 10:00:00");
    BOOST_TEST(page("how_many => NULL") == "5 2026-02-08 10:00:00");
}

}  // namespace pgcourier
