// After an outage the running program fetches what Twilio took meanwhile, each message once (G8).
#include "support/missing.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kClient = kMissedClient;

constexpr int kMessages = 500;
constexpr int kMediaEach = 5;  // every fifth

/// A day in which nobody received; every tenth message had been delivered before the end.
void a_day(Missing& system) {
    for (int i = 0; i < kMessages; ++i) {
        std::vector<sim::Media> media;
        if (i % kMediaEach == 0) media.push_back(picture(i));
        const std::string body = fmt::format("message {}", i);
        const std::string sid = system.miss(24h - i * 170s, body, kClient, std::move(media));
        if (i % 10 == 9) system.deliver(sid, body);
    }
    system.nobody_received_for("1 day");
}

bool are_all_there(const Missing& system) {
    return eventually([&] { return system.messages() == kMessages; }, kLong);
}

void check_each_once(const Missing& system) {
    BOOST_TEST(system.db.count("SELECT count(DISTINCT body) FROM messages_in") == kMessages);
    BOOST_TEST(system.db.count("SELECT count(*) FROM webhook_events") == kMessages);
    BOOST_TEST(system.db.count("SELECT count(*) FROM messages_in WHERE media_url LIKE "
                               "'%/Media/ME%' AND media -> 0 ->> 'content_type' = 'image/jpeg'") ==
               kMessages / kMediaEach);
    BOOST_TEST(system.db.count("SELECT count(*) FROM webhook_events WHERE source = 'backfill'") ==
               kMessages - kMessages / 10);
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_days_messages_appear_after_the_start_without_a_command, Missing) {
    a_day(*this);
    Variables one_router = variables();
    one_router["ROUTER_THREADS"] = "1";  // several may overtake each other
    Process service{{"serve"}, one_router};
    BOOST_REQUIRE_MESSAGE(are_all_there(*this), service.last_words());
    check_each_once(*this);
    // In the order in which they were written, and each with its date.
    BOOST_TEST(
        db.count("SELECT count(*) FROM (SELECT details ->> 'date_sent' AS sent, lag(details ->> "
                 "'date_sent') OVER (ORDER BY seq) AS before FROM messages_in WHERE details ->> "
                 "'date_sent' IS NOT NULL) AS m WHERE m.sent < m.before") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE profile_name = 'Zoé'") == 50);
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM backfills WHERE fetched = 450") == 1; },
        kLong));
    BOOST_TEST(db.query_value("SELECT last_receiving_at > now() - interval '1 hour' FROM "
                              "receiving") == "t");
    // No body and no number in the log.
    BOOST_TEST(!has(service.output(), "message 1"));
    BOOST_TEST(!has(service.output(), kClient));

    // By hand, again: first what it would do, then for good.
    const std::vector<std::string> command{"backfill", "--since",
                                           db.query_value("SELECT now() - interval '25 hours'")};
    std::vector<std::string> dry = command;
    dry.push_back("--dry-run");
    for (const auto& arguments : {dry, command}) {
        const Ran ran = run_program(arguments, variables());
        BOOST_TEST(ran.exit_code == 0);
        BOOST_TEST(has(ran.output, "0 messages missing"), ran.output);
        BOOST_TEST(has(ran.output, "500 there already"), ran.output);
    }
    check_each_once(*this);
    BOOST_TEST(messages() == kMessages);
}

BOOST_FIXTURE_TEST_CASE(killed_in_the_middle_the_next_process_goes_on, Missing) {
    a_day(*this);
    for (const char* point : {"backfill.claimed", "backfill.stored", "backfill.noted"}) {
        Variables faulty = variables();
        faulty["FAULT_POINT"] = point;
        faulty["FAULT_AT"] = std::string{point} == "backfill.stored" ? "4" : "1";
        Process killed{{"serve"}, faulty, "", PGCOURIER_FAULTY_BINARY};
        BOOST_REQUIRE_MESSAGE(eventually([&] { return !killed.is_running(); }, kLong),
                              killed.last_words());
        BOOST_TEST(killed.wait() == 128 + SIGKILL);
    }
    BOOST_TEST(messages() < kMessages);
    const Process service{{"serve"}, variables()};
    BOOST_REQUIRE_MESSAGE(are_all_there(*this), service.last_words());
    check_each_once(*this);
}

BOOST_FIXTURE_TEST_CASE(of_two_instances_one_finds_the_gap_and_fills_it, Missing) {
    a_day(*this);
    const Process one{{"serve"}, variables()};
    const Process two{{"serve"}, variables()};
    BOOST_REQUIRE_MESSAGE(are_all_there(*this), one.last_words() + two.last_words());
    check_each_once(*this);
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 1);
    // Its media were asked for once.
    BOOST_TEST(calls("media") == 100);
}

BOOST_FIXTURE_TEST_CASE(the_first_start_of_all_fetches_nothing, Missing) {
    miss(1h);
    const Process service{{"serve"}, variables()};
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM receiving") == 1; }, kLong));
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 0);
    BOOST_TEST(calls("list") == 0);
}

BOOST_FIXTURE_TEST_CASE(sending_waits_until_each_stop_of_the_gap_is_known, Missing) {
    const auto write = [&](const std::string& to) {
        return db.query_value(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES "
                        "('{}', '{}', 'x') RETURNING id",
                        tenant, to));
    };
    const std::string unwanted = write("+33611111111");
    const std::string wanted = write("+33622222222");
    miss(1h, "STOP", "+33611111111");
    nobody_received_for("2 hours");
    twilio.script().add(
        {.call = sim::ApiCall::list, .times = 1, .then = {.delay = std::chrono::seconds{2}}});
    const Process service{{"serve"}, variables()};
    const auto status = [&](const std::string& id) {
        return db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'");
    };
    BOOST_TEST(eventually([&] { return status(wanted) == "sent"; }, kLong));
    BOOST_TEST(eventually([&] { return status(unwanted) == "blocked"; }, kLong));
    BOOST_TEST(twilio.ledger().attempts_to("+33611111111") == 0);
    BOOST_TEST(db.query_value("SELECT m.sent_at > b.first_pass_at - interval '1 s' FROM "
                              "messages_out AS m, backfills AS b WHERE m.status = 'sent'") == "t");
}

BOOST_FIXTURE_TEST_CASE(sending_does_not_wait_longer_for_a_list_that_hangs, Missing) {
    const std::string id = db.query_value(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'x') "
                    "RETURNING id",
                    tenant, kClient));
    nobody_received_for("2 hours");
    twilio.script().add({.call = sim::ApiCall::list, .then = {.answer = sim::Answer::hang}});
    const Process service{{"serve"}, variables()};
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM backfills") == 1; }, kLong));
    BOOST_TEST(has(db.query_value("SELECT ops.explain('" + id + "')"), "after an outage"));
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1; },
        kLong));
    BOOST_TEST(db.query_value("SELECT m.sent_at > b.sending_waits_until AND b.sending_waits_until "
                              "<= b.asked_at + interval '26 s' FROM messages_out AS m, backfills "
                              "AS b") == "t");
}

// The database answers all the while, so that nothing else tells of it.
BOOST_FIXTURE_TEST_CASE(what_was_answered_503_is_fetched, Missing) {
    const Variables with_port = variables();
    const Process service{{"serve"}, with_port};
    const std::string hook =
        fmt::format("http://127.0.0.1:{}/webhooks/twilio", with_port.at("PORT"));
    BOOST_REQUIRE(eventually(
        [&] {
            return post_signed(hook, inbound_form(1, kClient, kMissedShop, "one")).status == 200;
        },
        kLong));
    {
        pg::Connection other = db.connect();
        other.exec_script("BEGIN; LOCK TABLE webhook_events");
        BOOST_TEST(post_signed(hook, inbound_form(2, kClient, kMissedShop, "two")).status == 503);
        // Until nobody will store it any more.
        const std::string metrics =
            fmt::format("http://127.0.0.1:{}/metrics", with_port.at("PORT"));
        BOOST_REQUIRE(eventually(
            [&] { return has(get(metrics).body, R"(result="unavailable"} 1)"); }, kLong));
    }
    // Twilio's date of it lies before the gap, as far as two clocks may differ.
    BOOST_REQUIRE(twilio.inbound({.from = kClient,
                                  .to = kMissedShop,
                                  .body = "two",
                                  .media = {},
                                  .more = {},
                                  .sid = message_sid(2),
                                  .sent_at = ago(2min),
                                  .is_posted = false}));
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM backfills") == 1; }, kLong));
    BOOST_TEST(db.query_value("SELECT until - since > interval '15 s' FROM backfills") == "t");
    BOOST_TEST(eventually([&] { return messages() == 2; }, kLong));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE source = 'backfill' AND key = "
                        "'msg:" +
                        message_sid(2) + "'") == 1);
}

// Somebody else receives all the while, perhaps, and finds no gap.
BOOST_FIXTURE_TEST_CASE(what_was_answered_503_just_before_the_end_is_written_down, Missing) {
    const Variables with_port = variables();
    Process service{{"serve"}, with_port};
    const std::string hook =
        fmt::format("http://127.0.0.1:{}/webhooks/twilio", with_port.at("PORT"));
    BOOST_REQUIRE(eventually(
        [&] {
            return post_signed(hook, inbound_form(1, kClient, kMissedShop, "one")).status == 200;
        },
        kLong));
    {
        pg::Connection other = db.connect();
        other.exec_script("BEGIN; LOCK TABLE webhook_events");
        BOOST_TEST(post_signed(hook, inbound_form(2, kClient, kMissedShop, "two")).status == 503);
        // Until nobody will store it any more.
        const std::string metrics =
            fmt::format("http://127.0.0.1:{}/metrics", with_port.at("PORT"));
        BOOST_REQUIRE(eventually(
            [&] { return has(get(metrics).body, R"(result="unavailable"} 1)"); }, kLong));
    }
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM instances") == 0);
}

// Another one received all the while; whoever starts takes the row away.
BOOST_FIXTURE_TEST_CASE(what_a_killed_process_had_in_hand_is_fetched_whoever_starts_next, Missing) {
    miss(15min);
    nobody_received_for("0 s");
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles, heartbeat_at) VALUES "
        "('killed', 'there', 1, '1', 'webhook', now() - interval '20 min'), "
        "('other', 'there', 2, '1', 'webhook', now() + interval '1 h')");
    Variables without_webhooks = variables();
    without_webhooks["PGCOURIER_ROLES"] = "router,sender";
    const Process service{{"serve"}, without_webhooks};
    BOOST_TEST(eventually([&] { return messages() == 1; }, kLong));
}

// It stays silent, and nobody starts.
BOOST_FIXTURE_TEST_CASE(what_a_silent_process_had_in_hand_is_fetched_by_one_that_runs, Missing) {
    const Process service{{"serve"}, variables()};
    BOOST_REQUIRE(
        eventually([&] { return db.count("SELECT count(*) FROM instances") == 1; }, kLong));
    BOOST_REQUIRE(
        eventually([&] { return db.count("SELECT count(*) FROM receiving") == 1; }, kLong));
    miss(15min);
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles, heartbeat_at) VALUES "
        "('silent', 'there', 1, '1', 'webhook', now() - interval '20 min')");
    BOOST_TEST(eventually([&] { return messages() == 1; }, kLong));
    BOOST_TEST(db.query_value("SELECT sending_waits_until IS NULL FROM backfills") == "t");
    BOOST_TEST(db.query_value("SELECT told_at > heartbeat_at FROM instances WHERE id = 'silent'") ==
               "t");
}

// It takes the others, so that sending does not wait for it.
BOOST_FIXTURE_TEST_CASE(what_the_database_refused_is_written_down_as_a_gap_too, Missing) {
    db.exec("ALTER TABLE webhook_events ADD CONSTRAINT wrong CHECK (key NOT LIKE '%2')");
    const Variables with_port = variables();
    Process service{{"serve"}, with_port};
    const std::string hook =
        fmt::format("http://127.0.0.1:{}/webhooks/twilio", with_port.at("PORT"));
    BOOST_REQUIRE(eventually(
        [&] {
            return post_signed(hook, inbound_form(1, kClient, kMissedShop, "one")).status == 200;
        },
        kLong));
    BOOST_TEST(post_signed(hook, inbound_form(2, kClient, kMissedShop, "two")).status == 503);
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
    BOOST_TEST(
        db.query_value("SELECT count(*) || ' ' || bool_and(sending_waits_until IS NULL) FROM "
                       "backfills") == "1 true");
}

BOOST_FIXTURE_TEST_CASE(a_process_that_only_sends_waits_for_the_stops_of_a_gap, Missing) {
    db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('" + tenant +
            "', '+33611111111', 'x')");
    miss(30min, "STOP", "+33611111111");
    nobody_received_for("1 hour");
    Variables without_webhooks = variables();
    without_webhooks["PGCOURIER_ROLES"] = "router,sender";
    const Process service{{"serve"}, without_webhooks};
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'blocked'") == 1; },
        kLong));
    BOOST_TEST(twilio.ledger().attempts_to("+33611111111") == 0);
}

// A list call that hangs keeps nobody from ending, and what it read is read again.
BOOST_FIXTURE_TEST_CASE(sigterm_ends_a_list_call_that_hangs, Missing) {
    miss(1h);
    nobody_received_for("2 hours");
    twilio.script().add(
        {.call = sim::ApiCall::list, .times = 1, .then = {.answer = sim::Answer::hang}});
    {
        Process service{{"serve"}, variables()};
        BOOST_REQUIRE_MESSAGE(eventually([&] { return calls("list") > 0; }, kLong),
                              service.last_words());
        service.signal(SIGTERM);
        BOOST_TEST(service.wait() == 0);
        BOOST_TEST(has(service.output(), "Stopped"));
        BOOST_TEST(!has(service.output(), "Could not say goodbye"));
    }
    BOOST_TEST(db.query_value("SELECT token IS NULL AND covered_until IS NULL AND step = 'words' "
                              "FROM backfills") == "t");
    const Process service{{"serve"}, variables()};
    BOOST_TEST(eventually([&] { return messages() == 1; }, kLong));
}

}  // namespace pgcourier
