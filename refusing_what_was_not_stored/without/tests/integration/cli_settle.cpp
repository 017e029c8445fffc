// A person says what became of a message whose outcome is unknown.
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier {
namespace {

using namespace test;

struct Unknown {
    TestDatabase db;
    std::string tenant = db.add_tenant("Shop", "+33700000001");

    Unknown() {
        db.exec(fmt::format(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('lost', '{0}', "
            "'+33612345678', 'x'), ('waits', '{0}', '+33612345678', 'y');"
            "DELETE FROM outbox_queue WHERE message_id = 'lost';"
            "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
            "instance_id, claimed_at, expires_at, unknown_since, look_at) SELECT tenant_id, "
            "\"to\", "
            "seq, id, 'token', 1, 'i', now(), now(), now(), 'infinity' FROM messages_out WHERE id "
            "= "
            "'lost';"
            "UPDATE messages_out SET status = 'sending', lease_token = 'token', attempts = 1 WHERE "
            "id = 'lost';"
            "UPDATE messages_out SET status = 'unknown', held_reason = 'a person decides' WHERE id "
            "= 'lost'",
            tenant));
    }
    Ran settle(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"outbox", "settle"});
        return run_program(std::move(arguments), {{"DATABASE_URL", db.url().reveal()}});
    }
    std::string lost() const {
        return db.query_value(
            "SELECT status || coalesce(held_reason, '') || coalesce(lease_token, '') FROM "
            "messages_out WHERE id = 'lost'");
    }
    std::string queued() const {
        return db.query_value("SELECT string_agg(message_id, ',' ORDER BY seq) FROM outbox_queue");
    }
    std::string by() const {
        return db.query_value(
            "SELECT event_type || ' ' || actor_type FROM event_log WHERE entity_id = 'lost'");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(sent_frees_its_conversation, Unknown) {
    const Ran ran = settle({"lost", "--sent"});
    BOOST_TEST(ran.exit_code == 0, ran.output);
    BOOST_TEST(ran.output == "message lost is sent\n");
    BOOST_TEST(lost() == "sent");
    BOOST_TEST(queued() == "waits");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);
    BOOST_TEST(by() == "message_sent operator");
}

BOOST_FIXTURE_TEST_CASE(not_sent_is_due_again_at_its_place, Unknown) {
    const Ran ran = settle({"lost", "--not-sent"});
    BOOST_TEST(ran.exit_code == 0, ran.output);
    BOOST_TEST(ran.output == "message lost is due again\n");
    BOOST_TEST(lost() == "failed");
    BOOST_TEST(queued() == "lost,waits");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);
    BOOST_TEST(by() == "message_failed operator");
}

// As of a join in which nothing was found.
BOOST_FIXTURE_TEST_CASE(by_sql_too_it_must_be_said, Unknown) {
    db.exec(
        "DO $$ BEGIN PERFORM ops.settle_unknown('lost', NULL); RAISE 'settled'; EXCEPTION WHEN "
        "OTHERS THEN IF SQLERRM NOT LIKE '%expected true or false' THEN RAISE; END IF; END $$");
    BOOST_TEST(lost() == "unknowna person decidestoken");
}

BOOST_FIXTURE_TEST_CASE(it_must_be_said_and_the_message_must_be_unknown, Unknown) {
    BOOST_TEST(settle({"lost"}).exit_code == 2);
    BOOST_TEST(settle({"--sent"}).exit_code == 2);
    BOOST_TEST(settle({"lost", "--sent", "--not-sent"}).exit_code == 2);
    BOOST_TEST(lost() == "unknowna person decidestoken");
    const Ran refused = settle({"waits", "--sent"});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(refused.output.find("no message of unknown outcome has the id waits") !=
               std::string::npos);
    BOOST_TEST(settle({"--help"}).output.find("Usage:") != std::string::npos);
}

}  // namespace pgcourier
