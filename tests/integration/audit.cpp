// The checks of the fault suites find what they are for.
// links: outbox sim
#include "support/audit.hpp"

#include "support/sending.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Complaints;
using test::Sending;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33612345679";

sim::LedgerEntry entry(const std::string& to, const std::string& body) {
    return {.kind = "create", .accepted = true, .to = "whatsapp:" + to, .body = body};
}

// Writes to the tables what no statement of the program would: the triggers that forbid it are off.
void plant(const Sending& s, const std::string& script) {
    s.db.exec("SET session_replication_role = replica; " + script);
}

struct Healthy : Sending {
    pg::Connection connection = db.connect();
    std::string sent = add(kAnna, "message 0");
    std::string waiting = add(kBert, "message 1");
    std::vector<sim::LedgerEntry> ledger{entry(kAnna, "message 0")};

    Healthy() {
        plant(*this, "UPDATE messages_out SET status = 'sent' WHERE id = '" + sent +
                         "'; DELETE FROM outbox_queue WHERE message_id = '" + sent + "'");
    }
    Complaints stuck() { return test::stuck(connection, 5s); }
    Complaints lost() { return test::lost(connection, ledger, 2); }
    Complaints doubled() { return test::doubled(connection, ledger); }
    void lease(const std::string& columns_and_values) {
        plant(*this,
              "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
              "instance_id, claimed_at, expires_at, unknown_since) SELECT tenant_id, \"to\", seq, "
              "id, 't', 1, 'gone', now(), " +
                  columns_and_values + " FROM messages_out WHERE id = '" + waiting + "'");
    }
    void set_status(const std::string& id, const std::string& status) {
        plant(*this, "UPDATE messages_out SET status = '" + status +
                         "', lease_token = 't' WHERE id = '" + id + "'");
    }
    void unqueue() { plant(*this, "DELETE FROM outbox_queue"); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(nothing_is_held_against_a_healthy_outbox, Healthy) {
    BOOST_TEST(stuck().empty());
    BOOST_TEST(lost().empty());
    BOOST_TEST(doubled().empty());
    BOOST_TEST(test::out_of_order(ledger).empty());
    BOOST_TEST(test::given_up(connection).empty());
    const test::Open open = test::open_messages(connection);
    BOOST_TEST(open.waiting == 1);
    BOOST_TEST(open.waiting_for_none == 1);
    BOOST_TEST(!open.is_quiet());
    BOOST_TEST(!open.is_settled());
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_gone_is_lost, Healthy) {
    plant(*this, "DELETE FROM messages_out WHERE id = '" + sent + "'");
    BOOST_TEST(lost().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_said_to_be_sent_and_never_taken_is_lost, Healthy) {
    ledger.clear();
    BOOST_TEST(lost().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_waits_in_no_queue_is_lost, Healthy) {
    unqueue();
    BOOST_TEST(lost().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_taken_twice_is_doubled, Healthy) {
    ledger.push_back(entry(kAnna, "message 0"));
    BOOST_TEST(doubled().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_taken_and_still_waiting_is_doubled, Healthy) {
    ledger.push_back(entry(kBert, "message 1"));
    BOOST_TEST(doubled().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_later_message_before_an_earlier_one_is_out_of_order, Healthy) {
    ledger = {entry(kAnna, "message 10"), entry(kBert, "message 4"), entry(kAnna, "message 9")};
    BOOST_TEST(test::out_of_order(ledger).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_in_flight_without_a_lease_is_stuck, Healthy) {
    unqueue();
    set_status(waiting, "sending");
    BOOST_TEST(stuck().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_in_flight_past_the_end_of_its_lease_is_stuck, Healthy) {
    unqueue();
    set_status(waiting, "sending");
    lease("now() - interval '6 s', NULL");
    BOOST_TEST(stuck().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_unknown_message_with_nobody_to_look_is_stuck, Healthy) {
    unqueue();
    set_status(waiting, "unknown");
    BOOST_TEST(stuck().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_lease_of_nobody_and_what_waits_behind_it_are_stuck, Healthy) {
    lease("now() + interval '1 h', NULL");
    BOOST_TEST(stuck().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_is_due_and_not_claimed_is_stuck, Healthy) {
    plant(*this, "UPDATE outbox_queue SET due_at = now() - interval '6 s'");
    BOOST_TEST(stuck().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_queue_row_of_a_sent_message_is_stuck, Healthy) {
    set_status(waiting, "sent");
    BOOST_TEST(stuck().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_dead_message_was_given_up, Healthy) {
    set_status(waiting, "dead");
    BOOST_TEST(test::given_up(connection).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_waits_for_a_person_was_given_up, Healthy) {
    plant(*this, "UPDATE messages_out SET held_reason = 'test' WHERE id = '" + waiting + "'");
    BOOST_TEST(test::given_up(connection).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_unknown_message_at_which_somebody_looks_in_a_year_is_stuck, Healthy) {
    unqueue();
    set_status(waiting, "unknown");
    lease("now(), now()");
    BOOST_TEST(stuck().empty());
    for (const char* never : {"'infinity'", "now() + interval '1 year'"}) {
        plant(*this, std::string{"UPDATE outbox_leases SET look_at = "} + never);
        BOOST_TEST(stuck().size() == 1u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_webhook_with_two_effects_is_doubled, Healthy) {
    BOOST_TEST(test::doubled_webhooks(connection).empty());
    const auto adds_one = [&](const std::string& script) {
        const std::size_t before = test::doubled_webhooks(connection).size();
        plant(*this, script);
        BOOST_TEST(test::doubled_webhooks(connection).size() == before + 1, script);
    };
    const std::string note =
        "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, "
        "payload) SELECT '{}', '{}', '{}', 'c', 'system', '{}' FROM generate_series(1, 2)";
    adds_one(fmt::format(fmt::runtime(note), "webhook_received", "webhook_event", "7", "{}"));
    adds_one(fmt::format(fmt::runtime(note), "webhook_received", "message_in", "m", "{}"));
    adds_one(fmt::format(fmt::runtime(note), "message_sent", "message_out", sent, "{}"));
    adds_one(
        "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
        "received_at, settled_at) SELECT 'SM1', 'sent', 7, 'c', now(), now() FROM "
        "generate_series(1, 2)");
    plant(*this,
          "INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", body, event_id, "
          "correlation_id) SELECT 'm', id, 'SM2', '+33612345678', '', 8, 'c' FROM tenants LIMIT 1");
    // Each of another is no complaint; its own is.
    plant(*this, fmt::format(fmt::runtime(note), "idempotent_ignored", "message_in", "m",
                             R"({"webhook_event_id": 9})"));
    BOOST_TEST(test::doubled_webhooks(connection).size() == 4u);
    plant(*this, fmt::format(fmt::runtime(note), "idempotent_ignored", "message_in", "m",
                             R"({"webhook_event_id": 8})"));
    BOOST_TEST(test::doubled_webhooks(connection).size() == 6u);
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_was_answered_200_and_is_not_there_is_lost, Healthy) {
    const auto callback = [](const char* status, int answered) {
        return sim::LedgerEntry{
            .kind = "callback", .sid = "SM1", .message_status = status, .status = answered};
    };
    plant(*this,
          "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
          "received_at) VALUES ('SM1', 'sent', 7, 'c', now())");
    const auto lost = [&](const sim::LedgerEntry& entry) {
        return test::lost_callbacks(connection, {entry});
    };
    BOOST_TEST(lost(callback("sent", 200)).empty());
    BOOST_TEST(lost(callback("delivered", 503)).empty());
    BOOST_TEST(lost(callback("delivered", 200)).size() == 1u);
}
