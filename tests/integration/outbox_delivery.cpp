// links: outbox sim
#include "outbox/delivery.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

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
    std::string sent() {
        const std::string id = add(kAnna, "text");
        sender.run_once();
        BOOST_REQUIRE(status(id) == "sent");
        return id;
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
            .run(connection, {}, 1, {"t"}, system_clock().steady_now())
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

BOOST_FIXTURE_TEST_CASE(what_twilio_took_and_could_not_deliver_stays_sent_and_says_why, Callbacks) {
    const std::string id = sent();
    callback(column(id, "provider_message_id"), "undelivered", "", 0, "63016");
    delivery.run_once();
    BOOST_TEST(column(id, "status || '|' || delivery_status || '|' || error_code") ==
               "sent|undelivered|63016");
    BOOST_TEST(events(id, "message_undelivered") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_callback_of_an_attempt_taken_for_not_sent_is_told_and_changes_nothing,
                        Callbacks) {
    twilio.script().add(
        {.times = 1, .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    const std::string id = add(kAnna, "text");
    sender.run_once();
    BOOST_REQUIRE(status(id) == "failed");
    callback(kSid, "sent", id, 1);
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(status(id) == "failed");
    BOOST_TEST(events(id, "delivery_contradicts") == 1);
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
    db.exec("UPDATE delivery_events SET received_at = now() - interval '6 min'");
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM delivery_events WHERE settled_at IS NULL") == 0);
}
