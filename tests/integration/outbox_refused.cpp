// links: outbox sim
// Rows that cannot be written: the shop has a trigger or a constraint of its own. They keep nobody
// else's messages from being sent, settled and ended.
#include "outbox/delivery.hpp"
#include "outbox/expiry.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;
using test::RunningSender;
using test::Sending;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33612345679";

struct Refusing : Sending {
    pg::Connection connection = db.connect();

    /// No row with the body `poison` can be changed as it says.
    void refuse(const std::string& when) const {
        db.exec(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE "
            "EXCEPTION 'the audit is full'; END $$;"
            "CREATE TRIGGER shops_own BEFORE UPDATE ON messages_out FOR EACH ROW WHEN (OLD.body = "
            "'poison' AND " +
            when + ") EXECUTE FUNCTION refuse()");
    }
    void allow() const { db.exec("DROP TRIGGER shops_own ON messages_out"); }
    std::int64_t count(const std::string& status) const {
        return db.count("SELECT count(*) FROM messages_out WHERE status = '" + status + "'");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_message_that_cannot_be_claimed_keeps_only_those_behind_it_waiting,
                        Refusing) {
    const std::string next_shop = db.add_tenant("next", "+33700000002");
    refuse("NEW.status = 'sending'");
    const std::string poison = add(kAnna, "poison");
    add(kAnna, "behind it");
    const std::string twin = add(kBert, "poison");
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t, '+336' || "
                    "lpad(g::text, 8, '0'), 'x' FROM generate_series(1, 50) AS g, unnest("
                    "ARRAY['{}', '{}']) AS t",
                    shop, next_shop));
    {
        RunningSender sender{db.options("sender"), settings()};
        BOOST_TEST(eventually([&] { return count("sent") == 100; }, 20s));
        BOOST_TEST(count("pending") == 3);
        BOOST_TEST(eventually([&] {
            return db.count(
                       "SELECT count(*) FROM outbox_queue WHERE is_retry AND due_at > now() + "
                       "interval '30 s' AND message_id IN ('" +
                       poison + "', '" + twin + "')") == 2;
        }));
        // What is written meanwhile goes out, and no lease is left behind.
        const std::string late = add("+33655555555", "x");
        sender.wake().notify();
        BOOST_TEST(eventually([&] { return status(late) == "sent"; }));
        BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);

        allow();
        db.exec("UPDATE outbox_queue SET due_at = now()");
        sender.wake().notify();
        BOOST_TEST(eventually([&] { return is_idle(); }));
    }
    const std::vector<std::string> in_order{"poison", "behind it"};
    BOOST_TEST(taken(kAnna) == in_order, boost::test_tools::per_element());
    BOOST_TEST(column(poison, "attempts") == "1");
}

// It blocks what waits for the person, in the transaction that settles what others were sent.
BOOST_FIXTURE_TEST_CASE(an_opt_out_that_cannot_be_recorded_keeps_nothing_from_being_settled,
                        Refusing) {
    twilio.script().add(
        {.to = kAnna, .then = {.answer = sim::Answer::error, .status = 400, .code = 21610}});
    refuse("NEW.status = 'blocked'");
    const std::string first = add(kAnna, "text");
    const std::string waits = add(kAnna, "poison");
    const std::string other = add(kBert, "x");
    {
        RunningSender sender{db.options("sender"), settings()};
        BOOST_TEST(eventually([&] { return status(first) == "dead" && status(other) == "sent"; }));
        const std::string late = add("+33655555555", "x");
        sender.wake().notify();
        BOOST_TEST(eventually([&] { return status(late) == "sent"; }));
        // Twilio refuses the next one too, and then nothing waits that refuses to be blocked.
        BOOST_TEST(eventually([&] { return status(waits) == "dead" && is_idle(); }));
        BOOST_TEST(eventually([&] {
            return db.count(fmt::format("SELECT count(*) FROM opt_outs WHERE phone_number = '{}'",
                                        kAnna)) == 1;
        }));
    }
    BOOST_TEST(count("unknown") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_cannot_be_ended_keeps_no_other_one_from_it, Refusing) {
    for (int i = 1; i <= 5; ++i)
        add(fmt::format("+3361234560{}", i), i == 1 || i == 3 ? "poison" : "x");
    db.exec(
        "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
        "instance_id, claimed_at, expires_at) SELECT tenant_id, \"to\", seq, id, 't' || seq, 1, "
        "'gone', now(), now() - interval '1 s' FROM messages_out;"
        "UPDATE messages_out SET status = 'sending', attempts = 1, lease_token = 't' || seq;"
        "DELETE FROM outbox_queue");
    refuse("NEW.status = 'unknown'");

    BOOST_TEST(outbox::sweep(connection) == 3);
    BOOST_TEST(count("unknown") == 3);
    BOOST_TEST(outbox::sweep(connection) == 0);
    allow();
    BOOST_TEST(outbox::sweep(connection) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_cannot_expire_keeps_no_other_one_from_it, Refusing) {
    for (int i = 1; i <= 5; ++i)
        add(fmt::format("+3361234560{}", i), i == 2 || i == 5 ? "poison" : "x");
    db.exec(
        "UPDATE messages_out SET expires_at = now() - interval '1 s';"
        "UPDATE outbox_queue SET expires_at = now() - interval '1 s'");
    refuse("NEW.status = 'expired'");

    BOOST_TEST(outbox::expire(connection) == 3);
    BOOST_TEST(count("expired") == 3);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 2);
    allow();
    BOOST_TEST(outbox::expire(connection) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_cannot_be_written_keeps_no_other_one_waiting, Refusing) {
    const auto delivered = [this] {
        return db.count("SELECT count(*) FROM messages_out WHERE delivery_status = 'delivered'");
    };
    for (int i = 1; i <= 5; ++i)
        add(fmt::format("+3361234560{}", i), i == 1 || i == 4 ? "poison" : "x");
    Wake sender_wake;
    outbox::Sender sender{db.options("sender"), settings(), sender_wake, system_clock(), 1};
    while (sender.run_once() > 0) {
    }
    BOOST_REQUIRE(count("sent") == 5);
    refuse("NEW.delivery_status IS NOT NULL");
    db.exec(
        "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, event_id, "
        "correlation_id, received_at) SELECT provider_message_id, id, 1, 'delivered', 1, 'c', "
        "now() FROM messages_out ORDER BY seq");
    {
        Wake wake;
        outbox::Delivery delivery{db.options("delivery"), wake, 1};
        std::jthread thread{[&](std::stop_token stop) { delivery.run(stop); }};
        wake.notify();
        BOOST_TEST(eventually([&] { return delivered() == 3; }));
        BOOST_TEST(eventually([&] {
            return db.count(
                       "SELECT count(*) FROM delivery_events WHERE settled_at IS NULL AND "
                       "look_again_at > now() + interval '30 s'") == 2;
        }));
        allow();
        db.exec("UPDATE delivery_events SET look_again_at = now() WHERE settled_at IS NULL");
        wake.notify();
        BOOST_TEST(eventually([&] { return delivered() == 5; }));
    }
}

BOOST_FIXTURE_TEST_CASE(an_opt_out_told_by_callback_that_cannot_be_recorded_costs_no_other_one,
                        Refusing) {
    for (const char* to : {kAnna, kBert}) add(to, "text");
    Wake sender_wake;
    outbox::Sender sender{db.options("sender"), settings(), sender_wake, system_clock(), 1};
    while (sender.run_once() > 0) {
    }
    BOOST_REQUIRE(count("sent") == 2);
    add(kAnna, "poison");
    refuse("NEW.status = 'blocked'");
    db.exec(
        "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, "
        "error_code, event_id, correlation_id, received_at) SELECT provider_message_id, id, 1, "
        "'undelivered', 21610, 1, 'c', now() FROM messages_out WHERE status = 'sent'");
    Wake wake;
    outbox::Delivery delivery{db.options("delivery"), wake, 1};
    BOOST_TEST(delivery.run_once() == 2);
    BOOST_TEST(db.query_value("SELECT string_agg(phone_number, ' ') FROM opt_outs") == kBert);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 2);
    BOOST_TEST(delivery.run_once() == 0);
}

// The queue and the leases know a message by its recipient and its tenant.
BOOST_FIXTURE_TEST_CASE(neither_the_person_nor_the_shop_of_a_waiting_message_can_be_changed,
                        Refusing) {
    const auto refusal = [this](const std::string& statement) -> std::string {
        try {
            db.exec(statement);
        } catch (const pg::Error& e) {
            return e.what();
        }
        return "";
    };
    const std::string id = add(kAnna, "x");
    const std::string other = db.add_tenant("other", "+33700000002");
    const auto has = [](const std::string& text, const char* part) {
        return text.find(part) != std::string::npos;
    };
    BOOST_TEST(has(refusal("UPDATE messages_out SET \"to\" = '+33612345679'"),
                   "keeps its recipient and its tenant"));
    BOOST_TEST(has(refusal("UPDATE messages_out SET tenant_id = '" + other + "'"),
                   "keeps its recipient and its tenant"));
    BOOST_TEST(has(refusal("UPDATE tenants SET id = 'renamed' WHERE name = 'shop'"),
                   "wait or are being sent, under this id"));
    BOOST_TEST(refusal("UPDATE messages_out SET body = 'y', \"to\" = \"to\"") == "");
    db.exec("SELECT ops.cancel_message('" + id + "')");
    BOOST_TEST(refusal("UPDATE tenants SET id = 'renamed' WHERE name = 'shop'") == "");
    BOOST_TEST(column(id, "tenant_id") == "renamed");
    BOOST_TEST(refusal("UPDATE messages_out SET \"to\" = '+33612345679'") == "");
}
