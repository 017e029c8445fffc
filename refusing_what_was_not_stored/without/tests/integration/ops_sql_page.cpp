// docs/sql.md: every query on it runs, and prints what the page shows.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698765432";

/// A few minutes of traffic, with some trouble in it.
struct Traffic {
    TestDatabase db;
    sim::Simulator twilio;
    std::uint16_t port = free_port();
    Variables variables;
    std::map<std::string, std::string> ids;

    Traffic() {
        BOOST_REQUIRE(twilio.start());
        db.exec(
            "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('demo-shop', 'Demo "
            "shop', "
            "'+33700000001'), ('zoe', 'Chez Zoé', '+33700000002'), ('market', 'Marché', "
            "'+33700000003');"
            "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('demo-shop', "
            "'+33612345678')");
        variables = service_variables(db.url(), port, twilio.base_url());
        const auto rules = sim::read_rules(
            R"({"to": "+33600000201", "status": 400, "code": 21211}
               {"to": "+33600000202", "last": "undelivered", "error_code": 63024}
               {"to": "+33600000203", "status": 400, "code": 63010}
               {"to": "+33600000204", "answer": "reset", "processes": false, "times": 1}
               {"from": "+33700000003", "status": 400, "code": 63007})");
        BOOST_REQUIRE(rules);
        for (const sim::Rule& rule : *rules) twilio.script().add(rule);
    }
    /// Writes a message and remembers its id under `name`.
    void write(const std::string& name, const std::string& tenant, const std::string& to,
               const std::string& columns = "", const std::string& values = "") {
        ids[name] =
            db.query_value(fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body{}) "
                                       "VALUES ('{}', '{}', 'Merci'{}) RETURNING id",
                                       columns, tenant, to, values));
    }
    void wait_for(const std::string& condition, std::int64_t count = 1) {
        BOOST_REQUIRE_MESSAGE(
            eventually([&] { return db.count("SELECT count(*) FROM " + condition) == count; },
                       std::chrono::seconds{90}),
            condition);
    }
    void receive(std::uint64_t number, const std::string& from, const std::string& to,
                 const std::string& body) const {
        const std::string hook = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
        BOOST_TEST(post_signed(hook, inbound_form(number, from, to, body)).status == 200);
    }
    void run();
};

void Traffic::run() {
    receive(1, kClient, kShop, "Bonjour");
    receive(2, "+33612345678", kShop, "Stock 12");
    receive(3, "+33698765433", kShop, "STOP");
    receive(4, kClient, "+33700000009", "Bonjour");
    receive(1, kClient, kShop, "Bonjour");
    wait_for("messages_in", 4);
    ids["client message"] = db.query_value(fmt::format(
        "SELECT id FROM messages_in WHERE message_type = 'client' AND \"from\" = '{}'", kClient));
    ids["unrouted message"] = db.query_value("SELECT id FROM messages_in WHERE tenant_id IS NULL");
    db.exec(fmt::format("UPDATE messages_in SET handled_at = clock_timestamp() WHERE id = '{}'",
                        ids["client message"]));

    write("sent message", "demo-shop", kClient);
    wait_for("messages_out WHERE delivery_status = 'delivered'");
    for (int person = 1; person <= 3; ++person)
        write("", "demo-shop", fmt::format("+3360000010{}", person));
    wait_for("messages_out WHERE delivery_status = 'delivered'", 4);
    write("dead message", "zoe", "+33600000201");
    write("", "zoe", "+33600000202");
    wait_for("ops.dead_letters", 2);
    // It fails, and its next attempt is far away.
    write("failed message", "demo-shop", "+33600000203");
    wait_for("messages_out WHERE status = 'failed'");
    BOOST_REQUIRE(eventually([&] {
        db.exec("UPDATE outbox_queue SET due_at = now() + interval '1 h' WHERE is_retry");
        return db.count("SELECT count(*) FROM outbox_queue WHERE is_retry") == 1;
    }));
    write("message behind another", "demo-shop", "+33600000203");
    write("message of unknown outcome", "demo-shop", "+33600000204");
    wait_for("outbox_leases WHERE unknown_since IS NOT NULL");
    db.exec(
        "UPDATE outbox_leases SET unknown_since = now() - interval '3 min', look_at = now() + "
        "interval '1 h', look_failures = 3");
    write("message of a sender that does not work", "market", "+33600000205");
    wait_for("ops.breakers WHERE state = 'open'");
    db.exec(
        "UPDATE outbox_scopes SET probe_at = now() + interval '1 h' WHERE opened_at IS NOT NULL");
    db.exec("SELECT ops.pause_sending('tenant', 'zoe', 'the invoice is open')");
    write("message of a paused shop", "zoe", "+33600000206");
    write("message for tomorrow", "demo-shop", "+33600000207", ", send_at, expires_at",
          ", now() + interval '1 day', now() + interval '2 days'");
    // As if nobody had received for a quarter of an hour.
    db.exec(
        "INSERT INTO backfills (asked_by, is_automatic, since, until, asked_at, due_at, step, "
        "fetched, with_media, deliveries, first_pass_at, ended_at) VALUES ('outage', true, now() - "
        "interval '40 min', now() - interval '25 min', now() - interval '25 min', now() - interval "
        "'19 min', 'messages', 12, 3, 2, now() - interval '25 min', now() - interval '19 min')");
    // As if two minutes had passed, on a machine that is not slow.
    db.exec(
        "UPDATE outbox_queue SET due_at = due_at - interval '2 min' WHERE due_at <= now();"
        "UPDATE event_log AS l SET created_at = (e.received_at + interval '12 ms') AT TIME ZONE "
        "'UTC' FROM webhook_events AS e WHERE e.correlation_id = "
        "l.correlation_id AND l.event_type = 'webhook_received'; SELECT "
        "pg_stat_force_next_flush()");
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_query_of_the_page_runs_and_prints_what_it_shows, Traffic) {
    Process service{{"serve"}, variables};
    BOOST_REQUIRE_MESSAGE(service.wait_for_output("Worker started successfully"), service.output());
    run();
    const Page page = read_page("docs/sql.md");
    Walk walk{page, {.variables = variables, .names = {}, .log = [&] { return service.output(); }}};
    for (const auto& [name, id] : ids) walk.situation().names[name] = [id = id] { return id; };
    std::size_t blocks = 0;
    for (const std::string& section : page.sections) {
        const bool has_blocks =
            std::ranges::any_of(page.blocks, [&](const Block& b) { return b.section == section; });
        if (!has_blocks) continue;
        for (const std::string& complaint : walk.section(section))
            BOOST_TEST(complaint.empty(), complaint);
        ++blocks;
    }
    BOOST_TEST(blocks > 12u);
    BOOST_TEST(walk.unwalked().empty());
    db.exec("DROP ROLE courier; DROP ROLE shop_app; DROP ROLE grafana");
}

BOOST_AUTO_TEST_CASE(the_page_shows_every_view_and_names_every_function_that_acts) {
    const TestDatabase db;
    std::string sql;
    const Page page = read_page("docs/sql.md");
    for (const Block& block : page.blocks) {
        if (block.language == "sql") sql += block.text;
    }
    for (const std::string& name : db.query_rows(
             "SELECT 'ops.' || relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND "
             "relkind = 'v' UNION SELECT 'ops.' || proname FROM pg_proc "
             "WHERE pronamespace = 'ops'::regnamespace AND proname IN ('trace', 'explain', "
             "'retry_dead_letters', 'discard_dead_letter', 'pause_sending', "
             "'resume_sending', 'cancel_message', 'settle_unknown', 'reroute', "
             "'oldest_snapshot')")) {
        BOOST_TEST(sql.find(name) != std::string::npos, name);
    }
}

}  // namespace pgcourier
