// The checks of the fault suites find what they are for.
// links: outbox sim
#include "support/audit.hpp"

#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

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
