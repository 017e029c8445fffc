// How long each view of ops takes when messages_in and messages_out have OPS_VIEWS_ROWS rows each
// (100,000; the claim is made for 10,000,000, which take half an hour and 40 GB to fill): a
// month of messages with all that belongs to them, of which a twentieth came within the last hour,
// a backlog of 60,000 to be sent, and the dead rows of what went before it.
#include "console/questions.hpp"
#include "harness/rounds.hpp"
#include "harness/sample.hpp"
#include "harness/system.hpp"
#include "sql/console.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace pgcourier;

constexpr int kTimes = 5;
constexpr std::int64_t kPart = 250'000;  // rows in one transaction

std::int64_t rows_wanted() {
    return bench::setting("OPS_VIEWS_ROWS", 100'000);
}

/// A connection that waits for as long as filling takes.
pg::Connection patient(const test::TestDatabase& db) {
    pg::ConnectOptions options = db.options("fill");
    options.answer_timeout = std::chrono::hours{12};
    pg::Connection connection{std::move(options)};
    connection.exec_script("SET synchronous_commit = off; SET work_mem = '256MB'");
    return connection;
}

/// When message g of n came: the last twentieth within the last hour, the others over the month
/// before it.
constexpr const char* kAt =
    "CREATE FUNCTION pg_temp.at(g bigint, n bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$ "
    "SELECT CASE WHEN g <= n * 0.95 THEN now() "
    "- interval '1 hour' - interval '30 days' * (1 - g / (n * 0.95)) ELSE now() - interval '1 "
    "hour' * (1 - (g - n * 0.95) / (n * 0.05)) END $$";

/// What one part of the messages needs, in each table. {0} and {1}: from which to which, {2}: of
/// how many.
constexpr const char* kParts[] = {
    "INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", \"to\", "
    "correlation_id, received_at) SELECT 'msg:SM' || lpad(to_hex(g), 32, "
    "'0'), 'inbound', 'form', convert_to(repeat('Body=Bonjour&', 40), 'UTF8'), '{{\"Body\": "
    "\"Bonjour\"}}', '+33611111111', '+33700000001', 'c' || g, "
    "pg_temp.at(g, {2}) FROM generate_series({0}, {1}) AS g",
    "INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", \"to\", body, "
    "message_type, correlation_id, event_id, created_at, handled_at) "
    "SELECT 'in' || g, CASE WHEN g % 500 > 0 THEN 't' || g % 1000 END, 'SM' || lpad(to_hex(g), 32, "
    "'0'), '+336' || lpad((g % 3333333)::text, 8, '0'), '+337' || lpad((g % "
    "1010)::text, 8, '0'), 'Bonjour, avez-vous encore le modèle bleu en taille 38 ?', 'client', "
    "'c' || g, g, (pg_temp.at(g, {2}) + interval '5 ms') AT "
    "TIME ZONE 'UTC', CASE WHEN g < {2} - 200 THEN pg_temp.at(g, {2}) + interval '60 ms' END FROM "
    "generate_series({0}, {1}) AS g",
    "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, attempts, correlation_id, "
    "provider_message_id, created_at, updated_at, sent_from, sent_at, "
    "delivery_status, delivered_at) SELECT 'out' || g, 't' || g % 1000, '+336' || lpad((g % "
    "3333333)::text, 8, '0'), 'Bonjour, oui : il vous attend à la "
    "boutique.', CASE WHEN g % 1000 = 0 THEN 'dead' ELSE 'sent' END, 1, 'c' || g, 'SO' || "
    "lpad(to_hex(g), 32, '0'), pg_temp.at(g, {2}) AT TIME ZONE "
    "'UTC', pg_temp.at(g, {2}) AT TIME ZONE 'UTC', '+33700000001', pg_temp.at(g, {2}) + interval "
    "'80 ms', 'delivered', pg_temp.at(g, {2}) + interval '3 "
    "s' FROM generate_series({0}, {1}) AS g",
    "INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, "
    "actor_type, created_at) SELECT 't' || g % 1000, e.type, "
    "e.entity, e.prefix || g, 'c' || g, 'system', (pg_temp.at(g, {2}) + e.later) AT TIME ZONE "
    "'UTC' FROM generate_series({0}, {1}) AS g, (VALUES "
    "('webhook_received', 'message_in', 'in', interval '5 ms'), ('message_sent', 'message_out', "
    "'out', interval '80 ms'), ('message_delivered', "
    "'message_out', 'out', interval '90 ms')) AS e (type, entity, prefix, later)",
    "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, event_id, "
    "correlation_id, received_at, settled_at) SELECT 'SO' || "
    "lpad(to_hex(g), 32, '0'), 'out' || g, 1, 'delivered', g, 'd' || g, pg_temp.at(g, {2}), now() "
    "FROM generate_series({0}, {1}) AS g",
    "INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts, "
    "created_at, resolved_at) SELECT 't' || g % 1000, 'message_out', "
    "jsonb_build_object('message_out_id', 'out' || g), 'twilio 6301' || g % 7 || ': refused', 5, "
    "pg_temp.at(g, {2}) AT TIME ZONE 'UTC', CASE WHEN g < {2} "
    "* 0.9 THEN now() END FROM generate_series({0}, {1}) AS g WHERE g % 1000 = 0"};

/// What there is of whatever the number of messages: shops, a backlog and what went before it,
/// messages in flight, unknown and held.
constexpr const char* kWaiting =
    "INSERT INTO seller_phones (tenant_id, phone_number) SELECT 't' || g % 1000, '+336' || "
    "lpad(g::text, 8, '0') FROM generate_series(1, 3000) AS g;"
    "INSERT INTO opt_outs (tenant_id, phone_number) SELECT 't' || g % 1000, '+335' || "
    "lpad(g::text, 8, '0') FROM generate_series(1, 50000) AS g;"
    "INSERT INTO outbox_scopes (scope, calls, last_success_at) SELECT 'sender:' || "
    "whatsapp_phone_number, 1024, now() FROM tenants;"
    "INSERT INTO instances (id, host, pid, version, roles) SELECT 'i' || g, 'host', g, '1', "
    "'webhook,router,sender' FROM generate_series(1, 4) AS g;"
    "INSERT INTO messages_out (tenant_id, \"to\", body, send_at) SELECT 't' || g % 1000, '+336' || "
    "lpad(g::text, 8, '0'), 'text', NULL FROM "
    "generate_series(1, 160000) AS g; DELETE FROM outbox_queue WHERE seq <= (SELECT max(seq) - "
    "60000 FROM outbox_queue);"
    "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
    "instance_id, claimed_at, expires_at, unknown_since) SELECT tenant_id, "
    "\"to\", seq, id, 't', 1, 'i1', now(), now() + interval '1 h', CASE WHEN seq % 4 = 0 THEN "
    "now() END FROM messages_out WHERE seq % 1000 = 1 ORDER BY seq DESC "
    "LIMIT 300 ON CONFLICT DO NOTHING;"
    "INSERT INTO messages_out (tenant_id, \"to\", body, held_reason) SELECT 't1', '+33612345678', "
    "'text', 'left by the predecessor' FROM generate_series(1, 200);"
    "INSERT INTO webhook_queue (id) SELECT generate_series(1, 100000); DELETE FROM webhook_queue "
    "WHERE id <= 99500";

/// Indexes that no constraint needs are made when the rows are there, which is several times
/// faster.
constexpr const char* kDropIndexes =
    "CREATE TEMP TABLE dropped AS SELECT i.indexrelid::regclass::text AS name, "
    "pg_get_indexdef(i.indexrelid) AS definition FROM pg_index AS i WHERE i.indrelid IN "
    "('webhook_events'::regclass, 'messages_in'::regclass, 'messages_out'::regclass, "
    "'event_log'::regclass, 'delivery_events'::regclass, 'dead_letter_jobs'::regclass) AND NOT "
    "EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid);"
    "DO $$ DECLARE one record; BEGIN FOR one IN SELECT name FROM dropped LOOP EXECUTE 'DROP INDEX "
    "' "
    "|| one.name; END LOOP; END $$";
constexpr const char* kMakeIndexes =
    "SET maintenance_work_mem = '1GB'; DO $$ DECLARE one record; BEGIN FOR one IN SELECT "
    "definition FROM dropped LOOP EXECUTE one.definition; END LOOP; END $$";

void fill(const test::TestDatabase& db, std::int64_t rows) {
    pg::Connection connection = patient(db);
    connection.exec_script(kDropIndexes);
    connection.exec_script(kAt);
    connection.exec_script(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) SELECT 't' || g, 'Shop ' || g, "
        "'+337' || lpad(g::text, 8, '0') FROM generate_series(0, 999) "
        "AS g; ALTER TABLE messages_out DISABLE TRIGGER USER");
    for (const char* part : kParts) {
        for (std::int64_t from = 1; from <= rows; from += kPart) {
            connection.exec_script(
                fmt::format(fmt::runtime(part), from, std::min(rows, from + kPart - 1), rows)
                    .c_str());
            std::printf(".");
            std::fflush(stdout);
        }
    }
    connection.exec_script(kMakeIndexes);
    connection.exec_script("ALTER TABLE messages_out ENABLE TRIGGER USER");
    connection.exec_script(kWaiting);
    connection.exec_script("VACUUM ANALYZE");
    connection.exec_script("CHECKPOINT");
    std::printf("\n");
}

std::vector<std::string> console_requests(const std::string& middle) {
    return {"abnormal",
            "search?q=out" + middle,
            "search?q=%2B33600001010",
            "search?q=nothing",
            "trace?id=out" + middle,
            "conversation?person-of=out" + middle,
            "dead-letters",
            "dead-letters?tenant=t7",
            "tenants",
            "log",
            "log?tenant=t7",
            "log?type=nothing",
            "log?correlation_id=c" + middle,
            "audit"};
}

}  // namespace

int main() {
    test::use_durable_server();
    test::use_server_on_disk();
    const std::int64_t rows = rows_wanted();
    const test::TestDatabase db;
    std::printf("filling %lld messages each way\n", static_cast<long long>(rows));
    fill(db, rows);

    std::vector<std::string> queries = db.query_rows(
        "SELECT 'SELECT * FROM ops.' || relname FROM pg_class WHERE relnamespace = "
        "'ops'::regnamespace AND relkind = 'v' ORDER BY relname");
    const std::string middle = std::to_string(rows / 2);
    for (const char* list :
         {"ops.outbox ORDER BY seq LIMIT 20", "ops.dead_letters ORDER BY created_at DESC LIMIT 20"})
        queries.push_back(fmt::format("SELECT * FROM {}", list));
    for (const char* id : {"out", "SM", "c"}) {
        // By the message's id, Twilio's, and the correlation id.
        const std::string given =
            std::string_view{id} == "SM" ? fmt::format("SM{:032x}", rows / 2) : id + middle;
        queries.push_back(fmt::format("SELECT ops.explain('{}')", given));
        queries.push_back(fmt::format("SELECT * FROM ops.trace('{}')", given));
    }
    queries.emplace_back("SELECT ops.explain('nothing')");
    // A client who wrote and was written to three times each.
    queries.emplace_back("SELECT * FROM ops.messages_of('+33600001010')");
    queries.emplace_back("SELECT * FROM ops.messages_of('+33699999999')");

    bench::Report report{"ops_views"};
    pg::Connection connection = patient(db);
    std::string table = fmt::format("{:72} {:>8} {:>10} {:>10} {:>10}\n", "query", "rows",
                                    "first ms", "median ms", "worst ms");
    const auto measure = [&](const std::string& name, const std::function<int()>& ask) {
        std::vector<double> took;
        int found = 0;
        for (int time = 0; time < kTimes; ++time) {
            const auto start = std::chrono::steady_clock::now();
            found = ask();
            took.push_back(
                std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                    .count());
        }
        const double median = bench::percentile(took, 0.5);
        table += fmt::format("{:72} {:8} {:10.1f} {:10.1f} {:10.1f}\n", name, found, took.front(),
                             median, *std::max_element(took.begin(), took.end()));
        report.figure(name + " (at most 100)", median, "ms");
    };
    for (const std::string& query : queries)
        measure(query, [&] { return connection.exec_script(query.c_str()).size(); });

    // What the pages of the console ask for, as its API has it.
    const auto ask = [&](const pg::Statement& statement, const pg::Params& params) {
        const http::Response answer = console::reading(statement, params)(connection);
        if (answer.status != 200) throw std::runtime_error{answer.body};
        return 1;
    };
    measure("/ops/api/overview",
            [&] { return ask(sql::console::overview, pg::Params{std::optional{12.5}}); });
    for (const std::string& asked : console_requests(middle)) {
        const std::size_t mark = std::min(asked.find('?'), asked.size());
        for (const console::Question& question : console::questions()) {
            if (question.name != asked.substr(0, mark)) continue;
            const auto params = question.params(asked.substr(std::min(mark + 1, asked.size())));
            measure("/ops/api/" + asked,
                    [&] { return ask(question.statement, std::get<pg::Params>(params)); });
        }
    }
    std::printf("\n%s", table.c_str());
    return report.exit_status();
}
