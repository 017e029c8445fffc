// What Twilio took while nobody received it: which of it is fetched, when, and what becomes of it.
#include "maintenance/retention.hpp"
#include "outbox/delivery.hpp"
#include "support/missing.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <utility>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kClient = kMissedClient;

}  // namespace

BOOST_FIXTURE_TEST_CASE(only_a_silence_of_more_than_ten_seconds_is_a_gap, Missing) {
    pg::Connection connection = db.connect();
    const auto say = [&] { return backfill::say_receiving(connection, kOutage).has_value(); };
    BOOST_TEST(!say());  // the first of all
    nobody_received_for("5 s");
    BOOST_TEST(!say());
    nobody_received_for("20 s");
    BOOST_TEST(say());
    BOOST_TEST(!say());  // whoever comes second
    BOOST_TEST(db.query_value("SELECT until - since BETWEEN interval '20 s' AND interval '3 min' "
                              "AND sending_waits_until > now() FROM backfills") == "t");
    db.exec("UPDATE backfills SET ended_at = now()");
    nobody_received_for("90 days");
    BOOST_TEST(say());
    BOOST_TEST(db.query_value("SELECT max(until - since) FROM backfills") == "30 days");
}

BOOST_FIXTURE_TEST_CASE(a_start_finds_a_gap_however_short_unless_another_one_receives, Missing) {
    pg::Connection connection = db.connect();
    const auto start = [&](const std::string& id) {
        backfill::Receiving how = kOutage;
        how.started_id = id;
        return backfill::say_receiving(connection, how).has_value();
    };
    const auto instance = [&](const std::string& id, const std::string& roles,
                              const std::string& started, const std::string& heard) {
        db.exec(
            fmt::format("INSERT INTO instances (id, host, pid, version, roles, started_at, "
                        "heartbeat_at) VALUES ('{}', 'h', 1, '1', '{}', now() - interval "
                        "'{}', now() - interval '{}')",
                        id, roles, started, heard));
    };
    instance("own", "webhook,router,sender", "1 min", "1 s");
    BOOST_TEST(!start("own"));  // the first of all
    nobody_received_for("2 s");
    BOOST_TEST(start("own"));
    db.exec("UPDATE backfills SET ended_at = now()");

    // Others that do not receive, are not there any more, or have not received yet.
    instance("sender", "router,sender", "1 h", "0 s");
    instance("dead", "webhook", "1 h", "1 h");
    instance("later", "webhook", "0 s", "0 s");
    nobody_received_for("2 s");
    BOOST_TEST(start("own"));
    nobody_received_for("2 s");
    BOOST_TEST(!start("later"));
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 2);
    db.exec("UPDATE backfills SET ended_at = now()");
    // Two start together: whoever says it first finds the gap, and the other one none, although it
    // was registered before.
    db.exec("DELETE FROM instances");
    instance("elder", "webhook", "2 s", "0 s");
    instance("younger", "webhook", "1 s", "0 s");
    nobody_received_for("1 hour");
    BOOST_TEST(start("younger"));
    BOOST_TEST(!start("elder"));
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 3);
}

BOOST_FIXTURE_TEST_CASE(what_was_refused_is_a_gap_whoever_else_received, Missing) {
    pg::Connection connection = db.connect();
    nobody_received_for("1 s");
    backfill::Receiving how = kOutage;
    how.refused = 40s;
    BOOST_TEST(backfill::say_receiving(connection, how).has_value());
    BOOST_TEST(db.query_value("SELECT until - since BETWEEN interval '40 s' AND interval '41 s' "
                              "FROM backfills") == "t");
}

// Others received all the while, but not what it had in hand; sending has no reason to wait.
BOOST_FIXTURE_TEST_CASE(what_a_killed_process_had_in_hand_is_a_gap_without_a_pause, Missing) {
    pg::Connection connection = db.connect();
    const auto killed = [&] {
        return backfill::say_missed(connection, 40s, std::chrono::days{30}).has_value();
    };
    BOOST_TEST(!killed());  // nobody ever received
    nobody_received_for("1 s");
    BOOST_TEST(killed());
    BOOST_TEST(db.query_value("SELECT until - since >= interval '40 s' AND sending_waits_until IS "
                              "NULL FROM backfills") == "t");
    // One that sending waits for is no other gap, and goes on being waited for.
    db.exec("UPDATE receiving SET last_receiving_at = now() - interval '1 h'");
    BOOST_TEST(backfill::find_silence(connection, 10s, std::chrono::days{30}).has_value());
    BOOST_TEST(killed());
    BOOST_TEST(db.query_value("SELECT until - since >= interval '1 h' AND sending_waits_until IS "
                              "NOT NULL FROM backfills") == "t");
}

BOOST_FIXTURE_TEST_CASE(who_only_sends_finds_the_silence_once, Missing) {
    pg::Connection connection = db.connect();
    const auto find = [&] {
        return backfill::find_silence(connection, 5min, std::chrono::days{30});
    };
    BOOST_TEST(!find());  // nobody ever received
    nobody_received_for("5 s");
    BOOST_TEST(!find());
    nobody_received_for("1 hour");
    BOOST_TEST(find().has_value());
    BOOST_TEST(!find());
    BOOST_TEST(db.query_value("SELECT last_receiving_at < now() - interval '50 min' FROM "
                              "receiving") == "t");
    // And it goes on.
    db.exec("UPDATE backfills SET until = until - interval '10 min'");
    BOOST_TEST(find().has_value());
    BOOST_TEST(db.query_value("SELECT until > now() - interval '5 min' FROM backfills") == "t");
    // Whoever receives again says how long the gap was.
    BOOST_TEST(backfill::say_receiving(connection, kOutage).has_value());
    BOOST_TEST(
        db.query_value("SELECT until - since >= interval '1 hour' AND sending_waits_until IS "
                       "NOT NULL FROM backfills") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_clock_that_went_back_is_a_gap_and_hides_no_later_one, Missing) {
    pg::Connection connection = db.connect();
    nobody_received_for("-1 hour");  // said before a standby with another clock took over
    BOOST_TEST(backfill::say_receiving(connection, kOutage).has_value());
    BOOST_TEST(db.query_value("SELECT last_receiving_at <= now() FROM receiving") == "t");
    BOOST_TEST(db.query_value("SELECT since = until FROM backfills") == "t");
    BOOST_TEST(!backfill::say_receiving(connection, kOutage));
}

BOOST_FIXTURE_TEST_CASE(a_gap_is_due_although_the_clock_went_back, Missing) {
    gap("5 hours");
    miss(2h);
    db.exec("UPDATE backfills SET due_at = now() + interval '6 min'");
    BOOST_TEST(!fill());
    // Held back in the middle of its messages when the clock was hours ahead.
    db.exec(
        "UPDATE backfills SET step = 'messages', number = '+336', day = now()::date, failures = 3, "
        "due_at = now() + interval '3 hours'");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    // Or a command's, which was killed since.
    db.exec(
        "UPDATE backfills SET token = 'x', instance_id = NULL, due_at = now() + interval '3 "
        "hours'");
    BOOST_TEST(fill());
}

BOOST_FIXTURE_TEST_CASE(sending_waits_its_time_for_a_gap_although_the_clock_went_back, Missing) {
    gap("20 s");
    db.exec(
        "UPDATE backfills SET until = until + interval '3 hours', sending_waits_until = "
        "sending_waits_until + interval '3 hours'");
    gap("12 s");
    BOOST_TEST(db.query_value("SELECT (sending_waits_until BETWEEN now() AND now() + interval '30 "
                              "s') || '|' || count(*) OVER () FROM backfills") == "true|1");
}

BOOST_FIXTURE_TEST_CASE(gaps_that_hang_together_are_one_and_hold_sending_back_once, Missing) {
    gap("20 s");
    db.exec("UPDATE backfills SET sending_waits_until = now() + interval '3 s'");
    for (int start = 0; start < 10; ++start) gap("12 s");
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 1);
    BOOST_TEST(db.query_value("SELECT sending_waits_until < now() + interval '3 s' FROM "
                              "backfills") == "t");
    miss(10s);
    miss(5s, "STOP");
    BOOST_TEST(fill());
    BOOST_TEST(is_opted_out(kClient));
    // What is known of it is not read again; a STOP of the new part is, and its sent messages.
    db.exec(
        "UPDATE backfills SET until = until - interval '2 min', since = since - interval '1 h', "
        "covered_until = covered_until - interval '2 min'");
    const std::string before = db.query_value("SELECT since FROM backfills");
    gap("1 min");
    BOOST_TEST(db.query_value("SELECT step || '|' || (covered_until IS NOT NULL) || '|' || "
                              "(sending_waits_until > now()) || '|' || count(*) OVER () FROM "
                              "backfills") == "words|true|true|1");
    BOOST_TEST(db.query_value("SELECT since FROM backfills") == before);
    // Another day's is one of its own.
    db.exec(
        "UPDATE backfills SET until = until - interval '1 day', since = since - interval '1 day'");
    gap("1 min");
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 2);
}

// A Twilio that is down is no reason for a row at each restart; sending does not wait at each.
BOOST_FIXTURE_TEST_CASE(a_gap_whose_stops_cannot_be_read_takes_others_in, Missing) {
    gap("1 hour");
    twilio.script().add(
        {.call = sim::ApiCall::list, .then = {.answer = sim::Answer::error, .status = 503}});
    BOOST_TEST(fill());
    BOOST_REQUIRE(db.query_value("SELECT step || (number <> '') || failures FROM backfills") ==
                  "wordstrue1");
    db.exec("UPDATE backfills SET sending_waits_until = now() - interval '4 min'");
    gap("1 min");
    BOOST_TEST(db.query_value("SELECT (until - since >= interval '1 hour') || '|' || (due_at <= "
                              "now()) || '|' || (sending_waits_until < now()) || '|' || count(*) "
                              "OVER () FROM backfills") == "true|true|true|1");
    // What comes after a long while is waited for again.
    db.exec("UPDATE backfills SET sending_waits_until = now() - interval '6 min'");
    gap("1 min");
    BOOST_TEST(db.query_value("SELECT (sending_waits_until > now()) || '|' || count(*) OVER () "
                              "FROM backfills") == "true|1");
}

// It keeps what it has read; the new gap begins where it ends.
BOOST_FIXTURE_TEST_CASE(a_gap_that_is_being_read_is_left_as_it_is, Missing) {
    gap("5 hours");
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES ('test', 'h', 1, '1', "
        "'sender')");
    db.exec(
        "UPDATE backfills SET token = 'x', instance_id = 'test', due_at = now() + interval '1 "
        "min', sending_waits_until = now() - interval '1 s'");
    gap("1 hour");
    BOOST_TEST(
        db.query_rows("SELECT (token IS NULL) || '|' || (until - since < interval '1 min') "
                      "|| '|' || (sending_waits_until < now()) FROM backfills ORDER BY id") ==
            (std::vector<std::string>{"false|false|true", "true|true|true"}),
        boost::test_tools::per_element());
}

// Whatever this process believes of RETENTION_DAYS.
BOOST_FIXTURE_TEST_CASE(a_message_that_may_have_been_deleted_does_not_come_as_new, Missing) {
    gap("5 days");
    const std::string handled = miss(72h);
    deliver(handled, "Bonjour", db.query_value("SELECT now() - interval '3 days'"));
    miss(30h, "later");
    db.exec("DELETE FROM webhook_queue");
    pg::Connection connection = db.connect();
    maintenance::prune(connection, {.messages = 2, .dead_letters = 90, .event_log = 90},
                       maintenance::Prune::deletes, system_clock());
    BOOST_REQUIRE(db.count("SELECT count(*) FROM webhook_events") == 0);
    BOOST_TEST(db.query_value("SELECT pruned_before BETWEEN now() - interval '72 h' AND "
                              "now() - interval '71 h' FROM retention_passes WHERE table_name = "
                              "'webhook_events'") == "t");
    const Ran refused = run_program(
        {"backfill", "--since", db.query_value("SELECT now() - interval '4 days'")}, variables());
    BOOST_TEST(refused.exit_code == 2);
    BOOST_TEST(has(refused.output, "may have been here and been deleted"), refused.output);
    BOOST_TEST(fill());
    BOOST_TEST(db.query_rows("SELECT body FROM messages_in") == std::vector<std::string>{"later"},
               boost::test_tools::per_element());
}

// A walk of hours; what is deleted meanwhile was there when its page was asked for, perhaps.
BOOST_FIXTURE_TEST_CASE(what_is_deleted_during_a_walk_does_not_come_as_new, Missing) {
    gap("5 days");
    db.exec("UPDATE backfills SET step = 'messages'");
    miss(72h);
    miss(30h, "later");
    backfill::Settings own = settings();
    own.on_place = [&](const backfill::Place&, const backfill::Tally&) {
        db.exec(
            "UPDATE retention_passes SET pruned_before = now() - interval '2 days' WHERE "
            "table_name = 'webhook_events'");
    };
    BOOST_TEST(fill(own));
    BOOST_TEST(db.query_rows("SELECT body FROM messages_in") == std::vector<std::string>{"later"},
               boost::test_tools::per_element());
}

// Its webhook comes, and tells more.
BOOST_FIXTURE_TEST_CASE(a_stop_after_the_gap_is_left_to_its_webhook, Missing) {
    gap("1 hour");
    db.exec("UPDATE backfills SET until = now() - interval '30 s'");
    miss(1s, "STOP");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_gap_that_sending_waits_for_comes_before_one_that_is_being_filled,
                        Missing) {
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES ('test', 'h', 1, '1', "
        "'sender')");
    gap("5 hours");
    miss(2h, "STOP");
    BOOST_TEST(fill());  // its words and messages
    db.exec(
        "UPDATE backfills SET step = 'messages', covered_until = NULL, due_at = now(), "
        "sending_waits_until = now() - interval '6 min', failures = 5, media_failures = 3");
    bool is_first = true;
    backfill::Settings own = settings();
    own.on_place = [&](const backfill::Place&, const backfill::Tally&) {
        if (!std::exchange(is_first, false)) return;
        gap("1 hour");
        db.exec(
            "UPDATE backfills SET sending_waits_until = now() + interval '1 hour' WHERE step = "
            "'words'");
    };
    Wake wake;
    backfill::Worker worker{db.options("backfill"), own, wake, system_clock(), 1};
    BOOST_TEST(worker.run_once());
    BOOST_TEST(db.query_rows("SELECT step || '|' || (token IS NULL) || '|' || (due_at <= now()) || "
                             "'|' || (sending_waits_until > now()) FROM backfills ORDER BY id") ==
                   (std::vector<std::string>{"messages|true|true|false", "words|true|true|true"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_rows("SELECT failures || '|' || media_failures FROM backfills ORDER BY "
                             "id") == (std::vector<std::string>{"5|3", "0|0"}),
               boost::test_tools::per_element());
    BOOST_TEST(worker.run_once());
    BOOST_TEST(db.query_rows("SELECT covered_until IS NULL FROM backfills ORDER BY id") ==
                   (std::vector<std::string>{"t", "f"}),
               boost::test_tools::per_element());
    BOOST_TEST(worker.run_once());
    BOOST_TEST(db.count("SELECT count(*) FROM backfills WHERE covered_until IS NULL") == 0);
}

BOOST_FIXTURE_TEST_CASE(sending_waits_for_the_routing_of_a_stop_that_is_there_already, Missing) {
    gap("5 hours");
    deliver(miss(2h, "STOP"), "STOP");  // it came, and nobody has routed it
    Wake wake;
    backfill::Worker worker{db.options("backfill"), settings(), wake, system_clock(), 1};
    std::jthread filling{[&](const std::stop_token& stop) { worker.run(stop); }};
    BOOST_REQUIRE(eventually([&] { return calls("list") >= 1; }, kLong));
    BOOST_TEST(!eventually(
        [&] { return db.count("SELECT count(*) FROM backfills WHERE step <> 'words'") == 1; },
        500ms));
    filling.request_stop();
    filling.join();
    BOOST_TEST(db.query_value("SELECT step || '|' || (token IS NULL) || '|' || "
                              "(sending_waits_until IS NULL) FROM backfills") ==
               "words|true|false");
    BOOST_TEST(fill());
    BOOST_TEST(is_opted_out(kClient));
    BOOST_TEST(db.query_value("SELECT sending_waits_until IS NULL FROM backfills") == "t");
}

// Its picture, which a call of its own would tell, is not worth a message to somebody who said
// STOP.
BOOST_FIXTURE_TEST_CASE(a_stop_is_known_without_its_media, Missing) {
    gap("1 hour");
    miss(30min, "STOP", kClient, {picture(1)});
    twilio.script().add(
        {.call = sim::ApiCall::media, .then = {.answer = sim::Answer::hang, .delay = 2 * kLong}});
    Filling filling{*this, patient()};
    BOOST_TEST(eventually([&] { return is_opted_out(kClient); }, kLong));
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM backfills WHERE step <> 'words'") == 1; },
        kLong));
    BOOST_TEST(db.query_value("SELECT with_media || '|' || media_missing FROM backfills") == "1|1");
    BOOST_TEST(calls("media") == 0);
}

// Sending waits for all of them: a list that takes its time keeps no other one waiting.
BOOST_FIXTURE_TEST_CASE(a_stop_is_known_while_another_numbers_list_hangs, Missing) {
    db.add_tenant("Other", kOtherShop);
    gap("1 hour");
    miss(30min, "STOP", kClient, {}, kOtherShop);
    hang_lists_to(kMissedShop);
    Filling filling{*this, patient()};
    BOOST_TEST(eventually([&] { return is_opted_out(kClient); }, kLong));
    BOOST_TEST(db.query_value("SELECT step || '|' || number FROM backfills") ==
               std::string{"words|"} + kMissedShop);
}

BOOST_FIXTURE_TEST_CASE(the_numbers_that_something_is_to_be_sent_from_come_first, Missing) {
    const std::string other = db.add_tenant("Other", kOtherShop);
    db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('" + other +
            "', '+33622222222', 'x')");
    gap("1 hour");
    miss(30min, "STOP", kClient, {}, kOtherShop);
    hang_lists_to(kMissedShop);
    backfill::Settings one_at_a_time = patient();
    one_at_a_time.calls.concurrency = 1;
    Filling filling{*this, one_at_a_time};
    BOOST_TEST(eventually([&] { return is_opted_out(kClient); }, kLong));
}

// Its process fetched it and ended; whoever goes on behind that number waits for it all the same.
BOOST_FIXTURE_TEST_CASE(sending_waits_for_the_routing_of_what_another_process_fetched, Missing) {
    gap("1 hour");
    miss(30min, "STOP");
    {
        Filling filling{*this, settings(), false};
        BOOST_REQUIRE(
            eventually([&] { return db.count("SELECT count(*) FROM webhook_queue") == 1; }, kLong));
    }
    db.exec("UPDATE backfills SET number = '+339', day = now()::date");
    Filling filling{*this, settings(), false};
    BOOST_REQUIRE(eventually(
        [&] { return db.count("SELECT count(*) FROM backfills WHERE token IS NOT NULL") == 1; },
        kLong));
    BOOST_TEST(!eventually(
        [&] { return db.count("SELECT count(*) FROM backfills WHERE step <> 'words'") == 1; },
        500ms));
}

// It is gone on with afterwards; the log does not claim that it is known.
BOOST_FIXTURE_TEST_CASE(a_stop_that_nobody_routes_holds_sending_back_to_the_end_of_its_time,
                        Missing) {
    gap("1 hour");
    miss(30min, "STOP");
    Filling filling{*this, settings(), false};
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM backfills WHERE step <> 'words'") == 1; },
        kLong));
    BOOST_TEST(db.query_value("SELECT sending_waits_until IS NOT NULL AND first_pass_at IS NULL "
                              "FROM backfills") == "t");
}

BOOST_FIXTURE_TEST_CASE(what_is_younger_than_a_minute_is_left_to_its_webhook_but_a_stop, Missing) {
    gap("1 hour");
    miss(30min, "old");
    miss(1s, "young");
    miss(1s, "STOP", "+33611111111");
    BOOST_TEST(fill());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE body = 'young'") == 0);
    BOOST_TEST(messages() == 2);
    BOOST_TEST(is_opted_out("+33611111111"));
    BOOST_TEST(!fill());  // not due
    BOOST_TEST(db.query_value("SELECT ended_at IS NULL AND due_at > now() FROM backfills") == "t");

    // Two minutes later.
    db.exec(
        "UPDATE backfills SET since = since - interval '2 min', until = until - interval '2 min', "
        "covered_until = covered_until - interval '2 min', due_at = now()");
    const std::string late = miss(80s, "in time");
    BOOST_TEST(fill());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE body = 'in time'") == 1);
    // Ten minutes later it is over.
    db.exec(
        "UPDATE backfills SET until = until - interval '10 min', covered_until = covered_until - "
        "interval '10 min', due_at = now()");
    BOOST_TEST(fill());
    BOOST_TEST(db.query_value("SELECT ended_at IS NOT NULL AND fetched >= 3 FROM backfills") ==
               "t");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'backfill_ended'") == 1);
    // The webhook that comes after all has the same key.
    BOOST_CHECK_THROW(deliver(late), pg::Error);
}

BOOST_FIXTURE_TEST_CASE(the_newest_word_holds_whenever_it_was_heard, Missing) {
    const auto said = [&](const std::string& person, const std::string& word,
                          const std::string& when) {
        db.exec(
            fmt::format("SELECT pgcourier_record_opt_word('{}', '{}', '{}', now() - interval "
                        "'{}', 'test', NULL, 'c')",
                        tenant, person, word, when));
    };
    const std::string came_back = "+33611111111";
    const std::string went = "+33622222222";
    gap("5 hours");
    miss(2h, "STOP", came_back);
    said(came_back, "start", "1 hour");
    miss(1h, "ARRÊT", went);
    said(went, "start", "2 hours");
    BOOST_TEST(fill());
    BOOST_TEST(!is_opted_out(came_back));
    BOOST_TEST(is_opted_out(went));
    BOOST_TEST(db.query_value("SELECT occurred_at BETWEEN now() - interval '70 min' AND now() - "
                              "interval '50 min' FROM opt_out_history WHERE phone_number = '" +
                              went + "' AND source = 'backfill'") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_message_whose_event_is_no_longer_kept_does_not_come_again, Missing) {
    gap("5 hours");
    deliver(miss(2h));
    BOOST_TEST(fill());
    db.exec("DELETE FROM webhook_events");
    db.exec(
        "UPDATE backfills SET step = 'messages', number = '', day = NULL, ended_at = NULL, "
        "covered_until = NULL, due_at = now()");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 0);
}

// What came to a number that nobody has any more, or yet, would have been stored as well. STOPs to
// these come with the messages: nothing is sent from them.
BOOST_FIXTURE_TEST_CASE(all_numbers_are_read_that_a_shop_has_or_had_or_may_get_and_no_other,
                        Missing) {
    db.add_tenant("Other", kOtherShop);
    db.add_tenant("Gone", "+33700000003");
    db.add_tenant("Moved", "+33700000004");
    db.add_tenant("Moved long ago", "+33700000006");
    gap("5 hours");
    db.exec(
        "DELETE FROM tenants WHERE name = 'Gone';"
        "UPDATE tenants SET whatsapp_phone_number = '+33700000005' WHERE name = 'Moved';"
        "UPDATE tenants SET whatsapp_phone_number = '+33700000007' WHERE name = 'Moved long ago';"
        "UPDATE former_numbers SET left_at = now() - interval '31 days' WHERE number = "
        "'+33700000006';"
        "INSERT INTO messages_in (provider_message_id, \"from\", \"to\", body, correlation_id, "
        "message_type) VALUES "
        "('SM1', '+33611111111', '+33700000008', 'waits for a shop', 'c', NULL), "
        "('SM2', '+33611111111', 'no number', 'waits for a shop', 'c', NULL), "
        "('SM3', '+33611111111', '+33700000009', 'of a shop that was deleted', 'c', 'client')");
    for (int number = 1; number <= 9; ++number)
        miss(2h, "Bonjour", kClient, {}, fmt::format("+3370000000{}", number));
    BOOST_TEST(fill());
    BOOST_TEST(
        db.query_rows("SELECT m.\"to\", coalesce(t.name, '-') FROM messages_in AS m LEFT "
                      "JOIN tenants AS t ON t.id = m.tenant_id WHERE m.event_id IS NOT NULL "
                      "ORDER BY 1") ==
            (std::vector<std::string>{"+33700000001|Shop", "+33700000002|Other", "+33700000003|-",
                                      "+33700000004|-", "+33700000005|Moved",
                                      "+33700000007|Moved long ago", "+33700000008|-"}),
        boost::test_tools::per_element());
    const auto lists_to = [&](const std::string& number) {
        return twilio.ledger().count([&](const sim::LedgerEntry& e) {
            return e.kind == "list" && e.to == "whatsapp:" + number;
        });
    };
    BOOST_TEST(lists_to("no number") == 0);
    BOOST_TEST(lists_to(kMissedShop) > lists_to("+33700000003"));
}

BOOST_FIXTURE_TEST_CASE(a_number_that_a_shop_leaves_is_kept_with_its_time, Missing) {
    db.exec("INSERT INTO former_numbers VALUES ('+33700000009', now() - interval '400 days')");
    const auto set = [&](const std::string& number) {
        db.exec("UPDATE tenants SET name = 'Other', whatsapp_phone_number = " + number);
    };
    set("whatsapp_phone_number");
    BOOST_TEST(db.query_value("SELECT string_agg(number, ' ') FROM former_numbers") ==
               "+33700000009");
    set("'whatsapp:+33700000002'");
    set("'+33700000001'");
    set("NULL");
    set("'+33700000003'");
    db.exec("DELETE FROM tenants");
    BOOST_TEST(db.query_value("SELECT string_agg(number, ' ' ORDER BY left_at) FROM "
                              "former_numbers") == "+33700000002 +33700000001 +33700000003");
}

BOOST_FIXTURE_TEST_CASE(a_list_that_cannot_be_read_is_read_later, Missing) {
    gap("5 hours");
    miss(2h);
    backfill::Settings impatient = settings();
    impatient.provider.timeout = 3s;
    struct Case {
        sim::Behaviour behaviour;
        std::string error;
    };
    const std::vector<Case> cases{
        {{.answer = sim::Answer::error, .status = 503}, "HTTP 503"},
        {{.answer = sim::Answer::error, .status = 500}, "HTTP 500"},
        {{.answer = sim::Answer::error, .status = 429}, "HTTP 429"},
        {{.answer = sim::Answer::error, .status = 401}, "HTTP 401"},
        {{.answer = sim::Answer::truncated}, "the list of messages is no JSON object"},
        {{.answer = sim::Answer::reset}, "no answer"},
        {{.answer = sim::Answer::hang}, "no answer"}};
    int failures = 0;
    for (const Case& one : cases) {
        twilio.script().clear();
        twilio.script().add({.call = sim::ApiCall::list, .then = one.behaviour});
        BOOST_TEST(fill(impatient));
        const std::string error = db.query_value("SELECT last_error FROM backfills");
        BOOST_TEST(has(error, one.error), error);
        BOOST_TEST(db.count("SELECT failures FROM backfills") == ++failures);
        BOOST_TEST(db.query_value("SELECT covered_until IS NULL AND first_pass_at IS NULL AND "
                                  "token IS NULL AND due_at > now() FROM backfills") == "t");
        BOOST_TEST(messages() == 0);
        db.exec("UPDATE backfills SET due_at = now()");
    }
    twilio.script().clear();
    BOOST_TEST(db.query_value("SELECT state FROM ops.backfills") == "failing");
    BOOST_TEST(db.count("SELECT count(*) FROM ops.stuck WHERE entity = 'backfill'") == 1);
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    BOOST_TEST(db.query_value("SELECT failures || coalesce(last_error, '-') || state FROM "
                              "ops.backfills") == "0-waiting");
    BOOST_TEST(db.count("SELECT count(*) FROM ops.stuck WHERE entity = 'backfill'") == 0);
}

// It is tried again, first for its STOPs; what it alone holds is missing, and nothing else.
BOOST_FIXTURE_TEST_CASE(a_list_that_alone_cannot_be_read_blocks_no_other_one, Missing) {
    db.add_tenant("Other", kOtherShop);
    const std::vector<std::pair<sim::Behaviour, std::string>> cases{
        {{.answer = sim::Answer::error, .status = 400}, "HTTP 400"},
        {{.answer = sim::Answer::error, .status = 404}, "HTTP 404"},
        {{.answer = sim::Answer::truncated}, "the list of messages is no JSON object"},
        {{.answer = sim::Answer::huge}, "larger than"}};
    std::int64_t others = 0;
    for (const auto& [behaviour, error] : cases) {
        db.exec("DELETE FROM backfills");
        gap("5 hours");
        const std::string went = fmt::format("+336111111{:02}", others);
        miss(2h, "of the one");
        miss(2h, "of the other", kClient, {}, kOtherShop);
        miss(1h, "STOP", went, {}, kOtherShop);
        others += 2;
        twilio.script().clear();
        twilio.script().add({.call = sim::ApiCall::list, .to = kMissedShop, .then = behaviour});
        BOOST_TEST(fill());
        BOOST_TEST(is_opted_out(went));
        BOOST_TEST(db.query_value("SELECT step || failures || (first_pass_at IS NULL) || "
                                  "(sending_waits_until IS NOT NULL) FROM backfills") ==
                   "words1truetrue");
        for (int again = 0; again < 2; ++again) {
            db.exec("UPDATE backfills SET due_at = now()");
            BOOST_TEST(fill());
        }
        const std::string last_error = db.query_value("SELECT last_error FROM backfills");
        BOOST_TEST(has(last_error, error), last_error);
        BOOST_TEST(db.query_value("SELECT step || failures || number || (covered_until IS NULL) "
                                  "FROM backfills") == "messages3true");
        BOOST_TEST(has(last_error, "(+337…01, "), last_error);
        BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE \"to\" = '" +
                            std::string{kOtherShop} + "'") == others);
        BOOST_TEST(messages() == others + others / 2 - 1);
        twilio.script().clear();
        db.exec("UPDATE backfills SET due_at = now()");
        BOOST_TEST(fill());
        BOOST_TEST(messages() == others + others / 2);
        BOOST_TEST(db.query_value("SELECT failures || (covered_until IS NOT NULL)::text FROM "
                                  "backfills") == "0true");
    }
}

// The same of a list that Twilio does not answer for, whichever comes first.
BOOST_FIXTURE_TEST_CASE(a_list_that_alone_gets_no_answer_blocks_no_other_one, Missing) {
    db.add_tenant("Other", kOtherShop);
    const std::vector<std::pair<std::string, sim::Behaviour>> cases{
        {kMissedShop, {.answer = sim::Answer::error, .status = 503}},
        {kMissedShop, {.answer = sim::Answer::reset}},
        {kOtherShop, {.answer = sim::Answer::error, .status = 500}},
        {kOtherShop, {.answer = sim::Answer::reset}}};
    int number = 0;
    for (const auto& [silent, behaviour] : cases) {
        db.exec("DELETE FROM backfills");
        gap("5 hours");
        const std::string held_back = fmt::format("held back {}", ++number);
        const std::string other = fmt::format("of the other {}", number);
        miss(2h, held_back, kClient, {}, silent);
        miss(2h, other, kClient, {}, silent == kMissedShop ? kOtherShop : kMissedShop);
        const auto are_there = [&](const std::string& body) {
            return db.count("SELECT count(*) FROM messages_in WHERE body = '" + body + "'");
        };
        twilio.script().clear();
        twilio.script().add({.call = sim::ApiCall::list, .to = silent, .then = behaviour});
        for (int tried = 1; tried <= 3; ++tried) {
            BOOST_TEST(are_there(other) == 0);  // STOPs come first, three times
            BOOST_TEST(fill());
            BOOST_TEST(db.count("SELECT failures FROM backfills") == tried);
            BOOST_TEST(db.query_value("SELECT due_at > now() FROM backfills") == "t");
            db.exec("UPDATE backfills SET due_at = now()");
        }
        BOOST_TEST(are_there(other) == 1);
        BOOST_TEST(are_there(held_back) == 0);
        BOOST_TEST(db.query_value("SELECT step || number || (covered_until IS NULL) || (ended_at "
                                  "IS NULL) FROM backfills") == "messagestruetrue");
        twilio.script().clear();
        BOOST_TEST(fill());
        BOOST_TEST(are_there(held_back) == 1);
        BOOST_TEST(db.query_value("SELECT failures || (covered_until IS NOT NULL)::text FROM "
                                  "backfills") == "0true");
    }
}

BOOST_FIXTURE_TEST_CASE(some_that_never_get_an_answer_keep_nobody_waiting_for_ever, Missing) {
    for (int number = 2; number <= 5; ++number) {
        const std::string shop = fmt::format("+3370000000{}", number);
        db.add_tenant(shop, shop);
    }
    for (int number = 1; number <= 4; ++number) {
        twilio.script().add({.call = sim::ApiCall::list,
                             .to = fmt::format("+3370000000{}", number),
                             .then = {.answer = sim::Answer::error, .status = 503}});
    }
    gap("5 hours");
    db.exec("UPDATE backfills SET step = 'messages'");
    miss(2h, "behind them", kClient, {}, "+33700000005");
    for (int tried = 1; tried <= 3; ++tried) {
        BOOST_TEST(messages() == 0);
        BOOST_TEST(fill());
        db.exec("UPDATE backfills SET due_at = now()");
    }
    BOOST_TEST(messages() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_twilio_that_does_not_answer_is_not_asked_for_every_number, Missing) {
    for (int number = 10; number < 30; ++number) {
        const std::string shop = fmt::format("+337000000{}", number);
        db.add_tenant(shop, shop);
    }
    gap("5 hours");
    db.exec("UPDATE backfills SET step = 'messages'");
    twilio.script().add(
        {.call = sim::ApiCall::list, .then = {.answer = sim::Answer::error, .status = 503}});
    BOOST_TEST(fill());
    BOOST_TEST(calls("list") <= 12);  // three numbers, of two days perhaps, each twice
    BOOST_TEST(db.query_value("SELECT number FROM backfills") == kMissedShop);
}

// Read when it is old enough, though no walk has been whole.
BOOST_FIXTURE_TEST_CASE(a_list_that_cannot_be_read_keeps_no_young_message_of_another_away,
                        Missing) {
    db.add_tenant("Other", kOtherShop);
    gap("5 min");
    twilio.script().add({.call = sim::ApiCall::list,
                         .to = kOtherShop,
                         .then = {.answer = sim::Answer::error, .status = 400}});
    for (int tried = 1; tried <= 3; ++tried) {
        BOOST_TEST(fill());
        db.exec("UPDATE backfills SET due_at = now()");
    }
    BOOST_TEST(db.query_value("SELECT step || number || (reading_until IS NULL) FROM backfills") ==
               "messagestrue");
    miss(80s, "too young until now");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    BOOST_TEST(db.query_value("SELECT failures || '|' || (covered_until IS NULL) || '|' || (due_at "
                              "> now() + interval '20 s') FROM backfills") == "4|true|true");
}

// Whoever goes on after a kill reads it too, and does not take it for read.
BOOST_FIXTURE_TEST_CASE(a_walk_goes_on_with_the_list_that_it_has_held_back, Missing) {
    db.add_tenant("Other", kOtherShop);
    gap("5 hours");
    db.exec("UPDATE backfills SET step = 'messages'");
    twilio.script().add({.call = sim::ApiCall::list,
                         .to = kMissedShop,
                         .then = {.answer = sim::Answer::error, .status = 400}});
    std::vector<std::string> places;
    backfill::Settings own = settings();
    own.on_place = [&](const backfill::Place& place, const backfill::Tally&) {
        places.push_back(place.number);
    };
    BOOST_TEST(fill(own));
    BOOST_TEST(places.size() >= 2);
    BOOST_TEST(places == std::vector<std::string>(places.size(), kMissedShop),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_trouble_of_all_lists_is_not_met_at_each, Missing) {
    db.add_tenant("Other", kOtherShop);
    gap("5 hours");
    db.exec("UPDATE backfills SET step = 'messages'");
    twilio.script().add({.call = sim::ApiCall::list,
                         .then = {.answer = sim::Answer::error, .status = 401, .code = 20003}});
    BOOST_TEST(fill());
    BOOST_TEST(calls("list") == 1);
}

BOOST_FIXTURE_TEST_CASE(an_entry_of_the_list_that_is_no_message_is_counted, Missing) {
    gap("5 hours");
    miss(2h);
    BOOST_REQUIRE(twilio.inbound({.from = kClient,
                                  .to = kMissedShop,
                                  .body = "nobody's",
                                  .media = {},
                                  .more = {},
                                  .sid = "none",
                                  .sent_at = ago(1h),
                                  .is_posted = false}));
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    BOOST_TEST(db.query_value("SELECT unreadable || '|' || failures FROM backfills") == "1|0");
}

BOOST_FIXTURE_TEST_CASE(a_message_that_the_database_refuses_keeps_no_other_away, Missing) {
    gap("5 hours");
    miss(3h, "good");
    miss(2h, "bad");
    miss(1h, "good too");
    db.exec("ALTER TABLE webhook_events ADD CHECK (payload ->> 'Body' IS DISTINCT FROM 'bad')");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 2);
    BOOST_TEST(db.query_value("SELECT unreadable || '|' || failures FROM backfills") == "1|0");
}

// What is behind a page that cannot be read is not taken for read because the first page was.
BOOST_FIXTURE_TEST_CASE(a_second_page_that_is_cut_is_read_again, Missing) {
    constexpr int kTwoPages = 250;
    gap("5 hours");
    for (int i = 0; i < kTwoPages; ++i) miss(2h + std::chrono::seconds{i});
    twilio.script().add({.call = sim::ApiCall::list,
                         .skip = 1,
                         .times = 1,
                         .then = {.answer = sim::Answer::truncated}});
    db.exec("UPDATE backfills SET step = 'messages'");
    BOOST_TEST(fill());
    BOOST_TEST(db.query_value("SELECT covered_until IS NULL AND failures = 1 FROM backfills") ==
               "t");
    db.exec("UPDATE backfills SET due_at = now()");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == kTwoPages);
}

BOOST_FIXTURE_TEST_CASE(media_that_twilio_does_not_have_any_more_keep_no_text_back, Missing) {
    gap("5 hours");
    miss(2h, "gone", kClient, {picture(1)});
    miss(1h, "there", kClient, {picture(2), picture(3)});
    twilio.script().add({.call = sim::ApiCall::media,
                         .times = 1,
                         .then = {.answer = sim::Answer::error, .status = 404, .code = 20404}});
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 2);
    BOOST_TEST(db.query_value("SELECT fetched || '|' || with_media || '|' || media_missing FROM "
                              "backfills") == "2|2|1");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE media IS NULL") == 1);
}

BOOST_FIXTURE_TEST_CASE(media_that_cannot_be_read_just_now_hold_their_own_message_back, Missing) {
    gap("30 hours");
    const std::string with_picture = miss(29h, "with a picture", kClient, {picture(1)});
    miss(28h, "the same day");
    miss(1h, "the next day", kClient, {picture(2)});
    const auto cannot_be_read = [&](std::uint64_t times) {
        twilio.script().add({.call = sim::ApiCall::media,
                             .times = times,
                             .then = {.answer = sim::Answer::error, .status = 500}});
    };
    cannot_be_read(2);
    BOOST_TEST(fill());
    BOOST_TEST(db.query_rows("SELECT body FROM messages_in ORDER BY seq") ==
                   (std::vector<std::string>{"the same day", "the next day"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_value("SELECT fetched || '|' || failures || media_failures || '|' || "
                              "number || '|' || (covered_until IS NULL) FROM backfills") ==
               "2|11||true");
    const std::string last_error = db.query_value("SELECT last_error FROM backfills");
    BOOST_TEST(has(last_error, "a message's media: HTTP 500 (+337…01, "), last_error);

    // Whatever else failed before: a list that could not be read says nothing about media.
    db.exec("UPDATE backfills SET due_at = now(), failures = 40, media_failures = 11");
    cannot_be_read(2);
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 2);
    twilio.script().add(
        {.call = sim::ApiCall::list, .then = {.answer = sim::Answer::error, .status = 503}});
    db.exec("UPDATE backfills SET due_at = now(), media_failures = 11");
    BOOST_TEST(fill());
    twilio.script().clear();
    BOOST_TEST(db.query_value("SELECT failures || '|' || media_failures FROM backfills") ==
               "42|11");

    // It comes without, in the end.
    db.exec("UPDATE backfills SET due_at = now(), media_failures = 12");
    cannot_be_read(2);
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 3);
    BOOST_TEST(db.query_value("SELECT fetched || '|' || media_missing || '|' || (covered_until IS "
                              "NOT NULL) FROM backfills") == "3|1|true");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE provider_message_id = '" +
                        with_picture + "' AND media IS NULL") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_stop_in_the_middle_is_no_failure_and_no_end_of_failures, Missing) {
    gap("5 hours");
    db.exec("UPDATE backfills SET failures = 5, media_failures = 3, last_error = 'x'");
    hang_lists_to(kMissedShop);
    {
        Filling filling{*this, patient()};
        BOOST_REQUIRE(eventually([&] { return calls("list") >= 1; }, kLong));
    }
    BOOST_TEST(db.query_value("SELECT (token IS NULL) || '|' || (due_at <= now()) || '|' || "
                              "failures || '|' || media_failures || '|' || last_error FROM "
                              "backfills") == "true|true|5|3|x");
}

BOOST_FIXTURE_TEST_CASE(media_are_read_when_they_can_be, Missing) {
    gap("5 hours");
    miss(2h, "", kClient, {picture(1)});
    twilio.script().add({.call = sim::ApiCall::media,
                         .times = 2,
                         .then = {.answer = sim::Answer::error, .status = 429}});
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 0);
    db.exec("UPDATE backfills SET due_at = now()");
    BOOST_TEST(fill());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE media_url IS NOT NULL") == 1);
}

BOOST_FIXTURE_TEST_CASE(what_has_no_content_in_the_list_is_counted, Missing) {
    gap("5 hours");
    miss(2h, "");
    miss(1h, "text");
    BOOST_TEST(fill());
    BOOST_TEST(db.query_value("SELECT fetched || '|' || without_content FROM backfills") == "2|1");
}

BOOST_FIXTURE_TEST_CASE(a_gap_that_its_process_lost_is_gone_on_with, Missing) {
    const std::string id = gap("5 hours");
    miss(2h);
    // Held by a process that runs, by one that has ended, by a command.
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES ('other', 'h', 1, '1', "
        "'sender')");
    db.exec(
        "UPDATE backfills SET token = 'x', instance_id = 'other', due_at = now() + interval '1 "
        "min'");
    BOOST_TEST(!fill());
    db.exec("UPDATE backfills SET instance_id = NULL");
    BOOST_TEST(!fill());
    db.exec("DELETE FROM instances");
    db.exec("UPDATE backfills SET instance_id = 'other'");
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
}

BOOST_FIXTURE_TEST_CASE(times_that_make_no_sense_are_refused, Missing) {
    const auto refused = [&](std::vector<std::string> arguments, const std::string& why) {
        arguments.insert(arguments.begin(), "backfill");
        const Ran ran = run_program(arguments, variables());
        BOOST_TEST(ran.exit_code == 2);
        BOOST_TEST(has(ran.output, why), ran.output);
    };
    refused({}, "--since");
    refused({"--since", "yesterday or so"}, "expected a time, as '2026-02-08 10:00'");
    refused({"--since", "2020-01-01"}, "before RETENTION_DAYS (30)");
    refused({"--since", "2100-01-01"}, "expected a time before --until");
    refused({"--since", "now", "--until", "2100-01-01"}, "has not come yet");
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 0);
}

BOOST_FIXTURE_TEST_CASE(by_hand_it_says_what_is_missing_and_a_dry_run_changes_nothing, Missing) {
    miss(3h, "", kClient, {picture(1)});
    miss(2h, "");
    miss(26h, "before");
    const std::string since = db.query_value("SELECT now() - interval '1 day'");
    const Ran dry = run_program({"backfill", "--since", since, "--dry-run"}, variables());
    BOOST_TEST(dry.exit_code == 0, dry.output);
    BOOST_TEST(has(dry.output, "2 messages missing, 1 with media; 0 there already."), dry.output);
    BOOST_TEST(has(dry.output, "1 message with neither text nor media"), dry.output);
    BOOST_TEST(has(dry.output, "Nothing was changed."), dry.output);
    BOOST_TEST(db.count("SELECT (SELECT count(*) FROM webhook_events) + (SELECT count(*) FROM "
                        "backfills)") == 0);
    BOOST_TEST(calls("media") == 0);

    const Ran ran =
        run_program({"backfill", "--since", since, "--by", "zoe", "--json"}, variables());
    BOOST_TEST(ran.exit_code == 0, ran.output);
    BOOST_TEST(has(ran.output, R"("dry_run":false)"), ran.output);
    BOOST_TEST(has(ran.output, R"("fetched":2,"with_media":1,"without_content":1)"), ran.output);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE source = 'backfill'") == 2);
    BOOST_TEST(db.query_value("SELECT asked_by || is_automatic || (ended_at IS NOT NULL) FROM "
                              "backfills") == "zoefalsetrue");
}

BOOST_FIXTURE_TEST_CASE(by_hand_a_list_that_cannot_be_read_is_a_failure_that_is_made_good,
                        Missing) {
    miss(2h);
    twilio.script().add({.call = sim::ApiCall::list,
                         .times = 1,
                         .then = {.answer = sim::Answer::error, .status = 401, .code = 20003}});
    const std::string since = db.query_value("SELECT now() - interval '1 day'");
    const Ran ran = run_program({"backfill", "--since", since}, variables());
    BOOST_TEST(ran.exit_code == 1);
    BOOST_TEST(has(ran.output, "Twilio's list cannot be read: HTTP 401"), ran.output);
    db.exec("UPDATE backfills SET due_at = now()");
    const Process service{{"serve"}, variables()};
    BOOST_TEST(eventually([&] { return messages() == 1; }, kLong));
}

BOOST_FIXTURE_TEST_CASE(what_became_of_sent_messages_is_asked_for_too, Sending) {
    twilio.set_progress({.callbacks = false, .step = 1ms, .last = "delivered"});
    const std::string id = add(kClient, "ours");
    Wake wake;
    outbox::Sender sender{db.options("sender"), settings(), wake, system_clock(), 1};
    BOOST_REQUIRE(sender.run_once() == 1);
    BOOST_REQUIRE(status(id) == "sent");
    const std::string sid = column(id, "provider_message_id");
    BOOST_REQUIRE(eventually([&] { return twilio.message(sid)->status == "delivered"; }, kLong));

    db.exec("INSERT INTO receiving VALUES (true, now() - interval '20 s')");
    pg::Connection connection = db.connect();
    BOOST_REQUIRE(backfill::say_receiving(connection, kOutage).has_value());
    backfill::Settings own;
    own.provider = settings().provider;
    own.instance_id = "test";
    backfill::Worker worker{db.options("backfill"), own, wake, system_clock(), 1};
    BOOST_TEST(worker.run_once());
    router::Worker router{db.options("router"), wake, {}, system_clock(), 1};
    BOOST_TEST(router.run_once() == 1);
    outbox::Delivery delivery{db.options("delivery"), wake, 1};
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "delivery_status") == "delivered");
    BOOST_TEST(db.count("SELECT deliveries FROM backfills") == 1);
    // What others sent from the same account is nobody's here.
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 1);

    db.exec("UPDATE backfills SET step = 'deliveries', due_at = now()");
    BOOST_TEST(worker.run_once());
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 1);
}

BOOST_FIXTURE_TEST_CASE(what_became_of_sent_messages_does_not_wait_for_a_list_of_received_ones,
                        Sending) {
    twilio.set_progress({.callbacks = false, .step = 1ms, .last = "delivered"});
    const std::string id = add(kClient, "ours");
    Wake wake;
    outbox::Sender sender{db.options("sender"), settings(), wake, system_clock(), 1};
    BOOST_REQUIRE(sender.run_once() == 1);
    const std::string sid = column(id, "provider_message_id");
    BOOST_REQUIRE(eventually([&] { return twilio.message(sid)->status == "delivered"; }, kLong));

    twilio.script().add({.call = sim::ApiCall::list,
                         .to = kShopNumber,
                         .then = {.answer = sim::Answer::error, .status = 400}});
    db.exec("INSERT INTO receiving VALUES (true, now() - interval '20 s')");
    pg::Connection connection = db.connect();
    BOOST_REQUIRE(backfill::say_receiving(connection, kOutage).has_value());
    backfill::Settings own;
    own.provider = settings().provider;
    own.instance_id = "test";
    backfill::Worker worker{db.options("backfill"), own, wake, system_clock(), 1};
    for (int tried = 1; tried <= 3; ++tried) {
        BOOST_TEST(db.count("SELECT deliveries FROM backfills") == 0);
        BOOST_TEST(worker.run_once());
        db.exec("UPDATE backfills SET due_at = now()");
    }
    BOOST_TEST(db.query_value("SELECT deliveries || step || failures || number || (covered_until "
                              "IS NULL) FROM backfills") == "1messages3true");
}

// Nobody tells them again: what another shop's list tells meanwhile does not end the step.
BOOST_FIXTURE_TEST_CASE(states_of_sent_messages_are_waited_for_while_twilio_does_not_answer,
                        Sending) {
    twilio.set_progress({.callbacks = false, .step = 1ms, .last = "delivered"});
    const std::string id = add(kClient, "ours");
    Wake wake;
    outbox::Sender sender{db.options("sender"), settings(), wake, system_clock(), 1};
    BOOST_REQUIRE(sender.run_once() == 1);
    const std::string sid = column(id, "provider_message_id");
    BOOST_REQUIRE(eventually([&] { return twilio.message(sid)->status == "delivered"; }, kLong));
    const std::string before = db.add_tenant("Before", "+33100000000");
    db.exec(
        "INSERT INTO messages_out (tenant_id, \"to\", body, status, attempts, sent_from, "
        "sent_at, provider_message_id) VALUES ('" +
        before + "', '" + kClient +
        "', 'x', 'sent', 1, '+33100000000', now(), 'SM00000000000000000000000000000077'); INSERT "
        "INTO event_log (event_type, entity_type, "
        "entity_id, actor_type, correlation_id) SELECT 'message_sent', 'message_out', id, "
        "'system', 'c' FROM messages_out WHERE sent_from = '+33100000000'");

    db.exec("INSERT INTO receiving VALUES (true, now() - interval '20 s')");
    pg::Connection connection = db.connect();
    BOOST_REQUIRE(backfill::say_receiving(connection, kOutage).has_value());
    backfill::Settings own;
    own.provider = settings().provider;
    own.instance_id = "test";
    backfill::Worker worker{db.options("backfill"), own, wake, system_clock(), 1};
    db.exec("UPDATE backfills SET step = 'deliveries'");
    twilio.script().add({.call = sim::ApiCall::list,
                         .from = kShopNumber,
                         .then = {.answer = sim::Answer::error, .status = 503}});
    for (int tried = 1; tried <= 5; ++tried) {
        BOOST_TEST(worker.run_once());
        db.exec("UPDATE backfills SET due_at = now()");
    }
    BOOST_TEST(db.query_value("SELECT step || failures || deliveries FROM backfills") ==
               "deliveries50");
    twilio.script().clear();
    BOOST_TEST(worker.run_once());
    BOOST_TEST(db.count("SELECT deliveries FROM backfills") == 1);
}

}  // namespace pgcourier
