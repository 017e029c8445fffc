// links: outbox sim
// What Twilio's status callbacks do to messages.
#include "outbox/delivery.hpp"
#include "sql/outbox.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Sending;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kSid = "SM0123456789abcdef0123456789abcdef";

struct Callbacks : Sending {
    Wake wake;
    Wake sender_wake;
    outbox::Sender sender{db.options("sender"), settings(), sender_wake, system_clock(), 1};
    outbox::Delivery delivery{db.options("delivery"), wake, 1};

    void callback(const std::string& sid, const std::string& state, const std::string& message = {},
                  int attempt = 0, const std::string& error_code = "NULL") const {
        db.exec(fmt::format(
            "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, "
            "error_code, "
            "event_id, correlation_id, received_at) VALUES ('{}', {}, {}, '{}', {}, 1, 'c', now())",
            sid, message.empty() ? "NULL" : "'" + message + "'",
            attempt == 0 ? "NULL" : std::to_string(attempt), state, error_code));
    }
    std::string sent(const std::string& to = kAnna) {
        const std::string id = add(to, "text");
        sender.run_once();
        BOOST_REQUIRE(status(id) == "sent");
        return id;
    }
    std::string sid_of(const std::string& id) const { return column(id, "provider_message_id"); }
    std::int64_t letters(const std::string& id) const {
        return db.count(fmt::format(
            "SELECT count(*) FROM dead_letter_jobs WHERE payload ->> 'message_out_id' = '{}'", id));
    }
    std::string scope() const {
        return db.query_value(
            "SELECT error_code || '|' || round(extract(epoch FROM probe_at - now()) / 10) FROM "
            "outbox_scopes WHERE scope = 'sender:+33700000001' AND opened_at IS NOT NULL");
    }
    std::string unknown() {
        twilio.script().add(
            {.times = 1, .then = {.answer = sim::Answer::error, .processes = true, .status = 500}});
        const std::string id = add(kAnna, "text");
        sender.run_once();
        BOOST_REQUIRE(status(id) == "unknown");
        return id;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_callback_settles_a_send_whose_outcome_nobody_knew, Callbacks) {
    const std::string id = unknown();
    const std::string next = add(kAnna, "waits");
    BOOST_TEST(sender.run_once() == 0);
    callback(kSid, "sent", id, 1);
    callback(kSid, "delivered", id, 1);
    BOOST_TEST(delivery.run_once() == 2);
    BOOST_TEST(column(id, "status || '|' || delivery_status || '|' || provider_message_id") ==
               std::string{"sent|delivered|"} + kSid);
    BOOST_TEST(column(id, "lease_token IS NULL AND last_error IS NULL AND sent_at IS NOT NULL") ==
               "t");
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(events(id, "message_delivered") == 1);
    BOOST_TEST(sender.run_once() == 1);
    BOOST_TEST(status(next) == "sent");
    BOOST_TEST(delivery.run_once() == 0);
}

BOOST_FIXTURE_TEST_CASE(
    a_callback_before_the_answer_settles_the_message_and_the_answer_changes_nothing, Callbacks) {
    const std::string id = add(kAnna, "text");
    auto connection = db.connect();
    const auto claimed =
        outbox::Exchange{{.scopes = {.credentials = "credentials:test"}, .instance_id = "i"}}
            .run(connection, {}, 1, {"t"})
            .claim;
    BOOST_REQUIRE(claimed.messages.size() == 1);
    const outbox::Claimed& m = claimed.messages[0];
    callback(kSid, "queued", id, 1);
    delivery.run_once();
    BOOST_TEST(status(id) == "sent");
    const outbox::Settlement late{.id = m.id,
                                  .seq = m.seq,
                                  .lease = {m.tenant_id, m.to, m.token},
                                  .status = outbox::Settled::unknown,
                                  .attempts = 1,
                                  .reason = "no answer"};
    BOOST_TEST(outbox::settle(connection, {&late, 1}) == 0);
    BOOST_TEST(status(id) == "sent");
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(states_only_go_forward_whatever_their_order, Callbacks) {
    const std::string id = sent();
    const std::string sid = column(id, "provider_message_id");
    callback(sid, "delivered");
    delivery.run_once();
    callback(sid, "sent");
    callback(sid, "delivered");
    delivery.run_once();
    BOOST_TEST(column(id, "delivery_status") == "delivered");
    callback(sid, "read");
    callback(sid, "sent");
    delivery.run_once();
    BOOST_TEST(column(id, "delivery_status") == "read");
    BOOST_TEST(events(id, "message_delivered") == 1);
    BOOST_TEST(events(id, "message_read") == 1);
    BOOST_TEST(events(id, "message_sent") == 1);
}

BOOST_FIXTURE_TEST_CASE(the_times_at_which_it_was_told_are_kept, Callbacks) {
    const std::string id = sent();
    callback(sid_of(id), "delivered");
    delivery.run_once();
    BOOST_TEST(column(id, "delivered_at IS NOT NULL AND read_at IS NULL") == "t");
    db.exec("UPDATE messages_out SET delivered_at = delivered_at - interval '1 min'");
    callback(sid_of(id), "delivered");
    callback(sid_of(id), "read");
    delivery.run_once();
    BOOST_TEST(column(id, "delivered_at < read_at - interval '30 s'") == "t");
    BOOST_TEST(column(id, "undelivered_at IS NULL") == "t");
}

BOOST_FIXTURE_TEST_CASE(what_was_read_was_delivered_whatever_is_told_later, Callbacks) {
    const std::string together = sent("+33612345601");
    callback(sid_of(together), "read");
    callback(sid_of(together), "delivered");
    const std::string apart = sent("+33612345602");
    callback(sid_of(apart), "read");
    delivery.run_once();
    callback(sid_of(apart), "delivered");
    callback(sid_of(apart), "undelivered");
    delivery.run_once();
    for (const std::string& id : {together, apart}) {
        BOOST_TEST(column(id, "delivery_status") == "read");
        BOOST_TEST(column(id, "delivered_at IS NOT NULL AND read_at IS NOT NULL") == "t");
        BOOST_TEST(events(id, "message_delivered") == 1);
        BOOST_TEST(events(id, "message_read") == 1);
        BOOST_TEST(events(id, "message_undelivered") == 0);
        BOOST_TEST(letters(id) == 0);
    }
}

BOOST_FIXTURE_TEST_CASE(every_order_and_repetition_ends_in_the_same_state, Callbacks) {
    const char* states[] = {"queued", "sent", "delivered", "read"};
    std::vector<std::vector<int>> orders;
    std::vector<int> order{0, 1, 2, 3};
    do {
        orders.push_back(order);
    } while (std::ranges::next_permutation(order).found);
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < orders.size(); ++i)
        ids.push_back(add(fmt::format("+336123456{:02}", i), "text"));
    BOOST_REQUIRE(sender.run_once() == 24);

    for (const bool one_by_one : {false, true}) {
        for (std::size_t step = 0; step < 4; ++step) {
            for (std::size_t i = one_by_one; i < orders.size(); i += 2) {
                callback(sid_of(ids[i]), states[orders[i][step]]);
                callback(sid_of(ids[i]), states[orders[i][step]]);
            }
            if (one_by_one) delivery.run_once();
        }
        delivery.run_once();
    }
    for (const std::string& id : ids) {
        BOOST_TEST(column(id, "delivery_status") == "read");
        BOOST_TEST(events(id, "message_delivered") == 1);
        BOOST_TEST(events(id, "message_read") == 1);
        BOOST_TEST(events(id, "message_sent") == 1);
    }
}

// ---- Accepted and later failed

BOOST_FIXTURE_TEST_CASE(what_twilio_took_and_could_not_deliver_stays_sent_and_is_one_dead_letter,
                        Callbacks) {
    const std::string id = sent();
    const std::string next = add(kAnna, "next");
    callback(sid_of(id), "undelivered", "", 0, "63016");
    callback(sid_of(id), "undelivered", "", 0, "63016");
    delivery.run_once();
    callback(sid_of(id), "failed", "", 0, "63016");
    callback(sid_of(id), "delivered");
    delivery.run_once();
    BOOST_TEST(column(id, "status || '|' || delivery_status || '|' || error_code") ==
               "sent|undelivered|63016");
    BOOST_TEST(column(id, "undelivered_at IS NOT NULL AND delivered_at IS NULL") == "t");
    BOOST_TEST(events(id, "message_undelivered") == 1);
    BOOST_TEST(events(id, "message_dead_lettered") == 1);
    BOOST_TEST(events(id, "message_delivered") == 0);
    BOOST_TEST(db.query_value("SELECT error_message FROM dead_letter_jobs") ==
               "twilio 63016: outside the 24-hour window: a template is needed");
    BOOST_TEST(letters(id) == 1);
    // Nobody sends it again; the conversation goes on.
    BOOST_TEST(sender.run_once() == 1);
    BOOST_TEST(status(next) == "sent");
    BOOST_TEST(is_idle());
    BOOST_TEST(scope() == "");
}

BOOST_FIXTURE_TEST_CASE(a_failure_without_a_known_code_says_so, Callbacks) {
    const std::string unlisted = sent("+33612345601");
    callback(sid_of(unlisted), "failed", "", 0, "65432");
    const std::string silent = sent("+33612345602");
    callback(sid_of(silent), "failed");
    delivery.run_once();
    BOOST_TEST(column(unlisted, "last_error") ==
               "twilio 65432: Twilio took it and could not deliver it");
    BOOST_TEST(column(silent, "last_error") ==
               "Twilio took it and could not deliver it; it gave no reason");
    BOOST_TEST(letters(unlisted) + letters(silent) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_failure_told_before_the_answer_settles_the_message_and_is_a_dead_letter,
                        Callbacks) {
    const std::string id = unknown();
    callback(kSid, "failed", id, 1, "63016");
    delivery.run_once();
    BOOST_TEST(column(id, "status || '|' || delivery_status") == "sent|failed");
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(letters(id) == 1);
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(an_opt_out_at_twilio_is_one_here_and_blocks_what_waits, Callbacks) {
    const std::string id = sent();
    const std::string waits = add(kAnna, "waits");
    const std::string other = add("+33612345601", "waits");
    callback(sid_of(id), "undelivered", "", 0, "21610");
    delivery.run_once();
    BOOST_TEST(db.query_value("SELECT string_agg(phone_number, ',') FROM opt_outs") == kAnna);
    BOOST_TEST(db.query_value("SELECT source FROM opt_out_history") == "twilio");
    BOOST_TEST(events(id, "opt_out_recorded") == 1);
    BOOST_TEST(status(waits) == "blocked");
    BOOST_TEST(status(other) == "pending");
    BOOST_TEST(letters(id) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_start_that_was_said_after_the_send_outlasts_its_late_failure, Callbacks) {
    const std::string id = sent();
    db.exec(
        fmt::format("SELECT pgcourier_record_opt_word('{}', '{}', 'start', clock_timestamp(), "
                    "'webhook', NULL, 'c')",
                    shop, kAnna));
    callback(sid_of(id), "undelivered", "", 0, "21610");
    delivery.run_once();
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_out_history") == 2);
}

BOOST_FIXTURE_TEST_CASE(a_refused_create_records_the_opt_out_once, Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 400, .code = 21610}});
    const std::string id = add(kAnna, "text");
    sender.run_once();
    BOOST_REQUIRE(status(id) == "dead");
    auto connection = db.connect();
    const std::vector<std::string> ids{id, sent("+33612345601")};
    connection.exec(sql::outbox::record_optout, pg::Params{ids});
    connection.exec(sql::outbox::record_optout, pg::Params{ids});
    BOOST_TEST(db.query_value("SELECT string_agg(phone_number, ',') FROM opt_outs") == kAnna);
    BOOST_TEST(events(id, "opt_out_recorded") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_out_history") == 1);
}

BOOST_FIXTURE_TEST_CASE(too_fast_pauses_the_sender_and_a_channel_that_is_none_for_longer,
                        Callbacks) {
    const std::string fast = sent("+33612345601");
    callback(sid_of(fast), "undelivered", "", 0, "63018");
    const std::string none = sent("+33612345602");
    delivery.run_once();
    BOOST_TEST(scope() == "63018|1");
    callback(sid_of(none), "failed", "", 0, "63007");
    delivery.run_once();
    BOOST_TEST(scope() == "63007|6");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'sending_paused'") == 1);
    BOOST_TEST(letters(fast) + letters(none) == 2);
}

// Their messages were sent before it was known: they are no probe that failed.
BOOST_FIXTURE_TEST_CASE(callbacks_of_what_was_sent_before_the_pause_do_not_make_it_longer,
                        Callbacks) {
    std::vector<std::string> before;
    for (const char* to : {"+33612345601", "+33612345602", "+33612345603"})
        before.push_back(sent(to));
    for (const std::string& id : before) {
        callback(sid_of(id), "undelivered", "", 0, "63018");
        delivery.run_once();
        BOOST_TEST(scope() == "63018|1");
    }
    BOOST_TEST(db.count("SELECT probes FROM outbox_scopes WHERE scope LIKE 'sender:%'") == 0);

    const std::string probe = before.front();
    db.exec("UPDATE outbox_scopes SET opened_at = opened_at - interval '1 min'");
    db.exec(
        "UPDATE messages_out SET sent_at = now(), undelivered_at = NULL, delivery_status = "
        "'sent' WHERE id = '" +
        probe + "'");
    db.exec("DELETE FROM delivery_events");
    callback(sid_of(probe), "undelivered", "", 0, "63018");
    delivery.run_once();
    BOOST_TEST(scope() == "63018|6");
    BOOST_TEST(db.count("SELECT probes FROM outbox_scopes WHERE scope LIKE 'sender:%'") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_callback_older_than_the_pause_says_nothing_of_now, Callbacks) {
    const std::string id = sent();
    callback(sid_of(id), "undelivered", "", 0, "63018");
    db.exec("UPDATE delivery_events SET received_at = now() - interval '11 s'");
    delivery.run_once();
    BOOST_TEST(letters(id) == 1);
    BOOST_TEST(scope() == "");
}

BOOST_AUTO_TEST_CASE(only_errors_of_the_sending_number_pause_it) {
    for (const int code : {63018, 21611, 30001}) BOOST_TEST((outbox::pause_of(code) == 10s), code);
    for (const int code : {63001, 63007, 63020, 63022, 63026, 63051, 21606}) {
        BOOST_TEST((outbox::pause_of(code) == 60s), code);
    }
    for (const int code : {0, 63016, 63024, 21610, 20003, 12345}) {
        BOOST_TEST(!outbox::pause_of(code).has_value(), code);
    }
}

// ---- Callbacks that fit nothing, or something else

BOOST_FIXTURE_TEST_CASE(a_callback_of_an_attempt_taken_for_not_sent_makes_it_sent_and_is_told,
                        Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    const std::string id = add(kAnna, "text");
    const std::string next = add(kAnna, "next");
    sender.run_once();
    BOOST_REQUIRE(status(id) == "failed");
    callback(kSid, "sent", id, 1);
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "status || ' ' || provider_message_id") == "sent " + std::string{kSid});
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(events(id, "delivery_contradicts") == 1);
    // What waited behind it goes on, and it goes out no second time.
    BOOST_TEST(test::eventually([&] {
        sender.run_once();
        return is_idle();
    }));
    BOOST_TEST(taken(kAnna) == std::vector<std::string>{"next"}, boost::test_tools::per_element());
    BOOST_TEST(status(next) == "sent");
}

BOOST_FIXTURE_TEST_CASE(a_callback_of_one_that_was_given_up_resolves_its_dead_letter, Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 400, .code = 21211}});
    const std::string id = add(kAnna, "text");
    sender.run_once();
    BOOST_REQUIRE(status(id) == "dead");
    BOOST_REQUIRE(letters(id) == 1);
    callback(kSid, "delivered", id, 1);
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "status || ' ' || delivery_status") == "sent delivered");
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs WHERE resolved_at IS NULL") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_callback_of_an_earlier_attempt_keeps_a_third_one_away, Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    const std::string id = add(kAnna, "text");
    sender.run_once();
    auto connection = db.connect();
    outbox::Exchange exchange{{.scopes = {.credentials = "credentials:test"}, .instance_id = "i"}};
    std::vector<outbox::Claimed> claimed;
    BOOST_TEST(test::eventually([&] {
        claimed = exchange.run(connection, {}, 1, {"t"}).claim.messages;
        return !claimed.empty();
    }));
    // The second attempt is on its way: what is told of the first one is kept until it is over.
    callback(kSid, "delivered", id, 1);
    BOOST_TEST(delivery.run_once() == 0);
    BOOST_TEST(status(id) == "sending");
    const outbox::Claimed& m = claimed.at(0);
    const outbox::Settlement failed{.id = m.id,
                                    .seq = m.seq,
                                    .lease = {m.tenant_id, m.to, m.token},
                                    .status = outbox::Settled::failed,
                                    .attempts = 2,
                                    .reason = "no connection"};
    BOOST_TEST(outbox::settle(connection, {&failed, 1}) == 1);
    db.exec("UPDATE delivery_events SET look_again_at = now()");
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "status || ' ' || provider_message_id") == "sent " + std::string{kSid});
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(a_callback_of_an_earlier_attempt_settles_an_unknown_one, Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    twilio.script().add({.times = 1, .then = {.answer = sim::Answer::error, .status = 500}});
    const std::string id = add(kAnna, "text");
    BOOST_TEST(test::eventually([&] {
        sender.run_once();
        return status(id) == "unknown";
    }));
    callback(kSid, "sent", id, 1);
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(status(id) == "sent");
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(a_callback_of_an_earlier_attempt_after_the_next_was_sent_is_told,
                        Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    const std::string id = add(kAnna, "text");
    BOOST_TEST(test::eventually([&] {
        sender.run_once();
        return status(id) == "sent";
    }));
    callback(kSid, "sent", id, 1);
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(events(id, "delivery_contradicts") == 1);
    BOOST_TEST(events(id, "message_sent") == 1);
}

BOOST_FIXTURE_TEST_CASE(given_up_then_taken_then_not_delivered_is_one_dead_letter, Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 400, .code = 21211}});
    const std::string id = add(kAnna, "text");
    sender.run_once();
    callback(kSid, "undelivered", id, 1, "63016");
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(letters(id) == 2);
    BOOST_TEST(db.query_value("SELECT count(*) || ' ' || bool_and(error_message ~ '63016') FROM "
                              "dead_letter_jobs WHERE resolved_at IS NULL") == "1 true");
}

BOOST_FIXTURE_TEST_CASE(a_callback_whose_message_is_locked_is_left_for_the_next_time, Callbacks) {
    const std::string id = sent();
    callback(sid_of(id), "delivered");
    auto other = db.connect();
    other.exec_script("BEGIN; SELECT FROM messages_out FOR UPDATE");
    BOOST_TEST(delivery.run_once() == 0);
    other.exec_script("ROLLBACK");
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "delivery_status") == "delivered");
}

BOOST_FIXTURE_TEST_CASE(a_callback_of_an_earlier_attempt_does_not_settle_the_present_one,
                        Callbacks) {
    const std::string id = unknown();
    callback(kSid, "sent", id, 7);
    delivery.run_once();
    BOOST_TEST(status(id) == "unknown");
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_fits_nothing_yet_waits_and_later_goes, Callbacks) {
    callback(kSid, "sent");
    BOOST_TEST(delivery.run_once() == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM delivery_events WHERE settled_at IS NULL") == 1);
    db.exec(
        "UPDATE delivery_events SET received_at = now() - interval '6 min', look_again_at = "
        "now()");
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM delivery_events WHERE settled_at IS NULL") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_came_before_its_message_is_merged_a_moment_later,
                        Callbacks) {
    const std::string id = add(kAnna, "text");
    callback(kSid, "delivered");
    BOOST_TEST(delivery.run_once() == 0);
    sender.run_once();
    db.exec(fmt::format("UPDATE messages_out SET provider_message_id = '{}'", kSid));
    BOOST_TEST(delivery.run_once() == 0);
    db.exec("UPDATE delivery_events SET look_again_at = now()");
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "delivery_status") == "delivered");
}

BOOST_FIXTURE_TEST_CASE(many_callbacks_that_fit_nothing_hold_up_nobody, Callbacks) {
    db.exec(
        "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
        "received_at) SELECT 'SM' || g, 'sent', 1, 'c', now() FROM generate_series(1, 600) AS g");
    const std::string id = sent();
    callback(sid_of(id), "delivered");
    delivery.run_once();
    delivery.run_once();
    BOOST_TEST(column(id, "delivery_status") == "delivered");
}
