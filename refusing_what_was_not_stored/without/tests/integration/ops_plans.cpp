// links: pg
// The views of ops on large tables with dead rows: none may walk one of them, whatever the
// statistics say. How long they take is measured by bench/ops_views.cpp.
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier {
namespace {

using test::TestDatabase;

/// 100,000 messages each way with all that belongs to them, and as many dead entries before what
/// waits. Statistics are made while the tables are nearly empty, as a plan of a young database is.
class Large {
  public:
    Large() {
        fill(
            "INSERT INTO tenants (id, name, whatsapp_phone_number) SELECT 't' || g, 'Shop', '+337' "
            "|| lpad(g::text, 8, '0') FROM "
            "generate_series(0, 49) AS g;"
            "INSERT INTO outbox_scopes (scope) SELECT 'sender:' || whatsapp_phone_number FROM "
            "tenants; "
            "ANALYZE;"
            "ALTER TABLE messages_out DISABLE TRIGGER USER; ALTER TABLE webhook_queue SET "
            "(autovacuum_enabled = off); ALTER TABLE "
            "outbox_queue SET (autovacuum_enabled = off); ALTER TABLE event_log SET "
            "(autovacuum_enabled = off)");
        fill(
            "INSERT INTO webhook_events (key, kind, format, raw, payload, \"to\", correlation_id, "
            "received_at) SELECT 'msg:SM' || g, 'inbound', "
            "'form', '', '{}', '+33700000001', 'c' || g, now() - (100000 - g) * interval '50 ms' "
            "FROM generate_series(1, 100000) AS g");
        fill(
            "INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", \"to\", body, "
            "correlation_id, event_id, handled_at) SELECT "
            "'in' || g, CASE WHEN g % 10 > 0 THEN 't' || g % 50 END, 'SM' || g, '+33612345678', "
            "'+3370000000' || g % 3, 'x', 'c' || g, g, now() "
            "FROM generate_series(1, 100000) AS g");
        fill(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, attempts, "
            "provider_message_id, correlation_id, sent_at) SELECT 'out' || g, "
            "'t' || g % 50, '+336' || lpad(g::text, 8, '0'), 'x', CASE WHEN g % 100 = 0 THEN "
            "'dead' ELSE 'sent' END, 1, 'SO' || g, 'c' || g, now() "
            "FROM generate_series(1, 100000) AS g; ALTER TABLE messages_out ENABLE TRIGGER USER");
        fill(
            "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, "
            "actor_type, created_at) SELECT e.type, e.entity, e.prefix || g, "
            "'c' || g, 'system', (now() - (100000 - g) * interval '50 ms') AT TIME ZONE 'UTC' FROM "
            "generate_series(1, 100000) AS g, (VALUES "
            "('webhook_received', 'message_in', 'in'), ('message_sent', 'message_out', 'out')) AS "
            "e (type, entity, prefix)");
        fill(
            "INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, resolved_at) SELECT 't' "
            "|| g % 50, 'message_out', "
            "jsonb_build_object('message_out_id', 'out' || g * 10), CASE WHEN g % 10 > 0 THEN "
            "now() END FROM generate_series(1, 10000) AS g;"
            "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
            "received_at, settled_at) SELECT 'SO' || g, "
            "'delivered', g, 'd' || g, now(), now() FROM generate_series(1, 100000) AS g;"
            "INSERT INTO opt_outs (tenant_id, phone_number) SELECT 't' || g % 50, '+335' || "
            "lpad(g::text, 8, '0') FROM generate_series(1, 10000) AS g");
        fill(
            "INSERT INTO webhook_queue (id) SELECT generate_series(1, 100000); DELETE FROM "
            "webhook_queue WHERE id < 99000;"
            "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT 't' || g % 50, '+336' || "
            "lpad(g::text, 8, '0'), 'x' FROM generate_series(1, "
            "100000) AS g; DELETE FROM outbox_queue WHERE seq <= 130000;"
            "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
            "instance_id, claimed_at, expires_at, unknown_since) "
            "SELECT tenant_id, \"to\", seq, id, 't', 1, 'i', now(), now(), CASE WHEN seq % 2 = 0 "
            "THEN now() END FROM messages_out WHERE seq <= 200");
        // As autovacuum does by itself, sooner or later: what a count of unrouted messages is
        // expected to cost depends on it.
        fill("VACUUM (ANALYZE) messages_in");
    }
    void fill(const char* script) const {
        pg::ConnectOptions options = db.options();
        options.answer_timeout = std::chrono::minutes{10};
        pg::Connection{std::move(options)}.exec_script(script);
    }
    std::vector<std::string> plan(const std::string& of) const {
        return db.query_rows("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS) SELECT * FROM " +
                             of);
    }

    /// As the planner has it.
    double cost(const std::string& of) const {
        const std::string line = db.query_value("EXPLAIN SELECT * FROM " + of);
        const auto at = line.find("..");
        return at == std::string::npos ? 0 : std::stod(line.substr(at + 2));
    }

    TestDatabase db;
};

/// jit_above_cost: from here on a plan is compiled, which takes longer than any of these views.
constexpr double kCompiled = 100'000;

constexpr const char* kBig[] = {"webhook_events",  "messages_in",  "messages_out",
                                "event_log",       "outbox_queue", "dead_letter_jobs",
                                "delivery_events", "opt_outs"};

/// By a scan of the whole, be it in the order of an index.
bool walks_a_big_table(const std::string& line) {
    return line.find("Seq Scan on ") != std::string::npos &&
           std::any_of(std::begin(kBig), std::end(kBig), [&](const char* table) {
               return (line + " ").find(fmt::format("Seq Scan on {} ", table)) != std::string::npos;
           });
}

/// Pages that the whole of a plan has touched: its first line of buffers.
std::int64_t pages(const std::vector<std::string>& plan) {
    for (const std::string& line : plan) {
        const auto at = line.find("Buffers: shared ");
        if (at == std::string::npos) continue;
        std::int64_t sum = 0;
        for (const char* kind : {"hit=", "read="}) {
            if (const auto found = line.find(kind, at); found != std::string::npos)
                sum += std::stoll(line.substr(found + std::strlen(kind)));
        }
        return sum;
    }
    return 0;
}

}  // namespace

// What a view may read is bounded, as its counts are, whatever the size of the tables. (Before the
// first ANALYZE of a table, which PostgreSQL does by itself within a minute, nothing is known of
// its order, and a view may walk it.)
BOOST_AUTO_TEST_CASE(no_view_and_no_function_walks_a_big_table) {
    const Large large;
    for (const char* statistics : {"no", "new"}) {
        for (const char* function : {"trace", "explain"}) {
            // Of a message out and in, Twilio's of both, a correlation, an event that waits and one
            // that does not, none at all: that one is looked for among those that wait.
            for (const char* id :
                 {"out5000", "in5000", "SO5000", "SM5000", "c5000", "99500", "5000", "nothing"}) {
                const std::int64_t read =
                    pages(large.plan(fmt::format("ops.{}('{}')", function, id)));
                BOOST_TEST_CONTEXT(fmt::format("{}({}), {} statistics", function, id, statistics)) {
                    BOOST_TEST(read > 0);
                    BOOST_TEST(read < 20'000);
                }
            }
        }
        large.fill("ANALYZE");
    }
    BOOST_TEST(large.db.count("SELECT count(*) FROM ops.trace('c5000')") == 7);

    // Of somebody with 100,000 messages, of somebody with one, of nobody.
    for (const char* person : {"+33612345678", "+33600005000", "+33699999999"}) {
        const auto of_one = large.plan(fmt::format("ops.messages_of('{}')", person));
        BOOST_TEST_CONTEXT(fmt::format("{}\n{}", person, fmt::join(of_one, "\n"))) {
            BOOST_TEST(pages(of_one) > 0);
            BOOST_TEST(pages(of_one) < 1'000);
        }
    }

    // What the console asks: a search for nothing, a log that a filter empties, what few did among
    // all that was done. Each looks at its bound, whatever the size of the table.
    large.fill(
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, created_at) "
        "SELECT 'sending_paused_by_hand', 'scope', 'p' || g, 'operator', (now() - g * interval '2 "
        "s') AT TIME ZONE 'UTC' FROM generate_series(1, 60) AS g");
    for (const auto& [asked, most] : std::initializer_list<std::pair<const char*, std::int64_t>>{
             {"ops.find('nothing')", 3'000},
             {"ops.find('+33612345678')", 3'000},
             {"ops.conversation('in5000')", 20'000},
             {"ops.log()", 3'000},
             {"ops.log(tenant => 'nobody')", 6'000},
             {"ops.log(type => 'message_sent')", 6'000},
             {"ops.log(type => 'person_erased')", 2'000},
             {"ops.log(type => 'sending_paused_by_hand')", 2'000},
             {"ops.log(only_people => true)", 2'000},
             {"ops.log(correlation => 'c5000')", 2'000}}) {
        const std::int64_t read = pages(large.plan(asked));
        BOOST_TEST_CONTEXT(asked) {
            BOOST_TEST(read > 0);
            BOOST_TEST(read < most);
        }
    }
    BOOST_TEST(large.db.count("SELECT count(*) FROM ops.log(only_people => true)") == 50);
    BOOST_TEST(large.db.query_value("SELECT event_type FROM ops.log(tenant => 'nobody')") ==
               "more");

    std::vector<std::string> queries = large.db.query_rows(
        "SELECT 'ops.' || relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND "
        "relkind = 'v' ORDER BY 1");
    BOOST_TEST(queries.size() >= 14u);
    // Lists that are read until they are long enough.
    queries.insert(queries.end(),
                   {"ops.dead_letters ORDER BY created_at DESC LIMIT 20",
                    "ops.dead_letters WHERE id = 'nothing'",
                    "ops.dead_letters WHERE tenant_id = 't1' ORDER BY created_at DESC LIMIT 20"});
    for (const std::string& query : queries) {
        const std::vector<std::string> lines = large.plan(query);
        BOOST_TEST_CONTEXT(fmt::format("{}\n{}", query, fmt::join(lines, "\n"))) {
            for (const std::string& line : lines) {
                BOOST_TEST(!walks_a_big_table(line), line);
                BOOST_TEST(line.find("JIT") == std::string::npos, line);
            }
            BOOST_TEST(pages(lines) < 60'000);
            const double cost = large.cost(query);
            BOOST_TEST(cost < kCompiled, cost);
        }
    }
}

}  // namespace pgcourier
