// links: router
// What people do with functions of ops beyond dead letters: routing again, and what the guard of
// messages_out tells them.
#include "base/wake.hpp"
#include "router/worker.hpp"
#include "support/fake_clock.hpp"
#include "support/routing.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier {
namespace {

using namespace std::chrono_literals;
using test::an_inbound;
using test::receive;
using test::TestDatabase;

constexpr const char* kClient = "+33698765432";
constexpr const char* kLost = "+33700000009";

struct Actions {
    TestDatabase db;
    test::FakeClock clock;
    Wake wake;
    std::string poison;  // what the router cannot route
    router::Worker worker = a_worker();

    router::Worker a_worker() {
        router::Settings settings;
        settings.before_decide = [this](const router::Claimed& event) {
            if (!poison.empty() && event.raw.find(poison) != std::string::npos)
                throw std::logic_error{"poison"};
        };
        return router::Worker{db.options("router"), wake, std::move(settings), clock, 1};
    }
    void route() {
        clock.advance(10s);
        while (worker.run_once() > 0) {
        }
    }
    /// As one that was woken, which looks at all that waits.
    void route_anew() {
        router::Worker other = a_worker();
        while (other.run_once() > 0) {
        }
    }
    /// Until it is given up.
    void route_to_death() {
        for (int i = 0; i < 5; ++i) {
            route();
            db.exec("UPDATE webhook_queue SET due_at = now() WHERE due_at IS NOT NULL");
        }
        BOOST_REQUIRE(db.count("SELECT count(*) FROM ops.dead_letters") == 1);
    }
    /// What PostgreSQL says to a statement that it refuses, and its hint on a second line.
    std::string refusal(const std::string& statement) const {
        return db.query_value("DO $outer$ DECLARE said text; hint text; BEGIN BEGIN " + statement +
                              "; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS said = "
                              "MESSAGE_TEXT, hint = PG_EXCEPTION_HINT; PERFORM "
                              "set_config('test.said', said || E'\\n' || hint, false); END; END "
                              "$outer$; SELECT current_setting('test.said')");
    }
};

}  // namespace

// ---- ops.reroute
// ------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(the_messages_of_a_number_are_routed_again_when_its_tenant_got_it_unseen,
                        Actions) {
    for (int i = 1; i <= 3; ++i) receive(db, an_inbound(i, kClient, kLost));
    route();
    BOOST_TEST(db.query_value("SELECT ops.reroute('whatsapp:+33700000009')") ==
               "3 of 3 messages are queued for routing; but no tenant has the number yet, so that "
               "they stay unrouted until one gets it");
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM ops.unrouted") == 1);

    db.exec(
        "ALTER TABLE tenants DISABLE TRIGGER USER; INSERT INTO tenants (id, name, "
        "whatsapp_phone_number) VALUES ('late', 'Late', '+33700000009')");
    db.exec("INSERT INTO webhook_queue (id) SELECT min(id) FROM webhook_events");
    BOOST_TEST(
        db.query_value(
            "SELECT ops.reroute('+33700000009', reason => 'it was forgotten', by => 'zoe')") ==
        "2 of 3 messages are queued for routing");
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE tenant_id = 'late' AND "
                        "message_type = 'client'") == 3);
    BOOST_TEST(db.query_value("SELECT ops.reroute('+33700000009')") ==
               "no stored message to this number is unrouted, or their events are no longer kept "
               "(RETENTION_DAYS)");
    BOOST_TEST(db.query_value("SELECT entity_id || tenant_id || payload FROM event_log WHERE "
                              "event_type = 'events_rerouted' AND payload ->> 'by' = "
                              "'zoe'") ==
               R"(+337…09late{"by": "zoe", "events": 2, "reason": "it was forgotten"})");
}

BOOST_FIXTURE_TEST_CASE(what_is_routed_already_stays_as_it_is_when_it_is_routed_again, Actions) {
    db.add_tenant("shop", kLost);
    receive(db, an_inbound(1, kClient, kLost));
    route();
    db.exec("UPDATE messages_in SET handled_at = now()");
    BOOST_TEST(db.query_value("SELECT ops.reroute(event => id) FROM webhook_events") ==
               "event 1 is queued for routing");
    BOOST_TEST(db.query_value("SELECT ops.reroute(event => 1)") ==
               "event 1 is in the queue already");
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE handled_at IS NOT NULL") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'idempotent_ignored'") ==
               1);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_was_given_up_is_routed_again_and_its_dead_letter_resolved,
                        Actions) {
    const std::string shop = db.add_tenant("shop", kLost);
    receive(db, an_inbound(1, kClient, kLost));
    poison = "SM";
    route_to_death();
    poison.clear();
    BOOST_TEST(db.query_value("SELECT ops.reroute(event => 1, by => 'zoe')") ==
               "event 1 is queued for routing");
    BOOST_TEST(db.count("SELECT count(*) FROM ops.dead_letters") == 0);
    route_anew();
    BOOST_TEST(db.query_value("SELECT tenant_id FROM messages_in") == shop);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'dead_letter_retried' "
                        "AND payload ->> 'by' = 'zoe'") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_tenant_is_meant_by_its_id_or_its_name_and_nobody_by_another_word,
                        Actions) {
    const std::string shop = db.add_tenant("Demo shop", kLost);
    const std::string nobody =
        "no tenant has the id or the name nope\nSELECT id, name FROM ops.tenants";
    for (const char* act : {"ops.retry_dead_letters", "ops.discard_dead_letters"}) {
        BOOST_TEST(refusal(fmt::format("PERFORM {}(tenant => 'nope')", act)) == nobody);
        BOOST_TEST(db.count(fmt::format("SELECT count(*) FROM {}(tenant => 'Demo shop')", act)) ==
                   0);
    }
    BOOST_TEST(refusal("PERFORM ops.pause_sending('tenant', 'nope')") == nobody);
    BOOST_TEST(refusal("PERFORM ops.resume_sending('tenant', 'nope')") == nobody);
    db.exec("SELECT ops.pause_sending('tenant', 'Demo shop', 'why', 'zoe')");
    BOOST_TEST(db.query_value("SELECT id || paused_by FROM ops.pauses") == shop + "zoe");
    BOOST_TEST(db.query_value("SELECT ops.pause_sending('tenant', 'Demo shop')")
                   .starts_with("already paused by zoe at "));
    BOOST_TEST(db.query_value("SELECT ops.resume_sending('tenant', 'Demo shop', by => 'ada')") ==
               "resumed");
    BOOST_TEST(db.query_value("SELECT string_agg(payload ->> 'by', ' ' ORDER BY created_at) FROM "
                              "event_log WHERE tenant_id = '" +
                              shop + "'") == "zoe ada");
    db.add_tenant("Demo shop", "+33700000098");
    BOOST_TEST(refusal("PERFORM ops.pause_sending('tenant', 'Demo shop')")
                   .starts_with("more than one tenant has the name Demo shop: say the id\n"));
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    };
    BOOST_TEST(has(db.query_value("SELECT ops.pause_sending('sender', '+33799999999')"),
                   "No tenant has this number: unless it is TWILIO_WHATSAPP_NUMBER"));
    BOOST_TEST(
        !has(db.query_value("SELECT ops.pause_sending('sender', '+33700000098')"), "No tenant"));
}

BOOST_FIXTURE_TEST_CASE(reroute_says_what_it_expects, Actions) {
    BOOST_TEST(refusal("PERFORM ops.reroute()")
                   .starts_with("found neither a number nor an event, expected a number or an "
                                "event\nSELECT ops.reroute("));
    BOOST_TEST(refusal("PERFORM ops.reroute('+33700000009', 1)")
                   .starts_with("found both a number and an event"));
    BOOST_TEST(refusal("PERFORM ops.reroute('0700000009')") ==
               "a number is like +33700000001, found something else\nSELECT number, messages FROM "
               "ops.unrouted");
    BOOST_TEST(refusal("PERFORM ops.reroute(event => 7)")
                   .starts_with("no event has the id 7\nIt is no longer kept (RETENTION_DAYS)"));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
}

// ---- The guard
// --------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(the_guard_names_the_function_for_what_was_wished, Actions) {
    const std::string shop = db.add_tenant("shop", kLost);
    const auto add = [&](const std::string& id, const std::string& columns,
                         const std::string& values) {
        db.exec(
            fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body{}) VALUES ('{}', "
                        "'{}', '{}', 'x'{})",
                        columns, id, shop, kClient, values));
    };
    add("waits", "", "");
    add("held", ", held_reason", ", 'too old'");
    add("dead", ", status", ", 'dead'");
    add("sent", ", status", ", 'sent'");
    add("undelivered", ", status, undelivered_at", ", 'sent', now()");
    add("blocked", ", status", ", 'blocked'");
    add("unknown", "", "");
    db.exec(
        "ALTER TABLE messages_out DISABLE TRIGGER pgcourier_guard; UPDATE messages_out SET status "
        "= 'unknown' WHERE id = 'unknown'; ALTER TABLE "
        "messages_out ENABLE TRIGGER pgcourier_guard");
    const auto said = [&](const std::string& id, const std::string& status) {
        return refusal(
            fmt::format("UPDATE messages_out SET status = '{}' WHERE id = '{}'", status, id));
    };
    BOOST_TEST(said("waits", "sent") ==
               fmt::format("messages_out: status pending cannot become sent here\nSELECT "
                           "ops.cancel_message('waits') takes it back, SELECT "
                           "ops.pause_sending('tenant', '{}') pauses its tenant, SELECT "
                           "ops.explain('waits') says why it was not sent yet.",
                           shop));
    BOOST_TEST(said("held", "sending") ==
               "messages_out: status pending cannot become sending here\nIt is held: SELECT "
               "ops.release_message('held') sends it, SELECT "
               "ops.cancel_message('held') does not.");
    for (const char* id : {"dead", "undelivered"}) {
        BOOST_TEST(said(id, "pending")
                       .find(fmt::format(
                           "Its dead letter is retried with SELECT ops.retry_dead_letter(id) FROM "
                           "ops.dead_letters WHERE "
                           "entity_id = '{}', or discarded with ops.discard_dead_letter(id).",
                           id)) != std::string::npos);
    }
    BOOST_TEST(said("sent", "pending") ==
               "messages_out: status sent cannot become pending here\nIt was sent: to send it once "
               "more, insert it again.");
    BOOST_TEST(
        said("unknown", "pending") ==
        "messages_out: status unknown cannot become pending here\nSay what became of it: SELECT "
        "ops.settle_unknown('unknown', true) when it was sent, else with false.");
    BOOST_TEST(said("blocked", "pending") ==
               "messages_out: status blocked cannot become pending here\nIt is finished: to send "
               "it after all, insert it again.");
}

}  // namespace pgcourier
