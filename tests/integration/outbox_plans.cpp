// links: outbox
// What the statements that send read. Their tables are emptied as fast as they fill, so that the
// planner's statistics of them are nearly always wrong: most often they say that there is nothing.
#include "sql/outbox.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace pgcourier;

namespace {

constexpr const char* kNumber = "+33700000001";
constexpr int kRows = 100'000;
constexpr int kMessages = 32;       // of the batch that each statement is for
constexpr std::int64_t kMost = 48;  // pages that a statement may touch for a message; most touch 15

/// One session that runs the statements of a sender by hand, and reads in their plans what each
/// touched.
struct Plans {
    test::TestDatabase db;
    std::string shop = db.add_tenant("shop", kNumber);
    pg::Connection session = test::connect_directly(db);

    Plans() {
        db.warm_up("credentials:test");
        // Until the case says so: nothing is to be planned anew behind its back.
        db.exec(
            "ALTER TABLE outbox_queue SET (autovacuum_enabled = false);"
            "ALTER TABLE outbox_leases SET (autovacuum_enabled = false);"
            "ALTER TABLE messages_out SET (autovacuum_enabled = false);"
            "ALTER TABLE delivery_events SET (autovacuum_enabled = false)");
        db.exec("VACUUM ANALYZE");
        session.exec_script("SET plan_cache_mode = force_generic_plan; SET jit = off");
        for (const pg::Statement* statement :
             {&sql::outbox::first_due, &sql::outbox::lanes, &sql::outbox::claim_lease,
              &sql::outbox::claim_take, &sql::outbox::next_due, &sql::outbox::renew,
              &sql::outbox::settle, &sql::outbox::promote_lock, &sql::outbox::promote,
              &sql::outbox::record_optout, &sql::outbox::in_flight_still, &sql::outbox::sweep,
              &sql::outbox::look_claim, &sql::outbox::look_settle, &sql::outbox::expire,
              &sql::outbox::settle_deliveries, &sql::outbox::scopes, &sql::outbox::lock_scopes,
              &sql::outbox::write_scopes}) {
            session.exec_script(
                fmt::format("PREPARE {} AS {}", prepared(*statement), statement->text).c_str());
        }
    }

    static std::string prepared(const pg::Statement& statement) {
        return fmt::format("\"{}\"", statement.name);
    }

    /// Rows of the queue and of the leases, of persons before and behind those whom add() writes to
    /// and of messages that are not there any more; messages that were sent, and senders.
    void leave_behind(int rows) const {
        db.exec(fmt::format(
            R"(INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at)
               SELECT g - 1000000, 'gone' || g, '{0}', '+33' || (6 + g % 2 * 2)::text || lpad(g::text, 8, '0'),
                      now() - interval '1 h' FROM generate_series(1, {1}) AS g;
               INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt,
                                          instance_id, claimed_at, expires_at, unknown_since, look_at)
               SELECT '{0}', '+33' || (6 + g % 2 * 2)::text || lpad(g::text, 8, '0'), g - 1000000, 'gone' || g, 'gone', 1, 'i',
                      now(), now() + interval '1 h', CASE WHEN g % 2 = 0 THEN now() END,
                      now() + interval '1 h' FROM generate_series(1, {1}) AS g;
               INSERT INTO outbox_scopes (scope) SELECT 'sender:+338' || lpad(g::text, 8, '0')
               FROM generate_series(1, {1}) AS g;
               SET session_replication_role = replica;
               INSERT INTO messages_out (tenant_id, "to", body, status)
               SELECT '{0}', '+335' || lpad(g::text, 8, '0'), 'text', 'sent'
               FROM generate_series(1, {1}) AS g)",
            shop, rows));
    }
    void remove_what_was_left() const {
        db.exec("DELETE FROM outbox_queue WHERE seq < 0; DELETE FROM outbox_leases WHERE seq < 0");
    }
    void add(int messages, const std::string& more = "") const {
        db.exec(fmt::format(R"(INSERT INTO messages_out (tenant_id, "to", body{})
                SELECT '{}', '+337' || lpad(g::text, 8, '0'), 'text'{} FROM generate_series(1, {}) AS g)",
                            more.empty() ? "" : ", expires_at", shop,
                            more.empty() ? "" : ", " + more, messages));
    }

    /// Runs it and checks what it touched.
    void touches_little(const pg::Statement& statement, const std::string& arguments,
                        std::int64_t most = kMost * kMessages) {
        const pg::Rows rows = session.exec_script(
            fmt::format("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) EXECUTE {}{}",
                        prepared(statement), arguments)
                .c_str());
        std::vector<std::string> plan;
        for (const pg::Row row : rows) plan.push_back(row.string(0));
        const std::int64_t pages = pages_of(plan);
        BOOST_TEST_MESSAGE(fmt::format("{}: {} pages", statement.name, pages));
        BOOST_TEST(pages <= most, fmt::format("{} touched {} pages\n{}", statement.name, pages,
                                              fmt::join(plan, "\n")));
    }

    std::string plan_of(const pg::Statement& statement, const std::string& arguments) {
        std::string plan;
        for (const pg::Row row : session.exec_script(
                 fmt::format("EXPLAIN (COSTS OFF) EXECUTE {}{}", prepared(statement), arguments)
                     .c_str()))
            plan += row.string(0) + "\n";
        return plan;
    }

    /// Of the scans, which are what it has no other nodes below: the first node does not count
    /// those that only change rows and return none.
    static std::int64_t pages_of(const std::vector<std::string>& plan) {
        std::int64_t pages = 0;
        bool is_scan = false;
        for (const std::string& line : plan) {
            if (line.find("->") != std::string::npos)
                is_scan = line.find(" Scan using ") != std::string::npos ||
                          line.find("Seq Scan") != std::string::npos;
            if (!is_scan || line.find("Buffers: shared") == std::string::npos) continue;
            for (const std::string_view kind : {" hit=", " read="}) {
                const std::size_t digits = line.find(kind);
                if (digits != std::string::npos)
                    pages += std::stoll(line.substr(digits + kind.size()));
            }
            is_scan = false;
        }
        return pages;
    }

    /// As a literal of an array.
    std::string all(const std::string& column, const std::string& from) const {
        return fmt::format(
            "'{}'", db.query_value(fmt::format(
                        "SELECT coalesce(array_agg({} ORDER BY seq)::text, '{{}}') FROM {}", column,
                        from)));
    }
    std::string repeated(std::string_view value) const {
        return fmt::format("array_fill({}, ARRAY[{}])", value, kMessages);
    }

    void begin() {
        session.exec_script("BEGIN");
        session.exec(sql::outbox::plan_by_index);
    }
    void commit() { session.exec_script("COMMIT"); }

    /// Claims kMessages, as a sender that knows from when on messages are due.
    void claim() {
        const std::string mark = db.query_value(
            "SELECT (extract(epoch FROM now() - interval '1 min') * 1000000)::bigint");
        begin();
        // What is dead before them it reads too: that is what it is for.
        const std::string first_due = plan_of(sql::outbox::first_due, "(2000)");
        BOOST_TEST(first_due.find("outbox_queue_due_at_idx") != std::string::npos, first_due);
        touches_little(sql::outbox::lanes,
                       fmt::format("(NULL, '', 256, 64, {}, {}, '{{}}', 128, 16)", mark, mark),
                       kMost * 4);
        touches_little(sql::outbox::scopes, "('{provider,credentials:test}', true)", kMost * 4);
        touches_little(
            sql::outbox::claim_lease,
            fmt::format("('token', '{{{}}}', '{{{}}}', '{{{}}}', 16, 30000, 'i', '{{f}}', "
                        "'AC1', '{{{}}}')",
                        shop, kMessages, kNumber, mark));
        touches_little(sql::outbox::claim_take, "('token', 0, '{}', 60000, 0)");
        touches_little(sql::outbox::next_due, fmt::format("('{{{}}}', '{{{}}}')", shop, mark));
        commit();
        BOOST_REQUIRE(in_flight() == kMessages);
    }
    std::int64_t in_flight() const {
        return db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'");
    }
    /// As settle.sql is called when the outcomes say something of their senders.
    void settle(const char* status) {
        const std::string ours = "messages_out WHERE status IN ('sending', 'unknown')";
        begin();
        touches_little(sql::outbox::lock_scopes, fmt::format("('{{sender:{}}}')", kNumber),
                       kMost * 4);
        touches_little(
            sql::outbox::write_scopes,
            fmt::format("('{{sender:{}}}', '{{1024}}', '{{0}}', '{{}}', '{{f}}', '{{0}}', "
                        "'{{NULL}}', '{{t}}', '{{f}}')",
                        kNumber));
        touches_little(
            sql::outbox::settle,
            fmt::format("({}, {}, {}, {}, {}, {}, {}, {}, {}, {})", all("seq", ours),
                        all("lease_token", ours), repeated(fmt::format("'{}'::text", status)),
                        repeated("1"), all("'SM' || seq", ours),
                        repeated(fmt::format("'{}'::text", kNumber)), repeated("NULL::integer"),
                        repeated("NULL::text"), repeated("0::bigint"), repeated("0")));
        for (const char* skips : {"false", "true"}) {
            touches_little(
                sql::outbox::promote_lock,
                fmt::format("({}, {}, {})", all("tenant_id", ours), all("\"to\"", ours), skips));
        }
        touches_little(sql::outbox::promote, "");
        commit();
    }

    /// Everything that a sender and a reconciler ask for, each for kMessages messages.
    void run_all() {
        add(3 * kMessages);
        claim();
        const std::string leases = "outbox_leases WHERE seq > 0";
        begin();
        touches_little(sql::outbox::renew,
                       fmt::format("({}, {}, {}, 30000)", all("tenant_id", leases),
                                   all("recipient", leases), all("token", leases)));
        touches_little(sql::outbox::in_flight_still,
                       fmt::format("({}, {}, {})", all("seq", leases), all("token", leases),
                                   all("false", leases)));
        commit();
        add(kMessages);  // to the same persons
        db.exec(fmt::format(
            "UPDATE outbox_queue SET is_behind = true, due_at = now() + interval '1 min' "
            "WHERE seq > (SELECT max(seq) - {} FROM outbox_queue)",
            kMessages));
        settle("sent");
        BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE seq > 0 AND is_behind") == 0);
        BOOST_TEST(
            db.count("SELECT count(*) FROM messages_out WHERE status = 'sent' AND calls > 0") ==
            kMessages);

        claim();
        settle("failed");
        db.exec("UPDATE outbox_queue SET due_at = due_at + interval '1 h' WHERE is_retry");
        claim();
        db.exec("UPDATE outbox_leases SET expires_at = now() - interval '1 s' WHERE seq > 0");
        begin();
        touches_little(sql::outbox::sweep, "(1000, 0)");
        commit();
        BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") ==
                   kMessages);
        begin();
        touches_little(sql::outbox::look_claim, fmt::format("({}, 0, 60000)", kMessages));
        commit();
        const std::string looked = "outbox_leases WHERE seq > 0 AND look_at IS NOT NULL";
        begin();
        touches_little(sql::outbox::look_settle,
                       fmt::format("({}, {}, {}, {}, {}, {}, {}, {}, 'list')", all("seq", looked),
                                   all("token", looked),
                                   all("(extract(epoch FROM look_at) * 1000000)::bigint", looked),
                                   repeated("'sent'::text"), all("'SML' || seq", looked),
                                   repeated(fmt::format("'{}'::text", kNumber)),
                                   repeated("NULL::text"), repeated("NULL::bigint")));
        commit();
        BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 0);

        add(kMessages, "now() + interval '1 h'");
        db.exec("UPDATE outbox_queue SET expires_at = now() WHERE expires_at IS NOT NULL");
        begin();
        touches_little(sql::outbox::expire, fmt::format("({}, 0)", kMessages));
        commit();
        BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'expired'") ==
                   kMessages);

        add(kMessages);
        claim();
        db.exec(
            "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, "
            "event_id, "
            "correlation_id, received_at) SELECT 'SMD' || seq, id, calls, 'sent', seq, 'c', now() "
            "FROM "
            "messages_out WHERE status = 'sending'");
        begin();
        touches_little(sql::outbox::settle_deliveries,
                       fmt::format("({}, '{{}}', '{{}}')", kMessages));
        commit();
        BOOST_TEST(in_flight() == 0);

        db.exec(
            "SET session_replication_role = replica; UPDATE messages_out SET error_code = 21610, "
            "status = "
            "'dead' WHERE status = 'sent' AND calls > 0");
        begin();
        touches_little(sql::outbox::record_optout,
                       "(" + all("id", "messages_out WHERE error_code = 21610") + ")",
                       2 * kMost * kMessages);
        commit();
    }
};

}  // namespace

// Somebody holds a snapshot: all rows are dead and none may be removed, so that VACUUM says that
// the tables have thousands of pages with not one row.
BOOST_FIXTURE_TEST_CASE(no_statement_walks_rows_that_are_dead_when_statistics_say_there_are_none,
                        Plans) {
    auto holder = db.connect();
    leave_behind(kRows);
    holder.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    remove_what_was_left();
    db.exec("VACUUM ANALYZE outbox_queue, outbox_leases, messages_out, delivery_events");
    BOOST_REQUIRE(
        db.count("SELECT reltuples::bigint FROM pg_class WHERE relname = 'outbox_leases'") == 0);
    BOOST_REQUIRE(db.count("SELECT relpages FROM pg_class WHERE relname = 'outbox_leases'") > 100);
    run_all();
}

BOOST_FIXTURE_TEST_CASE(no_statement_walks_rows_when_statistics_say_how_many_there_are, Plans) {
    leave_behind(kRows);
    db.exec("ANALYZE");
    run_all();
}

// A program that starts plans its statements on empty tables, and keeps the plans until the next
// ANALYZE.
BOOST_FIXTURE_TEST_CASE(no_statement_walks_rows_that_came_after_its_plan_was_made, Plans) {
    run_all();
    db.exec(
        "DELETE FROM outbox_queue; DELETE FROM outbox_leases; DELETE FROM messages_out; DELETE "
        "FROM opt_outs");
    leave_behind(kRows);
    run_all();
}
