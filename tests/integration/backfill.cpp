// What Twilio took while nobody received it: which of it is fetched, when, and what becomes of it.
#include "outbox/delivery.hpp"
#include "support/missing.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kClient = kMissedClient;

}  // namespace

BOOST_FIXTURE_TEST_CASE(only_a_silence_of_more_than_ten_seconds_is_a_gap, Missing) {
    pg::Connection connection = db.connect();
    const auto say = [&] {
        return backfill::say_receiving(connection, 10s, std::chrono::days{30}).has_value();
    };
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
    const std::string id = gap("5 hours");
    miss(2h);
    twilio.script().add({.call = sim::ApiCall::list,
                         .times = 2,
                         .then = {.answer = sim::Answer::error, .status = 503}});
    twilio.script().add(
        {.call = sim::ApiCall::list, .times = 1, .then = {.answer = sim::Answer::truncated}});
    for (int failures = 1; failures <= 2; ++failures) {
        BOOST_TEST(fill());
        BOOST_TEST(db.count("SELECT failures FROM backfills") == failures);
        BOOST_TEST(db.query_value("SELECT due_at > now() FROM backfills") == "t");
        db.exec("UPDATE backfills SET due_at = now()");
    }
    BOOST_TEST(db.query_value("SELECT last_error FROM backfills") ==
               "the list of messages is no JSON object");
    BOOST_TEST(messages() == 0);
    BOOST_TEST(fill());
    BOOST_TEST(messages() == 1);
    BOOST_TEST(db.query_value("SELECT failures || coalesce(last_error, '-') FROM backfills") ==
               "0-");
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

BOOST_FIXTURE_TEST_CASE(media_that_cannot_be_read_just_now_are_waited_for, Missing) {
    gap("5 hours");
    miss(2h, "", kClient, {picture(1)});
    twilio.script().add({.call = sim::ApiCall::media,
                         .times = 2,
                         .then = {.answer = sim::Answer::error, .status = 500}});
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
    BOOST_REQUIRE(backfill::say_receiving(connection, 10s, std::chrono::days{30}).has_value());
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
