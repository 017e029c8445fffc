// The program asks Twilio's list by itself; its waits are shortened by moving the attempt into the
// past.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698765432";

struct System {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);

    System() {
        BOOST_REQUIRE(twilio.start());
        twilio.script().add(
            {.times = 1,
             .then = {.answer = sim::Answer::error, .processes = false, .status = 500}});
    }
    Variables variables(const std::string& policy) {
        Variables all = service_variables(db.url(), free_port(), twilio.base_url());
        all["OUTBOX_POLL_INTERVAL_MS"] = "100";
        all["OUTBOX_UNKNOWN_POLICY"] = policy;
        return all;
    }
    void send_and_lose() const {
        db.exec(fmt::format(
            "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'x')", tenant,
            kClient));
        BOOST_REQUIRE(eventually_is("status", "unknown"));
        db.exec("UPDATE outbox_leases SET claimed_at = claimed_at - interval '52 s'");
    }
    bool eventually_is(const std::string& column, const std::string& value) const {
        return eventually(
            [&] { return db.query_value("SELECT " + column + " FROM messages_out") == value; });
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_twilio_does_not_list_is_sent_again_after_two_looks, System) {
    const Process service{{"serve"}, variables("reconcile")};
    send_and_lose();
    BOOST_TEST(eventually([&] {
        return db.count(
                   "SELECT count(*) FROM outbox_leases WHERE looks = 1 AND look_at > now() + "
                   "interval '10 s'") == 1;
    }));
    db.exec("UPDATE outbox_leases SET look_at = now()");
    BOOST_TEST(eventually_is("status || attempts", "sent2"));
    BOOST_TEST(twilio.ledger().accepted_to(kClient) == 1);
    if (test_pooler() != nullptr) return;  // whose connections they are, and how many
    BOOST_TEST(db.count("SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE "
                        "datname = current_database() AND application_name LIKE "
                        "'pgcourier/reconciler%'") == 1);
    // With both routing threads; one more is this query's own.
    BOOST_TEST(db.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND application_name LIKE 'pgcourier/%' AND pid <> pg_backend_pid()") <=
               8);
}

BOOST_FIXTURE_TEST_CASE(under_hold_it_waits_for_a_person, System) {
    const Process service{{"serve"}, variables("hold")};
    send_and_lose();
    BOOST_TEST(eventually_is("held_reason IS NOT NULL", "t"));
    BOOST_TEST(twilio.ledger().attempts_to(kClient) == 1);
    BOOST_TEST(run_program({"outbox", "settle", db.query_value("SELECT id FROM messages_out"),
                            "--not-sent"},
                           variables("hold"))
                   .exit_code == 0);
    BOOST_TEST(eventually_is("status || attempts", "sent2"));
}

}  // namespace pgcourier
