// What Twilio took while nobody received it: which of it is fetched, when, and what becomes of it.
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

    // Others that do not receive, are not there any more, or have not received yet.
    instance("sender", "router,sender", "1 h", "0 s");
    instance("dead", "webhook", "1 h", "1 h");
    instance("later", "webhook", "0 s", "0 s");
    nobody_received_for("2 s");
    BOOST_TEST(start("own"));
    nobody_received_for("2 s");
    BOOST_TEST(!start("later"));
    BOOST_TEST(db.count("SELECT count(*) FROM backfills") == 2);
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

BOOST_FIXTURE_TEST_CASE(a_clock_that_went_back_hides_no_later_gap, Missing) {
    pg::Connection connection = db.connect();
    nobody_received_for("-1 hour");  // said before a standby with another clock took over
    BOOST_TEST(!backfill::say_receiving(connection, kOutage));
    BOOST_TEST(db.query_value("SELECT last_receiving_at <= now() FROM receiving") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_gap_that_sending_waits_for_comes_before_one_that_is_being_filled,
                        Missing) {
    gap("5 hours");
    miss(2h, "STOP");
    BOOST_TEST(fill());  // its words and messages
    db.exec("UPDATE backfills SET step = 'messages', covered_until = NULL, due_at = now()");
    bool is_first = true;
    backfill::Settings own = settings();
    own.on_place = [&](const backfill::Place&, const backfill::Tally&) {
        if (std::exchange(is_first, false)) gap("1 hour");
    };
    Wake wake;
    backfill::Worker worker{db.options("backfill"), own, wake, system_clock(), 1};
    BOOST_TEST(worker.run_once());
    BOOST_TEST(db.query_rows("SELECT step || '|' || (token IS NULL) || '|' || (due_at <= now()) || "
                             "'|' || (sending_waits_until IS NULL) FROM backfills ORDER BY id") ==
                   (std::vector<std::string>{"messages|true|true|true", "words|true|true|false"}),
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

BOOST_FIXTURE_TEST_CASE(all_numbers_of_the_shops_are_read_and_no_other, Missing) {
    db.add_tenant("Other", "+33700000002");
    gap("5 hours");
    miss(2h, "one");
    miss(2h, "two", kClient, {}, "+33700000002");
    miss(2h, "nobody's", kClient, {}, "+33700000009");
    BOOST_TEST(fill());
    BOOST_TEST(db.query_rows("SELECT body FROM messages_in ORDER BY body") ==
                   (std::vector<std::string>{"one", "two"}),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_list_that_cannot_be_read_is_read_later, Missing) {
    gap("5 hours");
    miss(2h);
    backfill::Settings impatient = settings();
    impatient.provider.timeout = 3s;
    struct Case {
        sim::Behaviour behaviour;
        std::uint64_t times;  // an answer that can be read as none is final, others are tried twice
        std::string error;
    };
    const std::vector<Case> cases{
        {{.answer = sim::Answer::error, .status = 503}, 2, "HTTP 503"},
        {{.answer = sim::Answer::error, .status = 500}, 2, "HTTP 500"},
        {{.answer = sim::Answer::error, .status = 429}, 2, "HTTP 429"},
        {{.answer = sim::Answer::error, .status = 401}, 1, "HTTP 401"},
        {{.answer = sim::Answer::truncated}, 1, "the list of messages is no JSON object"},
        {{.answer = sim::Answer::reset}, 2, "no answer"},
        {{.answer = sim::Answer::hang}, 2, "no answer"}};
    int failures = 0;
    for (const Case& one : cases) {
        twilio.script().add(
            {.call = sim::ApiCall::list, .times = one.times, .then = one.behaviour});
        BOOST_TEST(fill(impatient));
        const std::string error = db.query_value("SELECT last_error FROM backfills");
        BOOST_TEST(has(error, one.error), error);
        BOOST_TEST(db.count("SELECT failures FROM backfills") == ++failures);
        BOOST_TEST(db.query_value("SELECT covered_until IS NULL AND first_pass_at IS NULL AND "
                                  "token IS NULL AND due_at > now() FROM backfills") == "t");
        BOOST_TEST(messages() == 0);
        db.exec("UPDATE backfills SET due_at = now()");
    }
    BOOST_TEST(db.query_value("SELECT state FROM ops.backfills") == "failing");
    BOOST_TEST(db.count("SELECT count(*) FROM ops.stuck WHERE entity = 'backfill'") == 1);
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    BOOST_TEST(db.query_value("SELECT failures || coalesce(last_error, '-') || state FROM "
                              "ops.backfills") == "0-waiting");
    BOOST_TEST(db.count("SELECT count(*) FROM ops.stuck WHERE entity = 'backfill'") == 0);
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
    BOOST_TEST(db.query_value("SELECT fetched || '|' || failures || '|' || last_error || '|' || "
                              "(covered_until IS NULL) FROM backfills") ==
               "2|1|a message's media: HTTP 500|true");
    // Whoever goes on, also after a kill, begins with that day.
    BOOST_TEST(db.query_value("SELECT number || '|' || (day <= (now() AT TIME ZONE 'UTC')::date - "
                              "1) FROM backfills") == std::string{kMissedShop} + "|true");

    // It comes without, in the end.
    db.exec("UPDATE backfills SET due_at = now(), failures = 12");
    cannot_be_read(2);
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 3);
    BOOST_TEST(db.query_value("SELECT fetched || '|' || media_missing || '|' || (covered_until IS "
                              "NOT NULL) FROM backfills") == "3|1|true");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE provider_message_id = '" +
                        with_picture + "' AND media IS NULL") == 1);
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

}  // namespace pgcourier
