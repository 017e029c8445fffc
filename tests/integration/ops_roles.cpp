// The group roles: who may look, who may write, and that the service itself can drop nothing.
#include "pg/migrate.hpp"
#include "sim/simulator.hpp"
#include "sql/doctor.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <signal.h>

namespace pgcourier {
namespace {

using test::TestDatabase;
using Lines = std::vector<std::string>;

#define TEST_LINES(found, ...) \
    BOOST_TEST(found == (Lines{__VA_ARGS__}), boost::test_tools::per_element())

constexpr const char* kPerson = "+33655443322";
constexpr const char* kShop = "+33700000001";

struct Roles {
    TestDatabase db;

    /// A login role of this test that is a member of `group`, and its URL.
    std::string login(const std::string& group) const {
        std::string name = group.substr(10) + "_" + db.name();  // without pgcourier_
        db.exec(fmt::format("CREATE ROLE {} LOGIN IN ROLE {}", name, group));
        return name;
    }
    Secret url_of(const std::string& role) const {
        std::string url = direct_url(db).reveal();
        const auto at = url.find("postgres@");
        BOOST_REQUIRE_MESSAGE(at != std::string::npos,
                              "the URL of a test's database begins otherwise than with postgres@");
        return Secret{url.replace(at, 8, role)};
    }
    pg::Connection connect_as(const std::string& role,
                              std::function<void(std::string_view)> on_notice = {}) const {
        pg::ConnectOptions options{.target = *pg::parse_url(url_of(role)), .role = "test"};
        options.on_notice = std::move(on_notice);
        return pg::Connection{std::move(options)};
    }
};

/// What the server says to these statements: empty when it does them.
std::string refusal(pg::Connection& connection, const std::string& script) {
    try {
        connection.exec_script(script.c_str());
        return "";
    } catch (const pg::Error& e) {
        return e.what();
    }
}

std::string first(pg::Connection& connection, const std::string& query) {
    const pg::Rows rows = connection.exec_script(query.c_str());
    return rows.empty() ? "no row" : rows[0].string(0);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

// ---- pgcourier_ops_reader
// ---------------------------------------------------------------------------------------

namespace {

/// Everything that holds personal data, with a number and words that nobody may see.
struct Canary : Roles {
    std::string reader = login("pgcourier_ops_reader");
    Canary() {
        db.exec(
            "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('shop', 'Shop', "
            "'+33755443322');"
            "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('shop', '+33655443322');"
            "INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('shop', '+33655443322');"
            "INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source) "
            "VALUES ('shop', '+33655443322', 'stop', now(), 'x');"
            "INSERT INTO outbox_scopes (scope, opened_at, reason) VALUES ('sender:+33755443322', "
            "now(), 'twilio: +33655443322');"
            "INSERT INTO outbox_pauses (kind, id, reason) VALUES ('sender', '+33755443322', 'for "
            "0655443322'), ('tenant', 'shop', 'call "
            "+33655443322');"
            "INSERT INTO instances (id, host, pid, version, roles) VALUES ('i1', 'h', 1, '1', "
            "'sender');"
            "ALTER TABLE messages_out DISABLE TRIGGER pgcourier_guard;"
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, correlation_id, media_url, "
            "dedupe_key) SELECT 'm' || g, 'shop', '+3365544332' || "
            "g % 3 + 2, 'CANARY words', 'c', 'https://CANARY.example/x', 'CANARY' || g FROM "
            "generate_series(1, 9) AS g;"
            "UPDATE messages_out SET last_error = 'CANARYLESS: +33655443322 is wrong', sent_from = "
            "'+33755443322', provider_message_id = 'SM' || id;"
            "UPDATE messages_out SET held_reason = 'for +33655443322' WHERE id = 'm4';"
            "UPDATE messages_out SET status = 'dead' WHERE id = 'm5'; UPDATE messages_out SET "
            "status = 'sent', sent_at = now(), undelivered_at = now() "
            "WHERE id = 'm6';"
            "UPDATE messages_out SET status = 'unknown' WHERE id = 'm3'; DELETE FROM outbox_queue "
            "WHERE message_id IN ('m3', 'm4', 'm5', 'm6');"
            "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
            "instance_id, claimed_at, expires_at, unknown_since, look_at) "
            "SELECT tenant_id, \"to\", seq, id, 't', 1, 'i1', now(), now(), now(), 'infinity' FROM "
            "messages_out WHERE id = 'm3';"
            "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, error_message, "
            "error_stack) SELECT 'l' || id, 'shop', 'message_out', "
            "jsonb_build_object('message_out_id', id, 'to', '+33655443322', 'body', 'CANARY'), 'no "
            "+33655443322', 'CANARY' FROM messages_out WHERE id IN "
            "('m5', 'm6');"
            "INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", \"to\", "
            "correlation_id, received_at) SELECT 'msg:SMin' || g, 'inbound', "
            "'form', '+33655443322 CANARY', '{\"From\": \"+33655443322\", \"Body\": \"CANARY\"}', "
            "'+33655443322', '+33799443322', 'e' || g, now() - "
            "interval '5 min' FROM generate_series(1, 4) AS g;"
            "INSERT INTO webhook_queue (id, attempts) SELECT id, 1 FROM webhook_events WHERE id < "
            "3;"
            "INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", \"to\", body, "
            "profile_name, correlation_id, event_id) SELECT 'in' || id, "
            "CASE id WHEN 4 THEN 'shop' END, substr(key, 5), \"from\", \"to\", 'CANARY', 'CANARY', "
            "correlation_id, id FROM webhook_events WHERE id > 2;"
            "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, "
            "actor_type) "
            "VALUES ('webhook_received', 'message_in', 'in4', 'e4', 's');"
            "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, "
            "actor_type, payload) VALUES ('webhook_received', 'message_in', 'in3', "
            "'e3', 's', '{\"body\": \"CANARY\", \"reason\": \"of 0033655443322\"}'), "
            "('message_sent', 'message_out', 'm6', 'c', 's', '{\"to\": "
            "\"+33655443322\", \"reason\": \"whatsapp:+33655443322\"}');"
            "INSERT INTO delivery_events (provider_message_id, status, error_message, event_id, "
            "correlation_id, received_at) VALUES ('SMm6', 'failed', "
            "'CANARY +33655443322', 1, 'x', now() - interval '1 h')");
    }
    void check(const std::string& text) const {
        BOOST_TEST(!has(text, "55443322"), text);
        BOOST_TEST(!has(text, "99443322"), text);
        BOOST_TEST(!has(text, "CANARY "), text);
        BOOST_TEST(!has(text, "CANARY\""), text);
        BOOST_TEST(!has(text, "CANARY."), text);
    }
    Lines views() const {
        return db.query_rows(
            "SELECT 'ops.' || relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND "
            "relkind = 'v'");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_reader_sees_every_view_with_masked_numbers_and_without_bodies, Canary) {
    pg::Connection connection = connect_as(reader);
    int seen = 0;
    for (const std::string& view : views()) {
        const pg::Rows rows =
            connection.exec_script(fmt::format("SELECT v::text FROM {} AS v", view).c_str());
        for (const pg::Row row : rows) check(row.string(0));
        seen += rows.size();
    }
    BOOST_TEST(seen > 100);
    for (const char* view :
         {"outbox", "stuck", "dead_letters", "unrouted", "tenants", "breakers", "pauses"}) {
        BOOST_TEST(
            std::stoi(first(connection, fmt::format("SELECT count(*) FROM ops.{}", view))) > 0,
            view);
    }
    BOOST_TEST(first(connection, "SELECT number FROM ops.tenants") == "+337…22");
    BOOST_TEST(db.query_value("SELECT number FROM ops.tenants") == "+33755443322");
    BOOST_TEST(first(connection, "SELECT number FROM ops.unrouted") == "+337…22");
    BOOST_TEST(db.query_value("SELECT number FROM ops.unrouted") == "+33799443322");
}

BOOST_FIXTURE_TEST_CASE(a_reader_can_trace_and_explain_every_id_and_learns_no_number_by_it,
                        Canary) {
    pg::Connection connection = connect_as(reader);
    for (const std::string& id :
         db.query_rows("SELECT id FROM messages_out UNION SELECT id FROM messages_in UNION SELECT "
                       "provider_message_id FROM messages_out "
                       "UNION SELECT id::text FROM webhook_events UNION SELECT correlation_id FROM "
                       "webhook_events UNION SELECT id FROM "
                       "dead_letter_jobs UNION SELECT 'c'")) {
        const std::string words = first(connection, fmt::format("SELECT ops.explain('{}')", id));
        BOOST_TEST(!has(words, "Nothing is known"), id);
        check(words);
        const pg::Rows rows = connection.exec_script(
            fmt::format("SELECT t::text FROM ops.trace('{}') AS t", id).c_str());
        BOOST_TEST(!rows.empty(), id);
        for (const pg::Row row : rows) check(row.string(0));
    }
    // A number is no id: nobody finds out whether somebody is known here.
    BOOST_TEST(has(first(connection, fmt::format("SELECT ops.explain('{}')", kPerson)),
                   "is a person or a shop, and no message"));
    BOOST_TEST(connection.exec_script(fmt::format("SELECT 1 FROM ops.trace('{}')", kPerson).c_str())
                   .empty());
}

// A function in a condition may see more than what the query returns: whatever the planner lets it
// look at.
BOOST_FIXTURE_TEST_CASE(a_function_of_the_readers_own_in_a_condition_sees_no_more, Canary) {
    std::string heard;
    pg::Connection connection =
        connect_as(reader, [&](std::string_view notice) { heard.append(notice).append("\n"); });
    connection.exec_script(
        "CREATE FUNCTION pg_temp.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 "
        "AS $$ BEGIN RAISE NOTICE 'saw %', value; RETURN true; "
        "END $$");
    for (const std::string& view : views()) {
        connection.exec_script(
            fmt::format("SELECT 1 FROM {} AS v WHERE pg_temp.leak(v::text)", view).c_str());
        for (const std::string& column : db.query_rows(fmt::format(
                 "SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0",
                 view))) {
            connection.exec_script(fmt::format("SELECT 1 FROM {} WHERE pg_temp.leak({}::text) AND "
                                               "pg_temp.leak({}::text) IS NOT NULL",
                                               view, column, column)
                                       .c_str());
        }
    }
    BOOST_TEST(has(heard, "+336…22"));
    check(heard);
}

BOOST_FIXTURE_TEST_CASE(a_reader_reads_no_table_and_runs_no_function_that_acts, Canary) {
    pg::Connection connection = connect_as(reader);
    for (const std::string& table :
         db.query_rows("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                       "AND relkind IN ('r', 'v', 'S')")) {
        BOOST_TEST(has(refusal(connection, "SELECT * FROM public." + table), "permission denied"),
                   table);
        if (table == "routable_events" || table == "tenant_senders")
            continue;  // views that nobody can delete from
        BOOST_TEST(has(refusal(connection, "DELETE FROM public." + table), "permission denied"),
                   table);
    }
    for (const char* act : {"ops.retry_dead_letter('lm5')", "ops.discard_dead_letter('lm5')",
                            "ops.retry_dead_letters(everything => true)",
                            "ops.discard_dead_letters(everything => true)", "ops.pause_sending()",
                            "ops.resume_sending('tenant', 'shop')", "ops.cancel_message('m1')",
                            "ops.release_message('m4')", "ops.settle_unknown('m3', true)",
                            "ops.reroute(event => 1)", "ops.grant_roles()"}) {
        BOOST_TEST(has(refusal(connection, fmt::format("SELECT {}", act)),
                       "permission denied for function"),
                   act);
    }
    // All that it may run, so that a new function is given to it on purpose.
    TEST_LINES(
        db.query_rows(fmt::format("SELECT proname FROM pg_proc WHERE pronamespace = "
                                  "'ops'::regnamespace AND has_function_privilege('{}', oid, "
                                  "'EXECUTE') ORDER BY 1",
                                  reader)),
        "conversation", "cursor", "explain", "explanation", "find", "find_dead_letters",
        "has_hidden", "letters_told", "log", "masked", "masked_text", "messages_of", "moment",
        "oldest_snapshot", "shell_argument", "shell_option", "shell_word", "span", "sql_word",
        "trace", "unfinished_migrations", "utc");
    BOOST_TEST(db.count("SELECT count(*) FROM pg_proc AS p, aclexplode(coalesce(p.proacl, "
                        "acldefault('f', p.proowner))) AS a WHERE p.pronamespace = "
                        "'ops'::regnamespace AND a.grantee = 0") == 0);
    for (const char* statement : {"CREATE TABLE ops.mine (id integer)", "DROP VIEW ops.health",
                                  "CREATE VIEW ops.mine AS SELECT 1"}) {
        BOOST_TEST(refusal(connection, statement) != "", statement);
    }
}

// It would keep the shop's own INSERT waiting, and could fill the table.
BOOST_FIXTURE_TEST_CASE(who_does_not_write_messages_takes_no_dedupe_key, Canary) {
    const std::string shop_app = "shop_app_" + db.name();
    db.exec("CREATE ROLE " + shop_app + " LOGIN; GRANT INSERT ON messages_out TO " + shop_app +
            "; SELECT ops.grant_roles()");
    const char* kTake = "SELECT pgcourier_take_dedupe_key('shop', 'order-1', 'x')";
    pg::Connection connection = connect_as(reader);
    BOOST_TEST(has(refusal(connection, kTake), "permission denied"));
    pg::Connection writing = connect_as(shop_app);
    BOOST_TEST(refusal(writing, kTake) == "");
}

BOOST_FIXTURE_TEST_CASE(where_everybody_may_create_functions_none_runs_with_the_owners_rights,
                        Canary) {
    const std::string definers =
        "SELECT count(*) FROM pg_proc WHERE prosecdef AND (pronamespace = 'ops'::regnamespace OR "
        "proname LIKE 'pgcourier%')";
    BOOST_TEST(db.count(definers) == 10);
    db.exec("GRANT CREATE ON SCHEMA public TO PUBLIC");
    BOOST_TEST(has(db.query_value("SELECT string_agg(g, ' ') FROM ops.grant_roles() AS g"),
                   "REVOKE CREATE ON SCHEMA public FROM PUBLIC"));
    BOOST_TEST(db.count(definers) == 0);
    db.exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    BOOST_TEST(db.count("SELECT count(*) FROM ops.grant_roles()") == 0);
    BOOST_TEST(db.count(definers) == 10);
}

BOOST_FIXTURE_TEST_CASE(what_runs_with_the_owners_rights_looks_for_its_tables_in_their_schema_only,
                        Canary) {
    TEST_LINES(db.query_rows(
        "SELECT p.oid::regproc FROM pg_proc AS p WHERE (p.pronamespace = "
        "'ops'::regnamespace OR p.pronamespace = 'public'::regnamespace AND "
        "p.proname LIKE 'pgcourier%') AND (p.prosecdef OR p.proconfig IS NOT NULL) AND NOT "
        "coalesce('search_path=public, pg_temp' = ANY (p.proconfig), false)"));
    TEST_LINES(db.query_rows("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = "
                             "'public'::regnamespace"),
               "pgcourier_take_dedupe_key");
    BOOST_TEST(db.count("SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace = "
                        "'ops'::regnamespace") == 9);
    pg::Connection connection = connect_as(reader);
    connection.exec_script(
        "CREATE TEMP TABLE event_log (LIKE ops.bloat); CREATE TEMP TABLE messages_out (id text);"
        "CREATE FUNCTION pg_temp.masked(address text) RETURNS text LANGUAGE sql AS 'SELECT "
        "address'; SET search_path = pg_temp, public");
    BOOST_TEST(has(first(connection, "SELECT ops.explain('m1')"), "Message m1 "));
    BOOST_TEST(first(connection, "SELECT count(*) > 0 FROM ops.trace('c')") == "t");
}

BOOST_FIXTURE_TEST_CASE(the_schema_made_anew_is_the_readers_again, Canary) {
    db.exec(
        "DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA ops IS %L', "
        "replace(obj_description('ops'::regnamespace, 'pg_namespace'), '[sha256:', "
        "'[sha256:0')); END $$");
    pg::Connection owner = db.connect();
    const auto report = pg::migrate_up(owner, 5);
    BOOST_REQUIRE(report);
    BOOST_TEST(report->renewed_ops);
    BOOST_TEST(report->notices.empty());
    pg::Connection connection = connect_as(reader);
    BOOST_TEST(first(connection, "SELECT count(*) FROM ops.health") == "13");
    BOOST_TEST(has(first(connection, "SELECT ops.explain('m1')"), "Message m1 "));
    BOOST_TEST(has(refusal(connection, "SELECT ops.pause_sending()"), "permission denied"));
}

// ---- pgcourier_writer
// -------------------------------------------------------------------------------------------

namespace {

struct Writer : Roles {
    std::string role = login("pgcourier_writer");
    pg::Connection connection = connect_as(role);
    Writer() {
        db.exec(
            "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('shop', 'Shop', "
            "'+33700000001');"
            "INSERT INTO messages_in (tenant_id, provider_message_id, \"from\", body, "
            "message_type, correlation_id) VALUES ('shop', 'SM1', '+33655443322', "
            "'Bonjour', 'client', 'c')");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_writer_sends_messages_and_takes_over_those_that_came, Writer) {
    BOOST_TEST(first(connection,
                     "INSERT INTO messages_out (tenant_id, \"to\", body, dedupe_key) VALUES "
                     "('shop', '+33655443322', 'x', 'order 12') RETURNING id <> ''") == "t");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 1);
    BOOST_TEST(has(refusal(connection,
                           "INSERT INTO messages_out (tenant_id, \"to\", body, dedupe_key) VALUES "
                           "('shop', '+33655443322', 'x', 'order 12')"),
                   "messages_out.dedupe_key was used within 24 hours, by message"));
    BOOST_TEST(has(refusal(connection,
                           "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('shop', "
                           "'0655443322', 'x')"),
                   "neither a phone number in E.164"));
    BOOST_TEST(has(refusal(connection,
                           "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('nobody', "
                           "'+33655443322', 'x')"),
                   "foreign key"));
    // As the README says.
    BOOST_TEST(refusal(connection,
                       "BEGIN; SELECT id, tenant_id, message_type, \"from\", body, media, "
                       "correlation_id FROM messages_in WHERE handled_at IS NULL ORDER BY seq "
                       "LIMIT 100 FOR UPDATE SKIP LOCKED; UPDATE messages_in SET handled_at = "
                       "now() WHERE handled_at IS NULL; COMMIT; LISTEN messages_in") == "");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE handled_at IS NOT NULL") == 1);
    BOOST_TEST(first(connection,
                     "SELECT count(*) FROM messages_out WHERE tenant_id = 'shop' AND status = "
                     "'pending' AND delivery_status IS NULL AND delivered_at IS NULL AND read_at "
                     "IS NULL AND undelivered_at IS NULL AND error_code IS NULL") == "1");
}

BOOST_FIXTURE_TEST_CASE(a_writer_can_do_nothing_else, Writer) {
    db.exec(
        "INSERT INTO messages_out (id, tenant_id, \"to\", body, dedupe_key) VALUES ('m', 'shop', "
        "'+33655443322', 'x', 'k')");
    for (const char* statement :
         {"SELECT body FROM messages_out",
          "SELECT \"to\" FROM messages_out",
          "UPDATE messages_out SET body = 'y'",
          "DELETE FROM messages_out",
          "UPDATE messages_in SET body = 'y'",
          "DELETE FROM messages_in",
          "INSERT INTO messages_in (provider_message_id, \"from\", body, "
          "correlation_id) VALUES ('S', 'f', 'b', 'c')",
          "SELECT * FROM tenants",
          "SELECT * FROM outbox_queue",
          "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, "
          "due_at, is_retry) VALUES (1, 'm', 't', 'r', now(), true)",
          "UPDATE outbox_queue SET due_at = now()",
          "DELETE FROM outbox_queue",
          "SELECT * FROM outbox_dedupe_keys",
          "DELETE FROM outbox_dedupe_keys",
          "SELECT * FROM opt_outs",
          "DELETE FROM opt_outs",
          "SELECT * FROM event_log",
          "SELECT * FROM ops.outbox",
          "SELECT ops.cancel_message('m')",
          "TRUNCATE messages_in",
          "DROP TABLE messages_out",
          "ALTER TABLE messages_out DISABLE TRIGGER ALL"}) {
        const std::string said = refusal(connection, statement);
        BOOST_TEST((has(said, "permission denied") || has(said, "must be owner")),
                   statement << ": " << said);
    }
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 1);
    // The function of the triggers, called by hand: the key stays whose message has it.
    BOOST_TEST(first(connection, "SELECT pgcourier_take_dedupe_key('shop', 'k', 'mine')") == "m");
}

// What runs with the owner's rights looks at nothing of the writer's own.
BOOST_FIXTURE_TEST_CASE(a_writer_does_not_get_the_owners_rights_by_tables_and_functions_of_its_own,
                        Writer) {
    BOOST_TEST(refusal(connection,
                       "CREATE FUNCTION pg_temp.steal() RETURNS trigger LANGUAGE plpgsql AS $$ "
                       "BEGIN EXECUTE 'ALTER ROLE ' || session_user || ' SUPERUSER'; RETURN "
                       "NEW; END $$; CREATE TEMP TABLE outbox_queue (seq bigint, message_id text, "
                       "tenant_id text, recipient text, due_at timestamptz, expires_at "
                       "timestamptz); CREATE TRIGGER steal BEFORE INSERT ON pg_temp.outbox_queue "
                       "FOR EACH ROW EXECUTE FUNCTION pg_temp.steal(); CREATE TEMP TABLE "
                       "outbox_dedupe_keys (tenant_id text, dedupe_key text, message_id text, "
                       "taken_at timestamptz); CREATE FUNCTION "
                       "pg_temp.pgcourier_bare_address(address text) RETURNS text LANGUAGE plpgsql "
                       "AS $$ BEGIN EXECUTE 'ALTER ROLE ' || session_user || ' "
                       "SUPERUSER'; RETURN address; END $$; SET search_path = pg_temp, public; "
                       "INSERT INTO public.messages_out (tenant_id, \"to\", body, "
                       "dedupe_key) VALUES ('shop', '+33655443322', 'x', 'k')") == "");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_dedupe_keys") == 1);
    BOOST_TEST(db.query_value("SELECT rolsuper FROM pg_roles WHERE rolname = '" + role + "'") ==
               "f");
}

BOOST_FIXTURE_TEST_CASE(the_time_zone_of_a_writer_changes_nothing, Writer) {
    BOOST_TEST(refusal(connection,
                       "SET TimeZone = 'Asia/Tokyo'; INSERT INTO messages_out (id, tenant_id, "
                       "\"to\", body, created_at, updated_at) VALUES ('m', 'shop', "
                       "'+33655443322', 'x', NOW(), NOW())") == "");
    BOOST_TEST(db.query_value("SELECT abs(extract(epoch FROM created_at - now() AT TIME ZONE "
                              "'UTC')) < 3600 FROM messages_out") == "t");
}

// ---- pgcourier_service
// ------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(the_service_has_all_rows_and_can_drop_nothing, Roles) {
    const std::string role = login("pgcourier_service");
    // Every table, so that a migration that adds one gives it to the service: in ops.grant_roles.
    TEST_LINES(
        db.query_rows(fmt::format("SELECT c.relname FROM pg_class AS c, unnest(ARRAY['SELECT', "
                                  "'INSERT', 'UPDATE', 'DELETE']) AS p WHERE c.relnamespace = "
                                  "'public'::regnamespace AND c.relkind IN ('r', 'p') AND "
                                  "c.relname <> 'pgcourier_migrations' AND NOT "
                                  "has_table_privilege('{}', c.oid, p)",
                                  role)));
    pg::Connection connection = connect_as(role);
    const Lines objects = db.query_rows(
        "SELECT CASE relkind WHEN 'v' THEN 'VIEW ' WHEN 'i' THEN 'INDEX ' WHEN 'S' THEN 'SEQUENCE "
        "' ELSE 'TABLE ' END || oid::regclass FROM pg_class WHERE "
        "relnamespace IN ('public'::regnamespace, 'ops'::regnamespace) UNION ALL SELECT 'FUNCTION "
        "' || oid::regprocedure FROM pg_proc WHERE pronamespace IN "
        "('public'::regnamespace, 'ops'::regnamespace) UNION ALL SELECT 'SCHEMA ops'");
    BOOST_TEST(objects.size() > 100u);
    for (const std::string& object : objects)
        BOOST_TEST(has(refusal(connection, "DROP " + object + " CASCADE"), "must be owner"),
                   object);
    for (const std::string& table :
         db.query_rows("SELECT oid::regclass FROM pg_class WHERE relnamespace = "
                       "'public'::regnamespace AND relkind = 'r'")) {
        BOOST_TEST(has(refusal(connection, "TRUNCATE " + table + " CASCADE"), "permission denied"),
                   table);
        BOOST_TEST(has(refusal(connection, "ALTER TABLE " + table + " ADD COLUMN x integer"),
                       "must be owner"),
                   table);
        BOOST_TEST(has(refusal(connection, "ALTER TABLE " + table + " DISABLE TRIGGER USER"),
                       "must be owner"),
                   table);
    }
    BOOST_TEST(has(refusal(connection, "DELETE FROM pgcourier_migrations"), "permission denied"));
    BOOST_TEST(has(refusal(connection, "CREATE TABLE mine (id integer)"), "permission denied"));
}

// The two lists stand in two places: doctor must find out where the role was never made.
BOOST_FIXTURE_TEST_CASE(doctor_asks_for_what_the_service_role_is_given_and_for_nothing_else,
                        Roles) {
    const std::string nobody = "nobody_" + db.name();
    db.exec("CREATE ROLE " + nobody + " LOGIN");
    pg::Connection connection = connect_as(nobody);
    Lines asked;
    for (const pg::Row row : connection.exec(sql::doctor::missing_privileges))
        asked.push_back(row.string(0) + ": " + row.string(1));
    std::ranges::sort(asked);
    BOOST_TEST(asked.size() > 40u);
    const Lines given = db.query_rows(R"(
        SELECT g.object || ': ' || string_agg(DISTINCT g.privilege, ', ')
        FROM (SELECT 'schema ' || n.nspname AS object, a.privilege_type AS privilege, a.grantee
              FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a
              UNION ALL
              SELECT CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END
                     || CASE n.nspname WHEN 'ops' THEN 'ops.' ELSE '' END || c.relname,
                     a.privilege_type, a.grantee
              FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
              CROSS JOIN aclexplode(c.relacl) AS a
              UNION ALL
              SELECT format('function %s.%s', n.nspname, p.proname), a.privilege_type, a.grantee
              FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
              CROSS JOIN aclexplode(p.proacl) AS a) AS g
        WHERE g.grantee = 'pgcourier_service'::regrole
        GROUP BY g.object ORDER BY g.object COLLATE "C")");
    BOOST_TEST(asked == given, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(serve_and_its_commands_work_as_a_member_of_the_service_role, Roles) {
    using namespace test;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    BOOST_REQUIRE(twilio.start());
    const Secret url = url_of(login("pgcourier_service"));
    const Variables as_service{{"DATABASE_URL", url.reveal()}};
    const auto run = [&](std::vector<std::string> arguments) {
        const Ran ran = run_program(arguments, as_service);
        BOOST_TEST(ran.exit_code == 0,
                   fmt::format("{}: {}", fmt::join(arguments, " "), ran.output));
        return ran.output;
    };
    run({"migrate", "up"});
    run({"migrate", "status"});
    run({"tenant", "add", "Shop", "--number", kShop});
    run({"seller", "add", "+33612345678", "--tenant", "Shop"});
    const std::uint16_t port = free_port();
    {
        Process service{{"serve"}, service_variables(url, port, twilio.base_url())};
        BOOST_REQUIRE_MESSAGE(service.wait_for_output("Worker started successfully"),
                              service.output());
        // In: a client's message, a STOP of somebody else, a status callback. Out: an answer, and a
        // message that Twilio refuses.
        const std::string hook = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
        BOOST_TEST(post_signed(hook, inbound_form(1, kPerson, kShop, "Bonjour")).status == 200);
        BOOST_TEST(post_signed(hook, inbound_form(2, "+33655443323", kShop, "STOP")).status == 200);
        BOOST_TEST(eventually([&] {
            return db.count("SELECT count(*) FROM messages_in") == 2 &&
                   db.count("SELECT count(*) FROM opt_outs") == 1;
        }));
        run({"outbox", "add", "--tenant", "Shop", "--to", kPerson, "--body", "Merci"});
        twilio.script().add({.to = "+33655443324",
                             .times = 1,
                             .then = {.answer = sim::Answer::error, .status = 400, .code = 21211}});
        run({"outbox", "add", "--tenant", "Shop", "--to", "+33655443324", "--body", "Merci"});
        BOOST_TEST(eventually([&] {
            return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1 &&
                   db.count("SELECT count(*) FROM ops.dead_letters") == 1;
        }));
        const Ran status = run_program({"status"}, as_service);
        BOOST_TEST(status.exit_code >= 3, status.output);  // a warning, or an alert
        BOOST_TEST(has(status.output, "unresolved dead letters"));
        const std::string letter = db.query_value("SELECT id FROM ops.dead_letters");
        BOOST_TEST(has(run({"explain", letter}), "ops.retry_dead_letter"));
        run({"trace", letter});
        run({"show", letter});
        run({"dlq", "retry", letter});
        BOOST_TEST(eventually([&] {
            return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 2;
        }));
        for (const auto& arguments :
             std::vector<std::vector<std::string>>{{"pause", "--tenant", "Shop"},
                                                   {"resume", "--tenant", "Shop"},
                                                   {"outbox", "list"},
                                                   {"dlq", "list"},
                                                   {"top"},
                                                   {"events"},
                                                   {"show", "Shop"},
                                                   {"tenant", "list"}}) {
            run(arguments);
        }
        service.signal(SIGTERM);
        BOOST_TEST(service.wait() == 0);
        BOOST_TEST(!has(service.output(), "permission denied"));
        BOOST_TEST(!has(service.output(), "must be owner"));
    }
    BOOST_TEST(db.count("SELECT count(*) FROM instances") == 0);
}

// ---- Who makes the roles
// ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_owner_who_may_not_create_roles_is_told_what_to_have_run) {
    const TestDatabase db{TestDatabase::Content::empty};
    const TestDatabase with_roles;  // of the same server: the roles are there
    with_roles.exec(
        "ALTER ROLE pgcourier_writer RENAME TO put_aside; CREATE ROLE plain_owner LOGIN; ALTER "
        "DATABASE " +
        db.name() + " OWNER TO plain_owner");
    std::string url = db.url().reveal();
    url.replace(url.find("postgres@"), 8, "plain_owner");
    pg::Connection owner{{.target = *pg::parse_url(Secret{url}), .role = "migrate"}};
    const auto report = pg::migrate_up(owner, 5);
    BOOST_REQUIRE(report);
    const std::string told = fmt::format("{}", fmt::join(report->notices, "\n"));
    with_roles.exec("ALTER ROLE put_aside RENAME TO pgcourier_writer");
    BOOST_TEST(told ==
               "roles: plain_owner may not create roles; have somebody who may run CREATE ROLE "
               "pgcourier_writer NOLOGIN; then run pgcourier migrate up once "
               "more");
    BOOST_TEST(
        db.query_value("SELECT has_table_privilege('pgcourier_writer', 'messages_in', 'SELECT')") ==
        "f");
    BOOST_TEST(db.query_value(
                   "SELECT has_table_privilege('pgcourier_ops_reader', 'ops.health', 'SELECT')") ==
               "t");
    const auto again = pg::migrate_up(owner, 5);
    BOOST_REQUIRE(again);
    BOOST_TEST(again->notices.empty());
    BOOST_TEST(
        db.query_value("SELECT has_table_privilege('pgcourier_writer', 'messages_in', 'SELECT')") ==
        "t");
}

}  // namespace pgcourier
