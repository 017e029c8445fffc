// links: outbox sim
// Credentials that are replaced while messages are in flight.
#include "support/reconciling.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;

namespace {

struct Credentials : test::Sending {
    Credentials()
        : test::Sending{{.progress = {.callbacks = false}, .latency = std::chrono::seconds{1}}} {}

    outbox::Provider right() const { return settings().provider; }
    outbox::Provider wrong() const {
        outbox::Provider provider = right();
        provider.password = Secret{"00000000000000000000000000000000"};
        return provider;
    }
    std::int64_t sent() const {
        return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'");
    }
    bool is_open(const outbox::Provider& provider) const {
        return db.count(
                   "SELECT count(*) FROM outbox_scopes WHERE opened_at IS NOT NULL AND scope "
                   "= '" +
                   outbox::credentials_scope(provider) + "'") == 1;
    }
};

}  // namespace

// Its 401 comes when the new ones are there already: it is not theirs.
BOOST_FIXTURE_TEST_CASE(an_answer_to_the_old_credentials_is_not_held_against_the_new, Credentials) {
    outbox::SenderSettings all = settings();
    all.provider = wrong();
    Wake wake;
    outbox::Sender sender{db.options("sender"), all, wake, system_clock(), 1};
    db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('" + shop +
            "', '+33612345678', 'x')");
    std::jthread thread{[&](std::stop_token stop) { sender.run(std::move(stop)); }};
    BOOST_REQUIRE(
        test::eventually([&] { return db.count("SELECT count(*) FROM outbox_leases") == 1; }, 30s));
    sender.use(right());
    BOOST_TEST(test::eventually([&] { return sent() == 1; }, 50s));
    BOOST_TEST(is_open(wrong()));
    BOOST_TEST(!is_open(right()));
    BOOST_TEST(db.count("SELECT attempts FROM messages_out") == 1);
}

BOOST_FIXTURE_TEST_CASE(looks_at_the_list_go_on_with_the_new_credentials, Credentials) {
    db.exec("INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('m', '" + shop +
            "', '+33612345678', 'x');"
            "DELETE FROM outbox_queue;"
            "ALTER TABLE messages_out DISABLE TRIGGER USER;"
            "UPDATE messages_out SET status = 'unknown', lease_token = 't', attempts = 1;"
            "ALTER TABLE messages_out ENABLE TRIGGER USER;"
            "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
            "instance_id, sender, claimed_at, expires_at, unknown_since) SELECT tenant_id, "
            "\"to\", seq, id, 't', 1, 'i', '+33700000001', now(), now(), now() FROM messages_out");
    outbox::ReconcileSettings all = test::reconcile_settings_of(*this);
    all.provider = wrong();
    Wake wake;
    outbox::Reconciler reconciler{db.options("reconciler"), all, wake, system_clock(), 1};
    const auto status = [&] { return db.query_value("SELECT status FROM messages_out"); };
    const auto look = [&] {
        reconciler.run_once();
        return status() == "failed";
    };
    BOOST_REQUIRE(test::eventually(
        [&] {
            reconciler.run_once();
            return db.count("SELECT max(look_failures) FROM outbox_leases") > 0;
        },
        30s));
    BOOST_TEST(status() == "unknown");
    reconciler.use(right());
    BOOST_TEST(test::eventually(look, 60s));
}
