// links: pg
#include "pg/migrate.hpp"

#include "sql/migrations.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

namespace pgcourier {
namespace {

using pg::MigrateReport;
using test::TestDatabase;
using Lines = std::vector<std::string>;

constexpr int kMaxAttempts = 5;
constexpr std::size_t kAll = std::size(sql::kMigrations);
const std::string kLast{std::rbegin(sql::kMigrations)->name};

std::string fixture(const std::string& name) {
    std::ifstream file{std::string{PGCOURIER_SOURCE_DIR} + "/tests/support/" + name};
    BOOST_REQUIRE(file.good());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

MigrateReport up(const TestDatabase& db) {
    pg::Connection connection = db.connect("migrate");
    auto report = pg::migrate_up(connection, kMaxAttempts);
    BOOST_REQUIRE_MESSAGE(report.has_value(), (report ? "" : report.error().what));
    return *report;
}

std::string up_problem(const TestDatabase& db) {
    pg::Connection connection = db.connect("migrate");
    const auto report = pg::migrate_up(connection, kMaxAttempts);
    BOOST_REQUIRE(!report);
    return report.error().what;
}

std::string schema_problem(const TestDatabase& db) {
    pg::Connection connection = db.connect();
    const auto checked = pg::check_schema(connection);
    return checked ? "" : checked.error().what;
}

std::string state_of(const TestDatabase& db, const std::string& name) {
    pg::Connection connection = db.connect();
    for (const auto& row : pg::migration_status(connection)) {
        if (row.name == name) return row.state;
    }
    return "not listed";
}

/// The first line of what PostgreSQL says to a statement that it refuses; with its hint on a second
/// one.
std::string refusal(const TestDatabase& db, const std::string& statement) {
    return db.query_value(
        "DO $outer$ DECLARE said text; hint text; BEGIN "
        "CREATE TEMP TABLE IF NOT EXISTS refusal (said text); TRUNCATE refusal; BEGIN " +
        statement +
        "; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = "
        "PG_EXCEPTION_HINT; INSERT INTO refusal VALUES (concat_ws(E'\\n', said, nullif(hint, "
        "''))); "
        "END; END $outer$; SELECT said FROM refusal");
}

/// Tables, columns, indexes and constraints, as PostgreSQL describes them.
constexpr const char* kSnapSellCatalog = R"(
    SELECT line FROM (
        SELECT format('%s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                      pg_get_expr(d.adbin, d.adrelid)) AS line, c.relname
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
        UNION ALL
        SELECT indexdef, tablename FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT format('%s %s', conname, pg_get_constraintdef(oid)), conrelid::regclass::text
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace) AS all_lines
    WHERE relname IN ('tenants', 'seller_phones', 'messages_in', 'messages_out', 'dead_letter_jobs', 'event_log', 'opt_outs')
    ORDER BY line)";

/// A hash of every row of every table, in a form that does not depend on their places.
std::string content(const TestDatabase& db) {
    std::string all;
    for (const std::string& table :
         db.query_rows("SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND "
                       "relnamespace = 'public'::regnamespace ORDER BY 1")) {
        all += table + ' ' +
               db.query_value(
                   "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY "
                   "t::text)), '') "
                   "FROM " +
                   table + " AS t") +
               '\n';
    }
    for (const std::string& line : db.query_rows(
             "SELECT c.oid::regclass, c.oid, c.xmin FROM pg_class AS c WHERE c.relnamespace IN "
             "('public'::regnamespace, 'ops'::regnamespace) AND c.relkind IN ('r', 'v') ORDER BY "
             "1")) {
        all += line + '\n';
    }
    return all;
}

struct SnapSellDatabase : TestDatabase {
    SnapSellDatabase() : TestDatabase{Content::empty} { exec(fixture("snapsell.sql")); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_empty_database_gets_everything) {
    TestDatabase db{TestDatabase::Content::empty};
    BOOST_TEST(schema_problem(db) ==
               "relation \"tenants\" does not exist; run: pgcourier migrate up, as the owner of "
               "the tables");
    BOOST_TEST(state_of(db, "20260204110000_init_tenant_user") == "missing");

    const MigrateReport report = up(db);
    BOOST_TEST(report.applied.size() == kAll);
    BOOST_TEST(report.applied.front() == "20260204110000_init_tenant_user");
    BOOST_TEST(report.applied.back() == kLast);
    BOOST_TEST(report.adopted.empty());
    BOOST_TEST(report.notices.empty());
    BOOST_TEST(report.renewed_ops);
    BOOST_TEST(schema_problem(db) == "");
    BOOST_TEST(state_of(db, "20260204110000_init_tenant_user") == "applied");
}

BOOST_AUTO_TEST_CASE(a_second_run_changes_nothing) {
    SnapSellDatabase db;
    up(db);
    const std::string before = content(db);
    const MigrateReport report = up(db);
    BOOST_TEST(report.applied.empty());
    BOOST_TEST(report.adopted.empty());
    BOOST_TEST(report.notices.empty());
    BOOST_TEST(!report.renewed_ops);
    BOOST_TEST(content(db) == before);
}

BOOST_AUTO_TEST_CASE(the_first_eight_make_exactly_what_prisma_made) {
    SnapSellDatabase prisma;
    TestDatabase ours{TestDatabase::Content::empty};
    // Stops after the eight: the ninth finds a table of its own that is already there.
    ours.exec("CREATE TABLE webhook_events (id integer)");
    pg::Connection connection = ours.connect("migrate");
    BOOST_CHECK_THROW((void)pg::migrate_up(connection, kMaxAttempts), pg::Error);
    BOOST_TEST(ours.count("SELECT count(*) FROM pgcourier_migrations") == 8);
    BOOST_TEST(ours.query_rows(kSnapSellCatalog) == prisma.query_rows(kSnapSellCatalog),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_failed_migration_is_named_and_leaves_nothing_and_can_be_tried_again) {
    TestDatabase db{TestDatabase::Content::empty};
    db.exec("CREATE TABLE webhook_queue (id integer)");
    pg::Connection connection = db.connect("migrate");
    BOOST_CHECK_EXCEPTION((void)pg::migrate_up(connection, kMaxAttempts), pg::Error,
                          [](const pg::Error& e) {
                              return std::string_view{e.what()}.find("20261125100000_inbox: ") !=
                                         std::string_view::npos &&
                                     e.sqlstate() == "42P07";
                          });
    BOOST_TEST(db.query_value("SELECT to_regclass('webhook_events')") == "");
    BOOST_TEST(schema_problem(db) ==
               "relation \"webhook_events\" does not exist; run: pgcourier migrate up, as the "
               "owner of the tables");
    db.exec("DROP TABLE webhook_queue");
    BOOST_TEST(up(db).applied.size() == kAll - 8);
}

BOOST_AUTO_TEST_CASE(on_prismas_database_its_eight_are_recorded_and_the_rest_is_run) {
    SnapSellDatabase db;
    BOOST_TEST(state_of(db, "20260207000000_add_message_in_model") == "adoptable");
    const MigrateReport report = up(db);
    BOOST_TEST(report.adopted.size() == 8);
    BOOST_TEST(report.applied.size() == kAll - 8);
    BOOST_TEST(report.foreign ==
                   (Lines{"20260204130000_add_auth_role_nextauth", "20260206090000_add_invitations",
                          "20260209160000_drop_opt_outs_redundant_index",
                          "20260209170000_add_live_session_story_2_6"}),
               boost::test_tools::per_element());
    BOOST_TEST(schema_problem(db) == "");
    BOOST_TEST(state_of(db, "20260207000000_add_message_in_model") == "adopted");
    BOOST_TEST(state_of(db, "20260206090000_add_invitations") == "foreign");
    BOOST_TEST(db.count("SELECT count(*) FROM users JOIN tenants ON tenants.id = tenant_id") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM _prisma_migrations") == 13);
}

BOOST_AUTO_TEST_CASE(baseline_only_records) {
    SnapSellDatabase db;
    pg::Connection connection = db.connect("migrate");
    const auto report = pg::migrate_baseline(connection);
    BOOST_REQUIRE(report);
    BOOST_TEST(report->adopted.size() == 8);
    BOOST_TEST(db.count("SELECT count(*) FROM pgcourier_migrations WHERE origin = 'prisma'") == 8);
    BOOST_TEST(db.query_value("SELECT to_regclass('webhook_events')") == "");
    BOOST_TEST(up(db).applied.size() == kAll - 8);
}

BOOST_AUTO_TEST_CASE(prismas_tables_may_stand_in_a_schema_of_their_own) {
    TestDatabase db{TestDatabase::Content::empty};
    db.exec("CREATE SCHEMA \"Shop\"; SET search_path = \"Shop\"; " + fixture("snapsell.sql"));
    pg::ConnectOptions options = db.options("migrate");
    options.target = *pg::parse_url(
        Secret{db.url().reveal() + (db.url().reveal().find('?') == std::string::npos ? "?" : "&") +
               "schema=Shop"});
    pg::Connection connection{options};
    const auto report = pg::migrate_up(connection, kMaxAttempts);
    BOOST_REQUIRE_MESSAGE(report.has_value(), (report ? "" : report.error().what));
    BOOST_TEST(report->adopted.size() == 8);
    BOOST_TEST(pg::check_schema(connection).has_value());
    BOOST_TEST(
        db.count("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0);
    // From a session with another search path, as psql's: the triggers find their tables.
    db.exec(
        "INSERT INTO \"Shop\".messages_out (tenant_id, \"to\", body) VALUES ('t2', '+33612345678', "
        "'x')");
    BOOST_TEST(
        db.count(
            "SELECT count(*) FROM \"Shop\".outbox_queue JOIN \"Shop\".messages_out USING (seq) "
            "WHERE body = 'x'") == 1);
}

BOOST_AUTO_TEST_CASE(a_gap_in_prismas_record_stops_with_its_name) {
    SnapSellDatabase db;
    db.exec(
        "DELETE FROM _prisma_migrations WHERE migration_name = '20260208000000_add_seller_phones'");
    BOOST_TEST(up_problem(db) ==
               "20260208000000_add_seller_phones: was not applied, but "
               "20260209000000_add_event_log after it was");
    BOOST_TEST(db.query_value("SELECT to_regclass('pgcourier_migrations')") == "");
}

BOOST_AUTO_TEST_CASE(an_unfinished_one_stops_with_its_name) {
    SnapSellDatabase db;
    db.exec(
        "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = "
        "'20260209150000_add_opt_out_story_2_5'");
    BOOST_TEST(up_problem(db).starts_with("20260209150000_add_opt_out_story_2_5: Prisma began it"));
    BOOST_TEST(state_of(db, "20260209150000_add_opt_out_story_2_5") == "unfinished");
    BOOST_TEST(db.query_value("SELECT to_regclass('pgcourier_migrations')") == "");
}

BOOST_AUTO_TEST_CASE(a_changed_checksum_stops_with_the_name) {
    TestDatabase db;
    db.exec(
        "UPDATE pgcourier_migrations SET checksum = 'other' WHERE name = '20261125100000_inbox'");
    BOOST_TEST(up_problem(db).starts_with("20261125100000_inbox: changed after it was applied"));
    BOOST_TEST(
        schema_problem(db).starts_with("20261125100000_inbox: changed after it was applied"));
    BOOST_TEST(state_of(db, "20261125100000_inbox") == "changed");
}

BOOST_AUTO_TEST_CASE(a_missing_migration_or_table_keeps_the_program_from_serving) {
    TestDatabase db;
    db.exec("DELETE FROM pgcourier_migrations WHERE name = '" + kLast + "'");
    BOOST_TEST(schema_problem(db) ==
               "migration " + kLast +
                   " is not applied; run: pgcourier migrate up, as the owner of the tables");
    db.exec("DROP TABLE seller_phones CASCADE");
    BOOST_TEST(schema_problem(db) ==
               "relation \"seller_phones\" does not exist; run: pgcourier migrate up, as the owner "
               "of the tables");
}

BOOST_AUTO_TEST_CASE(a_newer_database_is_served_unless_it_says_that_it_must_not_be) {
    TestDatabase db;
    db.exec(
        "INSERT INTO pgcourier_migrations (name, checksum, origin) VALUES ('20990101000000_next', "
        "'x', 'pgcourier');"
        "COMMENT ON SCHEMA ops IS 'of the next program'");
    BOOST_TEST(schema_problem(db) == "");
    BOOST_TEST(state_of(db, "20990101000000_next") == "newer");
    BOOST_TEST(!up(db).renewed_ops);
    BOOST_TEST(state_of(db, "schema ops") == "not listed");
    BOOST_TEST(db.query_value("SELECT obj_description('ops'::regnamespace)") ==
               "of the next program");

    db.exec(
        "UPDATE pgcourier_migrations SET requires_program = 99 WHERE name = '20990101000000_next'");
    BOOST_TEST(
        schema_problem(db) ==
        "20990101000000_next: this database requires a newer pgcourier (level 99, this is 1)");
    BOOST_TEST(up_problem(db) == schema_problem(db));
}

BOOST_AUTO_TEST_CASE(two_at_once_are_one) {
    SnapSellDatabase db;
    std::array<std::optional<MigrateReport>, 3> reports;
    {
        std::vector<std::jthread> threads;
        for (auto& report : reports) {
            threads.emplace_back([&db, &report] {
                pg::Connection connection = db.connect("migrate");
                auto result = pg::migrate_up(connection, kMaxAttempts);
                if (result) report = *result;
            });
        }
    }
    std::size_t applied = 0;
    std::size_t adopted = 0;
    int renewals = 0;
    for (const auto& report : reports) {
        BOOST_REQUIRE(report.has_value());
        applied += report->applied.size();
        adopted += report->adopted.size();
        renewals += report->renewed_ops ? 1 : 0;
    }
    BOOST_TEST(applied == kAll - 8);
    BOOST_TEST(adopted == 8);
    BOOST_TEST(renewals == 1);
    BOOST_TEST(schema_problem(db) == "");
}

BOOST_AUTO_TEST_CASE(a_table_that_somebody_holds_is_given_up_soon) {
    SnapSellDatabase db;
    pg::Connection holder = db.connect("holder");
    holder.exec_script("BEGIN; LOCK TABLE messages_in IN ACCESS SHARE MODE");
    pg::Connection connection = db.connect("migrate");
    BOOST_CHECK_EXCEPTION((void)pg::migrate_up(connection, kMaxAttempts), pg::Error,
                          [](const pg::Error& e) {
                              return e.sqlstate() == "55P03" &&
                                     std::string_view{e.what()}.find("20261125100200_routing: ") !=
                                         std::string_view::npos;
                          });
    holder.exec_script("ROLLBACK");
    BOOST_TEST(up(db).applied.front() == "20261125100200_routing");
}

// ---- What SnapSell left behind
// ---------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(nothing_that_snapsell_gave_up_sent_or_left_half_done_is_sent) {
    SnapSellDatabase db;
    const MigrateReport report = up(db);
    const Lines expected = {
        "blocked|blocked||",
        "discarded|dead||",
        "failed-for-days|failed|held|",
        "failed-later|failed||queued",
        "failed-now|failed||queued",
        "given-up|dead||",
        "given-up-without-letter|dead||",
        "in-flight|unknown|held|",
        "in-flight-for-days|unknown|held|",
        "pending-before|pending||queued",
        "pending-for-hours|pending|held|",
        "pending-now|pending||queued",
        "pending-with-letter|dead||",
        "retried-by-hand|pending||queued",
        "sent|sent||",
    };
    BOOST_TEST(
        db.query_rows("SELECT m.id, m.status, CASE WHEN held_reason IS NOT NULL THEN 'held' END, "
                      "CASE WHEN q.seq IS NOT NULL THEN 'queued' END "
                      "FROM messages_out AS m LEFT JOIN outbox_queue AS q ON q.seq = m.seq ORDER "
                      "BY m.id COLLATE \"C\"") == expected,
        boost::test_tools::per_element());
    // What is old is deleted from tomorrow on: they are told in time.
    BOOST_REQUIRE(!report.notices.empty());
    BOOST_TEST(report.notices.back().starts_with(
        "From tomorrow on the service deletes what is older than RETENTION_DAYS (30)"));
    const Lines adopted{report.notices.begin(), report.notices.end() - 1};
    BOOST_TEST(
        adopted ==
            (Lines{"messages_out: 4 that SnapSell had given up are dead; see pgcourier dlq list",
                   "messages_out: 2 that SnapSell was sending are unknown and held; see pgcourier "
                   "outbox list",
                   "messages_out: 2 that had waited for more than an hour are held; see pgcourier "
                   "outbox release",
                   "messages_out: 5 are waiting and will be sent",
                   "tenants: these get no messages, another tenant has their number: t3",
                   "seller_phones: these repeat another one with whatsapp: before it: s2"}),
        boost::test_tools::per_element());
    // A message of unknown outcome does not hold up what its recipient is told today.
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);
}

BOOST_AUTO_TEST_CASE(with_more_attempts_allowed_less_was_given_up) {
    SnapSellDatabase db;
    pg::Connection connection = db.connect("migrate");
    BOOST_REQUIRE(pg::migrate_up(connection, 7));
    BOOST_TEST(
        db.query_value("SELECT status FROM messages_out WHERE id = 'given-up-without-letter'") ==
        "failed");
    BOOST_TEST(db.query_value("SELECT status FROM messages_out WHERE id = 'given-up'") == "dead");
}

BOOST_AUTO_TEST_CASE(what_still_waits_keeps_its_order_and_its_time) {
    SnapSellDatabase db;
    up(db);
    BOOST_TEST(db.query_rows("SELECT q.message_id, q.recipient FROM outbox_queue AS q WHERE "
                             "q.tenant_id = 't1' ORDER BY q.seq") ==
                   (Lines{"pending-before|+33612345678", "pending-now|+33612345678"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_value("SELECT count(*) FROM outbox_queue WHERE due_at <= now()") == "4");
    BOOST_TEST(
        db.query_value(
            "SELECT due_at BETWEEN now() + interval '8 minutes' AND now() + interval '10 minutes' "
            "FROM outbox_queue WHERE message_id = 'failed-later'") == "t");
    BOOST_TEST(
        db.query_value("SELECT string_agg(message_id, ' ' ORDER BY message_id) FROM outbox_queue "
                       "WHERE is_retry") == "failed-later failed-now");
    // What is inserted now goes after them.
    db.exec(
        "INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('new', 't1', "
        "'+33612345678', 'x')");
    BOOST_TEST(db.query_value("SELECT message_id FROM outbox_queue ORDER BY seq DESC LIMIT 1") ==
               "new");
    BOOST_TEST(db.count("SELECT seq FROM messages_out WHERE id = 'new'") >
               db.count("SELECT max(seq) FROM messages_out WHERE id <> 'new'"));
}

BOOST_AUTO_TEST_CASE(what_is_inserted_between_two_migrations_is_no_old_row) {
    SnapSellDatabase db;
    db.exec("CREATE TABLE instances (id integer)");  // stops before the rows are looked at
    pg::Connection connection = db.connect("migrate");
    BOOST_CHECK_THROW((void)pg::migrate_up(connection, kMaxAttempts), pg::Error);
    db.exec(
        "INSERT INTO messages_out (id, tenant_id, \"to\", body, created_at) "
        "VALUES ('between', 't1', '+33612345678', 'x', '2026-02-01 10:00:00'); DROP TABLE "
        "instances");
    up(db);
    BOOST_TEST(db.query_value("SELECT held_reason FROM messages_out WHERE id = 'between'") == "");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE message_id = 'between'") == 1);
}

BOOST_AUTO_TEST_CASE(each_that_was_given_up_has_one_dead_letter) {
    SnapSellDatabase db;
    up(db);
    BOOST_TEST(db.query_rows("SELECT m.id, count(d.id), bool_or(d.resolved_at IS NULL) FROM "
                             "messages_out AS m LEFT JOIN "
                             "dead_letter_jobs AS d ON d.payload ->> 'message_out_id' = m.id WHERE "
                             "m.status = 'dead' "
                             "GROUP BY m.id ORDER BY m.id COLLATE \"C\"") ==
                   (Lines{"discarded|1|f", "given-up|1|t", "given-up-without-letter|1|t",
                          "pending-with-letter|1|t"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_rows("SELECT tenant_id, job_type, payload, error_message, attempts, "
                             "created_at BETWEEN (now() AT TIME ZONE 'UTC') - interval '1 minute' "
                             "AND now() AT TIME ZONE 'UTC' "
                             "FROM dead_letter_jobs WHERE payload ->> 'message_out_id' = "
                             "'given-up-without-letter'") ==
                   Lines{"t1|message_out|{\"message_out_id\": \"given-up-without-letter\"}|twilio "
                         "63015|6|t"},
               boost::test_tools::per_element());
    BOOST_TEST(db.query_rows("SELECT entity_id, correlation_id FROM event_log WHERE event_type = "
                             "'message_dead_lettered'") ==
                   Lines{"given-up-without-letter|c-given-up-without-letter"},
               boost::test_tools::per_element());
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 6);
}

BOOST_AUTO_TEST_CASE(inbound_rows_are_kept_attributed_and_marked_as_handled) {
    SnapSellDatabase db;
    up(db);
    BOOST_TEST(
        db.query_rows("SELECT seq, id, tenant_id, \"from\", message_type, duplicate_of, "
                      "handled_at IS NOT NULL FROM messages_in ORDER BY seq") ==
            (Lines{"1|in-seller|t1|+33600000001|seller||t", "2|in-client|t1|+33612345678|client||t",
                   "3|in-other-shop|t2|+33600000001|client||t", "4|in-unknown||+33612345678|||t",
                   "5|in-twice-1||+33612345679||in-twice-2|t",
                   "6|in-twice-2|t2|+33612345679|client||t"}),
        boost::test_tools::per_element());
    BOOST_TEST(refusal(db,
                       "INSERT INTO messages_in (tenant_id, provider_message_id, \"from\", body, "
                       "correlation_id) "
                       "VALUES ('t1', 'SM04', '+33612345678', 'x', 'c')")
                   .starts_with("duplicate key value violates unique constraint"));
}

BOOST_AUTO_TEST_CASE(numbers_lose_their_prefix_where_nobody_else_has_them) {
    SnapSellDatabase db;
    up(db);
    BOOST_TEST(db.query_rows("SELECT id, whatsapp_phone_number FROM tenants ORDER BY id") ==
                   (Lines{"t1|+33100000001", "t2|+33100000002", "t3|whatsapp:+33100000002", "t4|"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_rows("SELECT id, phone_number FROM seller_phones ORDER BY id") ==
                   (Lines{"s1|+33600000001", "s2|whatsapp:+33600000002", "s3|+33600000002"}),
               boost::test_tools::per_element());
    BOOST_TEST(
        db.query_rows("SELECT id, phone_number, opted_out_at FROM opt_outs ORDER BY id") ==
            (Lines{"p1|+33611111111|2026-02-05 10:00:00", "p3|+33611111112|2026-02-07 10:00:00"}),
        boost::test_tools::per_element());
    BOOST_TEST(db.query_rows("SELECT tenant_id, phone_number, word, occurred_at, source FROM "
                             "opt_out_history ORDER BY id") ==
                   (Lines{"t1|+33611111111|stop|2026-02-05 10:00:00+00|snapsell",
                          "t1|+33611111111|stop|2026-02-06 10:00:00+00|snapsell",
                          "t2|+33611111112|stop|2026-02-07 10:00:00+00|snapsell"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE \"to\" LIKE 'whatsapp:%'") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE id IN ('e1', 'e2')") == 2);
}

BOOST_AUTO_TEST_CASE(history_outlives_its_tenant) {
    SnapSellDatabase db;
    up(db);
    db.exec("DELETE FROM tenants WHERE id = 't1'");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE id IN ('e1', 'e2')") == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs WHERE tenant_id = 't1'") == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE tenant_id = 't1'") == 0);
}

BOOST_AUTO_TEST_CASE(a_worker_of_snapsell_that_still_runs_fails_before_it_sends) {
    SnapSellDatabase db;
    up(db);
    for (const char* id :
         {"pending-now", "failed-now", "pending-for-hours", "in-flight", "given-up"}) {
        BOOST_TEST_CONTEXT(id) {
            BOOST_TEST(refusal(db, std::string{"UPDATE messages_out SET status = 'sending', "
                                               "attempts = attempts + 1, updated_at = "
                                               "now() WHERE id = '"} +
                                       id + "'")
                           .starts_with("messages_out: status "));
        }
    }
    // Nor does it settle what it had claimed before.
    BOOST_TEST(refusal(db,
                       "UPDATE messages_out SET status = 'sent', provider_message_id = 'SM99' "
                       "WHERE id = 'in-flight'")
                   .starts_with("messages_out: status unknown cannot become sent here\n"));
}

// ---- Rows typed by hand
// ----------------------------------------------------------------------------------------------

// It empties Redis after the migration.
BOOST_AUTO_TEST_CASE(what_a_worker_of_snapsell_stores_is_stored_as_by_pgcourier) {
    const TestDatabase db;
    const std::string shop = db.add_tenant("Shop", "+33700000001");
    db.exec("INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('" + shop +
            "', '+33611111111')");
    for (const char* from : {"whatsapp:+33612345678", "whatsapp:+33611111111"}) {
        db.exec(std::string{"INSERT INTO messages_in (id, tenant_id, provider_message_id, "
                            "\"from\", body, correlation_id) VALUES ('"} +
                from + "', '" + shop + "', '" + from + "', '" + from + "', 'x', 'c')");
    }
    BOOST_TEST(db.query_rows("SELECT \"from\", message_type FROM messages_in ORDER BY 1") ==
                   (Lines{"+33611111111|seller", "+33612345678|client"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_hand_typed_inserts_mean_now_in_every_time_zone) {
    TestDatabase db;
    const std::string tenant = db.add_tenant("shop", "+33100000001");
    for (const std::string zone : {"UTC", "America/New_York", "Asia/Tokyo"}) {
        BOOST_TEST_CONTEXT(zone) {
            db.exec("TRUNCATE messages_out, outbox_queue, seller_phones");
            db.exec("SET TimeZone = '" + zone +
                    "'; "
                    "INSERT INTO seller_phones (id, tenant_id, phone_number, created_at) "
                    "VALUES (gen_random_uuid()::text, '" +
                    tenant +
                    "', '+33612345678', NOW()); "
                    "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, attempts, "
                    "correlation_id, created_at, updated_at) "
                    "VALUES (gen_random_uuid()::text, '" +
                    tenant +
                    "', '+33612345678', 'Test message', 'pending', 0, "
                    "gen_random_uuid()::text, NOW(), NOW())");
            const std::string recent =
                " BETWEEN (now() AT TIME ZONE 'UTC') - interval '1 minute' AND now() AT TIME ZONE "
                "'UTC'";
            BOOST_TEST(
                db.query_rows("SELECT m.created_at" + recent + ", m.updated_at" + recent +
                              ", q.due_at <= now(), q.recipient "
                              "FROM messages_out AS m JOIN outbox_queue AS q ON q.seq = m.seq AND "
                              "q.message_id = m.id "
                              "AND q.tenant_id = m.tenant_id") == Lines{"t|t|t|+33612345678"},
                boost::test_tools::per_element());
            BOOST_TEST(db.query_value("SELECT created_at" + recent + " FROM seller_phones") == "t");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_time_that_the_application_wrote_in_utc_stays) {
    TestDatabase db;
    const std::string tenant = db.add_tenant("shop", "+33100000001");
    db.exec(
        "SET TimeZone = 'Asia/Tokyo'; INSERT INTO messages_out (id, tenant_id, \"to\", body, "
        "next_attempt_at, created_at) VALUES "
        "('m', '" +
        tenant +
        "', 'whatsapp:+33612345678', 'x', now() AT TIME ZONE 'UTC' + interval '1 hour', "
        "'2026-02-08 10:00:00.123')");
    BOOST_TEST(db.query_rows("SELECT created_at, \"to\", q.due_at > now() + interval '59 minutes' "
                             "FROM messages_out JOIN outbox_queue AS q USING (seq)") ==
                   Lines{"2026-02-08 10:00:00.123|+33612345678|t"},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sent_is_refused_in_words) {
    TestDatabase db;
    db.exec("INSERT INTO tenants (id, name) VALUES ('t', 'shop')");
    const auto insert = [](const std::string& to, const std::string& body,
                           const std::string& status) {
        return "INSERT INTO messages_out (tenant_id, \"to\", body, status) VALUES ('t', '" + to +
               "', " + body + ", '" + status + "')";
    };
    const struct {
        std::string statement;
        const char* said;
    } cases[] = {
        {insert("0612345678", "'x'", "pending"),
         "messages_out.\"to\" is neither a phone number in E.164 form nor a WhatsApp user id\n"
         "Write it like +33612345678, with or without whatsapp:."},
        {insert("+33612345678", "repeat('x', 1601)", "pending"),
         "messages_out.body has 1601 characters, WhatsApp takes at most 1600\n"
         "Insert several rows: they go out in the order in which they were inserted."},
        {insert("+33612345678", "''", "pending"),
         "messages_out: a message needs a body, a media_url or a content_sid"},
        {insert("+33612345678", "'x'", "sending"),
         "messages_out.status of a new row is sending, expected pending\nInsert it as pending: "
         "pgcourier does the rest."},
        {insert("+33612345678", "'x'", "queued"),
         "messages_out.status is queued, expected pending"},
    };
    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.statement) {
            BOOST_TEST(refusal(db, c.statement) == c.said);
        }
    }
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 0);
    BOOST_TEST(refusal(db, insert("FR.13491208655302741918", "repeat('é', 1600)", "pending")) ==
               "");
    BOOST_TEST(refusal(db, insert(" whatsapp:+33612345678 ", "'x'", "pending")) == "");
}

BOOST_AUTO_TEST_CASE(a_hand_typed_change_of_status_is_refused_and_told_what_to_use) {
    TestDatabase db;
    db.exec(
        "INSERT INTO tenants (id, name) VALUES ('t', 'shop'); INSERT INTO messages_out (id, "
        "tenant_id, \"to\", body, status) VALUES "
        "('p', 't', '+33612345678', 'x', 'pending'), ('d', 't', '+33612345678', 'x', 'dead'), "
        "('s', 't', '+33612345678', 'x', 'sent')");
    const struct {
        const char* id;
        const char* status;
        const char* said;
        const char* to_use;
    } cases[] = {
        {"d", "pending", "messages_out: status dead cannot become pending here",
         "ops.retry_dead_letter(id)"},
        {"p", "sent", "messages_out: status pending cannot become sent here",
         "ops.cancel_message('p')"},
        {"p", "canceled", "messages_out: status pending cannot become canceled here",
         "ops.cancel_message('p')"},
        {"s", "pending", "messages_out: status sent cannot become pending here", "insert it again"},
        {"p", "sending", "messages_out: status pending cannot become sending here",
         "ops.pause_sending('tenant', 't')"},
    };
    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.said) {
            const std::string said = refusal(db, std::string{"UPDATE messages_out SET status = '"} +
                                                     c.status + "' WHERE id = '" + c.id + "'");
            BOOST_TEST(said.starts_with(std::string{c.said} + "\n"));
            BOOST_TEST(said.find(c.to_use) != std::string::npos, said);
        }
    }
    BOOST_TEST(
        refusal(db, "UPDATE messages_out SET body = 'y', status = 'pending' WHERE id = 'p'") == "");
}

BOOST_AUTO_TEST_CASE(a_tenant_that_gets_a_number_gets_what_was_written_to_it) {
    TestDatabase db;
    db.exec(R"(
        INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id)
        SELECT 'msg:SM' || n, 'inbound', 'form', '', '{}', 'c' || n FROM generate_series(1, 4) AS n;
        INSERT INTO messages_in (tenant_id, provider_message_id, "from", "to", body, correlation_id, event_id)
        SELECT NULL, 'SM' || n, '+33612345678', CASE WHEN n < 4 THEN '+33100000001' ELSE '+33100000009' END, 'x', 'c', n
        FROM generate_series(1, 4) AS n;
        DELETE FROM webhook_events WHERE id = 3;
        INSERT INTO tenants (id, name) VALUES ('t', 'shop'))");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    db.exec("UPDATE tenants SET whatsapp_phone_number = 'whatsapp:+33100000001' WHERE id = 't'");
    BOOST_TEST(db.query_rows("SELECT id FROM webhook_queue ORDER BY id") == (Lines{"1", "2"}),
               boost::test_tools::per_element());
    db.exec(
        "UPDATE tenants SET name = 'other', whatsapp_phone_number = '+33100000001' WHERE id = 't'");
    db.exec(
        "TRUNCATE webhook_queue; INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES "
        "('t9', 'shop', '+33100000009')");
    BOOST_TEST(db.query_rows("SELECT id FROM webhook_queue ORDER BY id") == Lines{"4"},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_hand_typed_opt_out_holds_with_the_prefix_too) {
    TestDatabase db;
    db.exec(
        "INSERT INTO tenants (id, name) VALUES ('t', 'shop'); SET TimeZone = 'Asia/Tokyo'; "
        "INSERT INTO opt_outs (tenant_id, phone_number, opted_out_at) VALUES ('t', "
        "'whatsapp:+33612345678', now())");
    BOOST_TEST(db.query_rows(
                   "SELECT phone_number, opted_out_at <= now() AT TIME ZONE 'UTC' FROM opt_outs") ==
                   Lines{"+33612345678|t"},
               boost::test_tools::per_element());
}

// ---- Schema ops
// ------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(ops_is_made_anew_when_it_is_of_other_files_and_privileges_on_it_stay) {
    TestDatabase db;
    db.exec("CREATE ROLE dashboard_" + db.name() + "; GRANT USAGE ON SCHEMA ops TO dashboard_" +
            db.name() + "; GRANT SELECT ON ops.health TO dashboard_" + db.name() +
            "; CREATE VIEW ops.gone AS SELECT 1 AS one; "
            "GRANT SELECT ON ops.gone TO PUBLIC; REVOKE ALL ON FUNCTION "
            "ops.retry_dead_letter(text,text,text) FROM PUBLIC; "
            "COMMENT ON SCHEMA ops IS 'older [sha256:0]'");
    BOOST_TEST(state_of(db, "schema ops") == "outdated");
    BOOST_TEST(up(db).renewed_ops);
    BOOST_TEST(!up(db).renewed_ops);
    BOOST_TEST(db.query_rows("SELECT has_schema_privilege(r, 'ops', 'USAGE'), "
                             "has_table_privilege(r, 'ops.health', 'SELECT'), "
                             "has_table_privilege(r, 'ops.tenants', 'SELECT'), "
                             "has_function_privilege(r, 'ops.retry_dead_letter(text,text,text)', "
                             "'EXECUTE'), to_regclass('ops.gone') FROM (SELECT 'dashboard_" +
                             db.name() + "') AS x (r)") == Lines{"t|t|f|f|"},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(privileges_on_columns_of_ops_stay_and_those_on_gone_ones_go) {
    TestDatabase db;
    const std::string role = "columns_" + db.name();
    db.exec("CREATE ROLE " + role + "; GRANT SELECT (figure, state) ON ops.health TO " + role +
            "; GRANT SELECT (queue) ON ops.queue_depth TO PUBLIC" +
            "; CREATE VIEW ops.gone AS SELECT 1 AS one; GRANT SELECT (one) ON ops.gone TO " + role +
            "; COMMENT ON SCHEMA ops IS 'older [sha256:0]'");
    BOOST_TEST(up(db).renewed_ops);
    BOOST_TEST(db.query_rows("SELECT column_name FROM information_schema.column_privileges WHERE "
                             "grantee IN ('PUBLIC', '" +
                             role + "') AND table_schema = 'ops' ORDER BY 1") ==
                   (Lines{"figure", "queue", "state"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(privileges_on_a_function_stay_when_it_gets_a_further_parameter) {
    TestDatabase db;
    db.exec("CREATE ROLE support_" + db.name() +
            "; DROP FUNCTION ops.pause_sending(text,text,text,text); "
            "CREATE FUNCTION ops.pause_sending(text,text,text) RETURNS text LANGUAGE sql AS "
            "'SELECT 1::text'; REVOKE ALL ON FUNCTION ops.pause_sending FROM PUBLIC; "
            "GRANT EXECUTE ON FUNCTION ops.pause_sending TO support_" +
            db.name() + "; COMMENT ON SCHEMA ops IS 'older [sha256:0]'");
    BOOST_TEST(up(db).renewed_ops);
    BOOST_TEST(db.query_rows("SELECT to_regprocedure('ops.pause_sending(text,text,text)'), "
                             "has_function_privilege('support_" +
                             db.name() +
                             "', 'ops.pause_sending(text,text,text,text)', 'EXECUTE'), "
                             "has_function_privilege('support_" +
                             db.name() +
                             "', 'ops.resume_sending(text,text,text,text)', "
                             "'EXECUTE')") == Lines{"|t|f"},
               boost::test_tools::per_element());
}

// As a version left it that was made of other files.
constexpr const char* kOlderOps =
    "DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA ops IS %L', "
    "replace(obj_description('ops'::regnamespace, 'pg_namespace'), '[sha256:', '[sha256:0')); END "
    "$$; ";

BOOST_AUTO_TEST_CASE(what_is_not_ours_is_not_dropped_with_ops) {
    for (const auto& [statement, found] :
         {std::pair{"CREATE VIEW mine AS SELECT * FROM ops.health", "the view mine"},
          std::pair{"CREATE VIEW mine AS SELECT ops.masked(id) AS id FROM messages_out",
                    "the view mine"},
          std::pair{"ALTER TABLE tenants ADD COLUMN mine text DEFAULT ops.masked('x')",
                    "the default value for public.tenants.mine"},
          std::pair{"CREATE TABLE ops.mine (id integer)", "the table ops.mine"},
          std::pair{"CREATE VIEW ops.mine AS SELECT 1 AS one", "the view ops.mine"},
          std::pair{"CREATE FUNCTION ops.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE "
                    "TYPE ops.pair AS (one integer)",
                    "the function ops.mine(), the type ops.pair"}}) {
        BOOST_TEST_CONTEXT(statement) {
            TestDatabase db;
            db.exec(std::string{kOlderOps} + statement);
            BOOST_TEST(
                up_problem(db) ==
                "schema ops is to be made anew and " + std::string{found} +
                    " would be lost; move it away (keep its definition), then migrate again");
            BOOST_TEST(db.count("SELECT count(*) FROM ops.health") > 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_schema_ops_of_somebody_else_stops_before_anything_is_changed) {
    TestDatabase db{TestDatabase::Content::empty};
    db.exec("CREATE SCHEMA ops; CREATE VIEW ops.mine AS SELECT 1 AS one");
    BOOST_TEST(up_problem(db) ==
               "schema ops is to be made anew and the whole of it, which pgcourier did not make, "
               "would be lost; move it away (keep its definition), then migrate again");
    BOOST_TEST(db.count("SELECT one FROM ops.mine") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND "
                        "tablename <> 'pgcourier_migrations'") == 0);
}

}  // namespace pgcourier
