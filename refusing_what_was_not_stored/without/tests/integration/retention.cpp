// links: maintenance
// What is old goes, little by little, and never what is still needed.
#include "maintenance/retention.hpp"

#include "base/log.hpp"
#include "maintenance/pages.hpp"
#include "sql/maintenance.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <array>
#include <thread>

namespace pgcourier::maintenance {
namespace {

using namespace test;

constexpr RetentionDays kDays{.messages = 30, .dead_letters = 90, .event_log = 365};

/// So late at each look that a step has only time for its first pages.
class HurriedClock final : public Clock {
  public:
    WallTime now() const override { return system_clock().now(); }
    SteadyTime steady_now() const override { return time_ += std::chrono::seconds{1}; }
    std::chrono::nanoseconds boottime() const override { return system_clock().boottime(); }

  private:
    mutable SteadyTime time_{std::chrono::hours{1}};
};

struct Retention {
    TestDatabase db;
    std::string shop = db.add_tenant("Shop", "+33700000001");

    Retention() { db.exec("UPDATE retention_passes SET due_at = now()"); }

    /// SQL with {0} for the shop.
    void add(const std::string& script) const { db.exec(fmt::format(fmt::runtime(script), shop)); }
    /// Messages that were changed so many days ago; each its own name as id.
    void add_message_out(const std::string& id, int days, const std::string& status,
                         const std::string& held_reason = "NULL") const {
        db.exec(fmt::format(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, created_at, "
            "updated_at, held_reason) VALUES ('{0}', '{1}', '+33612345678', 'x', "
            "CASE WHEN '{3}' IN ('failed', 'sending', 'unknown') THEN 'pending' ELSE '{3}' END, "
            "(now() AT TIME ZONE 'UTC') - interval '{2} days', (now() AT TIME ZONE 'UTC') - "
            "interval '{2} days', {4});"
            "ALTER TABLE messages_out DISABLE TRIGGER USER;"
            "UPDATE messages_out SET status = '{3}' WHERE id = '{0}';"
            "ALTER TABLE messages_out ENABLE TRIGGER USER",
            id, shop, days, status, held_reason));
    }
    std::string ids(const std::string& table, const std::string& column = "id") const {
        return db.query_value(fmt::format(
            "SELECT coalesce(string_agg({0}::text, ' ' ORDER BY {0}::text COLLATE \"C\"), '') "
            "FROM {1}",
            column, table));
    }
    std::vector<Pruned> prune_all(Prune what = Prune::deletes) const {
        pg::Connection connection = db.connect("prune");
        return prune(connection, kDays, what, system_clock());
    }
    /// Messages that were handled 40 days ago, by their ids.
    void add_handled(const std::string& names) const {
        add("INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", body, "
            "correlation_id, created_at, handled_at) SELECT m, '{0}', 'SM' || m, '+33612345678', "
            "'x', 'c', now() - interval '40 d', now() - interval '40 d' FROM "
            "string_to_table('" +
            names + "', ' ') AS m");
    }
    void add_old_log(const std::string& names) const {
        add("INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, "
            "created_at) SELECT l, 'x', 'x', 'c', 'system', now() - interval '400 d' FROM "
            "string_to_table('" +
            names + "', ' ') AS l");
    }
    /// As the running service, when all passes are due; its pulse must not be held up.
    void prune_as_the_service() const {
        db.exec("UPDATE retention_passes SET due_at = now()");
        pg::Connection connection = db.connect("service");
        connection.set_statement_timeout(std::chrono::seconds{2});
        prune_a_while(connection, kDays, system_clock());
    }
    std::string pass(const std::string& table, const std::string& columns) const {
        return db.query_value("SELECT " + columns + " FROM retention_passes WHERE table_name = '" +
                              table + "'");
    }
    void forbid(const std::string& trigger) const {
        db.exec(
            "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
            "EXCEPTION 'kept for +33612345678' USING ERRCODE = 'SH001'; END $$; CREATE TRIGGER "
            "forbid BEFORE DELETE ON " +
            trigger + " EXECUTE FUNCTION forbid()");
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const Pruned& of(const std::vector<Pruned>& all, std::string_view table) {
    const auto found = std::ranges::find(all, table, &Pruned::table);
    BOOST_REQUIRE(found != all.end());
    return *found;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(finished_messages_go_and_what_is_open_stays_however_old, Retention) {
    for (const char* status : {"sent", "dead", "blocked", "expired", "canceled"}) {
        add_message_out(std::string{"old-"} + status, 31, status);
        add_message_out(std::string{"new-"} + status, 29, status);
    }
    for (const char* status : {"pending", "failed", "sending", "unknown"})
        add_message_out(std::string{"open-"} + status, 400, status);
    add_message_out("held", 400, "pending", "'old'");
    add_message_out("letter-dead", 60, "dead");
    add_message_out("letter-sent", 60, "sent");
    add_message_out("resolved-dead", 60, "dead");
    add("INSERT INTO dead_letter_jobs (id, job_type, payload, created_at, resolved_at) VALUES "
        "('l1', 'message_out', '{{\"message_out_id\": \"letter-dead\"}}', now() - interval '60 d', "
        "NULL),"
        "('l2', 'message_out', '{{\"message_out_id\": \"letter-sent\"}}', now() - interval '60 d', "
        "NULL),"
        "('l3', 'message_out', '{{\"message_out_id\": \"resolved-dead\"}}', now() - interval '60 "
        "d', now() - interval '59 d')");
    const Pruned counted = of(prune_all(Prune::counts), "messages_out");
    BOOST_TEST(counted.deleted == 6);
    BOOST_TEST(counted.kept == 7);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 18);
    const Pruned pruned = of(prune_all(), "messages_out");
    BOOST_TEST(pruned.deleted == 6);
    BOOST_TEST(pruned.kept == 7);
    BOOST_TEST(ids("messages_out") ==
               "held letter-dead letter-sent new-blocked new-canceled new-dead new-expired "
               "new-sent open-failed open-pending open-sending open-unknown");
}

BOOST_FIXTURE_TEST_CASE(a_message_that_the_shop_has_not_handled_is_never_deleted, Retention) {
    add("INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", body, "
        "correlation_id, created_at, handled_at) VALUES "
        "('not-handled', '{0}', 'SM1', '+33612345678', 'x', 'c', now() - interval '4000 d', NULL),"
        "('no-tenant', NULL, 'SM2', '+33612345678', 'x', 'c', now() - interval '4000 d', NULL),"
        "('handled-late', '{0}', 'SM3', '+33612345678', 'x', 'c', now() - interval '40 d', now() - "
        "interval '29 d'),"
        "('handled', '{0}', 'SM4', '+33612345678', 'x', 'c', now() - interval '40 d', now() - "
        "interval '31 d'),"
        "('new', '{0}', 'SM5', '+33612345678', 'x', 'c', now() - interval '2 d', now())");
    const Pruned pruned = of(prune_all(), "messages_in");
    BOOST_TEST(pruned.deleted == 1);
    BOOST_TEST(pruned.kept == 2);
    BOOST_TEST(ids("messages_in") == "handled-late new no-tenant not-handled");
}

BOOST_FIXTURE_TEST_CASE(an_event_goes_unless_it_is_still_to_be_routed, Retention) {
    add("INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id, received_at) "
        "SELECT k, 'inbound', 'form', '', '{{}}', 'c', now() - a FROM (VALUES ('msg:done', "
        "interval '31 d'), ('msg:queued', interval '31 d'), ('msg:letter', interval '31 d'), "
        "('msg:no-tenant', interval '31 d'), ('msg:letter-resolved', interval '31 d'), ('msg:new', "
        "interval '29 d'), ('msg:within-the-hour', interval '30 d 30 min')) AS v (k, a);"
        "INSERT INTO webhook_queue (id) SELECT id FROM webhook_events WHERE key = 'msg:queued';"
        "INSERT INTO dead_letter_jobs (job_type, payload, resolved_at) SELECT 'webhook_event', "
        "jsonb_build_object('webhook_event_id', id), CASE key WHEN 'msg:letter-resolved' THEN "
        "now() END FROM webhook_events WHERE key LIKE 'msg:letter%';"
        "INSERT INTO messages_in (provider_message_id, \"from\", \"to\", body, correlation_id, "
        "event_id) SELECT 'no-tenant', '+33612345678', '+33700000099', 'x', 'c', id FROM "
        "webhook_events WHERE key = 'msg:no-tenant'");
    const Pruned pruned = of(prune_all(), "webhook_events");
    BOOST_TEST(pruned.deleted == 2);
    BOOST_TEST(pruned.kept == 3);
    BOOST_TEST(ids("webhook_events", "key") ==
               "msg:letter msg:new msg:no-tenant msg:queued msg:within-the-hour");
    // As soon as a tenant gets the number, the old message is attributed after all.
    db.add_tenant("Late", "+33700000099");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 2);
}

BOOST_FIXTURE_TEST_CASE(letters_callbacks_and_the_log_have_their_own_times, Retention) {
    add("INSERT INTO dead_letter_jobs (id, job_type, payload, created_at, resolved_at) VALUES "
        "('old', 'message_out', '{{}}', now() - interval '91 d', NULL),"
        "('resolved-late', 'message_out', '{{}}', now() - interval '400 d', now() - interval '89 "
        "d'),"
        "('new', 'message_out', '{{}}', now() - interval '89 d', NULL);"
        "INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, "
        "created_at) VALUES ('old', 'x', 'x', 'c', 'system', now() - interval '366 d'), ('new', "
        "'x', 'x', 'c', 'system', now() - interval '364 d');"
        "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
        "received_at, settled_at) VALUES ('old', 'sent', 1, 'c', now() - interval '31 d', now() - "
        "interval '31 d'), ('unsettled', 'sent', 1, 'c', now() - interval '31 d', NULL), ('new', "
        "'sent', 1, 'c', now() - interval '29 d', now() - interval '29 d')");
    const std::vector<Pruned> all = prune_all();
    BOOST_TEST(ids("dead_letter_jobs") == "new resolved-late");
    BOOST_TEST(ids("event_log") == "new");
    BOOST_TEST(ids("delivery_events", "provider_message_id") == "new unsettled");
    BOOST_TEST(of(all, "delivery_events").kept == 1);
}

// Twilio's list has them all, and the look must know whose each is.
BOOST_FIXTURE_TEST_CASE(beside_a_message_of_unknown_outcome_the_others_to_the_person_stay,
                        Retention) {
    add_message_out("sent", 31, "sent");
    add("INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
        "instance_id, claimed_at, expires_at, unknown_since) VALUES ('{0}', '+33612345678', 1, "
        "'u', 't', 1, 'i', now(), now(), now())");
    BOOST_TEST(of(prune_all(), "messages_out").kept == 1);
    db.exec("DELETE FROM outbox_leases");
    BOOST_TEST(of(prune_all(), "messages_out").deleted == 1);
}

BOOST_FIXTURE_TEST_CASE(a_letter_that_goes_lets_its_message_go, Retention) {
    add_message_out("m", 100, "dead");
    add("INSERT INTO dead_letter_jobs (job_type, payload, created_at) VALUES ('message_out', "
        "'{{\"message_out_id\": \"m\"}}', now() - interval '100 d')");
    prune_all();
    BOOST_TEST(ids("dead_letter_jobs") + ids("messages_out") == "");
}

BOOST_FIXTURE_TEST_CASE(it_waits_for_nobody_and_comes_back_for_what_was_locked, Retention) {
    for (const char* id : {"a", "b", "c"}) add_message_out(id, 31, "sent");
    {
        pg::Connection somebody = db.connect();
        const pg::Transaction open{somebody};
        somebody.exec_script("SELECT FROM messages_out WHERE id = 'b' FOR UPDATE");
        BOOST_TEST(of(prune_all(), "messages_out").deleted == 2);
    }
    BOOST_TEST(ids("messages_out") == "b");
    BOOST_TEST(of(prune_all(), "messages_out").deleted == 1);
}

BOOST_FIXTURE_TEST_CASE(a_locked_row_of_any_table_is_passed_over_at_once, Retention) {
    add_old_log("a b");
    add("INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
        "received_at, settled_at) SELECT d, 'sent', 1, 'c', now() - interval '31 d', now() - "
        "interval '31 d' FROM unnest(ARRAY['a', 'b']) AS d;"
        "INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id, received_at) "
        "SELECT e, 'unrecognized', 'form', '', '{{}}', 'c', now() - interval '31 d' FROM "
        "unnest(ARRAY['a', 'b']) AS e");
    const auto left = [&] {
        return ids("delivery_events", "provider_message_id") + ids("webhook_events", "key") +
               ids("event_log");
    };
    {
        pg::Connection somebody = db.connect();
        const pg::Transaction open{somebody};
        somebody.exec_script(
            "SELECT FROM delivery_events WHERE provider_message_id = 'b' FOR UPDATE;"
            "SELECT FROM webhook_events WHERE key = 'b' FOR UPDATE;"
            "SELECT FROM event_log WHERE id = 'b' FOR UPDATE");
        prune_as_the_service();
        BOOST_TEST(left() == "bbb");
        BOOST_TEST(db.count("SELECT count(refusal) FROM retention_passes") == 0);
    }
    prune_as_the_service();
    BOOST_TEST(left() == "");
}

BOOST_FIXTURE_TEST_CASE(a_lock_behind_a_key_of_the_shop_s_holds_up_one_row_for_a_moment,
                        Retention) {
    add_handled("a b");
    db.exec(
        "CREATE TABLE orders (message_id text REFERENCES messages_in (id) ON DELETE CASCADE);"
        "INSERT INTO orders VALUES ('b')");
    {
        pg::Connection somebody = db.connect();
        const pg::Transaction open{somebody};
        somebody.exec_script("SELECT FROM orders FOR UPDATE");
        prune_as_the_service();
        BOOST_TEST(ids("messages_in") == "b");
    }
    prune_as_the_service();
    BOOST_TEST(ids("messages_in") == "");
}

BOOST_FIXTURE_TEST_CASE(what_a_key_of_the_shop_s_keeps_stays_and_all_else_goes, Retention) {
    for (const char* checked : {"", "DEFERRABLE INITIALLY DEFERRED"}) {
        add_handled("a b c");
        add_old_log("old");
        db.exec(
            fmt::format("CREATE TABLE orders (message_id text REFERENCES messages_in (id) {}); "
                        "INSERT INTO orders VALUES ('b')",
                        checked));
        const LogCapture log;
        prune_as_the_service();
        BOOST_TEST(ids("messages_in") == "b", checked);
        BOOST_TEST(ids("event_log") == "", checked);
        BOOST_TEST(has(log.text(), "Old rows could not be deleted"));
        BOOST_TEST(has(pass("messages_in", "refusal"), "violates foreign key constraint"));
        BOOST_TEST(pass("messages_in", "last_deleted || ' ' || last_kept") == "2 1");
        const Pruned pruned = of(prune_all(), "messages_in");
        BOOST_TEST(pruned.deleted == 0);
        BOOST_TEST(pruned.refused == 1);

        db.exec("DROP TABLE orders");
        prune_as_the_service();
        BOOST_TEST(ids("messages_in") == "", checked);
        BOOST_TEST(pass("messages_in", "refusal IS NULL") == "t");
    }
}

BOOST_FIXTURE_TEST_CASE(a_trigger_of_the_shop_s_keeps_its_row_only_and_no_number_is_told,
                        Retention) {
    for (const char* id : {"a", "b", "c"}) add_message_out(id, 31, "sent");
    forbid("messages_out FOR EACH ROW WHEN (OLD.id = 'b')");
    const LogCapture log;
    prune_as_the_service();
    BOOST_TEST(ids("messages_out") == "b");
    BOOST_TEST(pass("messages_out", "refusal") == "kept for …");
    BOOST_TEST(has(log.text(), "kept for …"));
    BOOST_TEST(!has(log.text(), "33612345678"));
}

BOOST_FIXTURE_TEST_CASE(a_pass_with_many_refused_rows_goes_on_and_tells_of_them_once, Retention) {
    add("INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, "
        "created_at) SELECT n::text, 'x', 'x', repeat('c', 100), 'system', now() - CASE WHEN n % "
        "20 = 0 THEN interval '400 d' ELSE interval '1 d' END FROM generate_series(1, 10000) AS n");
    forbid("event_log FOR EACH ROW WHEN (OLD.id::integer % 200 = 0)");
    const LogCapture log;
    for (int i = 0; i < 100 && pass("event_log", "last_kept IS NULL") == "t"; ++i)
        prune_as_the_service();
    BOOST_TEST(pass("event_log", "last_deleted || ' ' || last_kept") == "450 50");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE created_at < now() - interval '365 "
                        "d'") == 50);
    const std::string text = log.text();
    const std::size_t first = text.find("Old rows could not be deleted");
    BOOST_REQUIRE(first != std::string::npos);
    BOOST_TEST(text.find("Old rows could not be deleted", first + 1) == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_table_that_cannot_be_deleted_from_at_all_holds_up_no_other, Retention) {
    add_handled("a");
    add_old_log("old");
    forbid("messages_in FOR EACH STATEMENT");
    const LogCapture log;
    prune_as_the_service();  // no more of this pulse, which has waited for one that failed
    BOOST_TEST(ids("event_log") == "old");
    pg::Connection service = db.connect("service");
    prune_a_while(service, kDays, system_clock());
    BOOST_TEST(ids("messages_in") == "a");
    BOOST_TEST(ids("event_log") == "");
    BOOST_TEST(pass("messages_in",
                    "due_at BETWEEN now() + interval '9 min' AND now() + interval '10 min'") ==
               "t");
    BOOST_TEST(has(log.text(), "Deleting from a table did not get on, and is tried again in 10"));
    BOOST_TEST(!has(log.text(), "612345678"), log.text());

    // Told to do it all, it does what it can.
    add_old_log("older");
    BOOST_CHECK_EXCEPTION(prune_all(), pg::Error,
                          [](const pg::Error& e) { return has(e.what(), "kept for"); });
    BOOST_TEST(ids("event_log") == "");
}

BOOST_FIXTURE_TEST_CASE(when_the_database_s_clock_went_back_no_pass_waits_until_it_has_caught_up,
                        Retention) {
    pg::Connection connection = db.connect();
    const auto prune_after = [&](const std::string& times) {
        add_message_out("m", 31, "sent");
        db.exec("UPDATE retention_passes SET page = 0, " + times);
        prune_a_while(connection, kDays, system_clock());
        const bool is_pruned = ids("messages_out") == "";
        db.exec("DELETE FROM messages_out");
        return is_pruned;
    };
    BOOST_TEST(!prune_after("due_at = now() + interval '1 d'"));
    BOOST_TEST(!prune_after("ended_at = now() - interval '1 h', due_at = now() + interval '20 h'"));
    BOOST_TEST(prune_after("ended_at = now() + interval '4 h', due_at = now() + interval '5 h'"));
    BOOST_TEST(!prune_after("began_at = now(), due_at = now() + interval '9 min'"));
    BOOST_TEST(prune_after("began_at = now(), due_at = now() + interval '4 h'"));
}

BOOST_FIXTURE_TEST_CASE(a_message_that_is_retried_meanwhile_stays, Retention) {
    add_message_out("m", 100, "dead");
    pg::Connection somebody = db.connect();
    std::optional<pg::Transaction> retry{somebody};
    somebody.exec_script(
        "SELECT set_config('pgcourier.act', 'retry', true);"
        "UPDATE messages_out SET status = 'pending' WHERE id = 'm'");
    std::jthread commits{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        retry->commit();
    }};
    prune_all();
    commits.join();
    prune_all();
    BOOST_TEST(ids("messages_out") == "m");
}

BOOST_FIXTURE_TEST_CASE(several_at_once_delete_each_row_once_also_under_an_open_snapshot,
                        Retention) {
    add("INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, created_at) "
        "SELECT 'x', 'x', repeat('c', 100), 'system', now() - interval '400 d' FROM "
        "generate_series(1, 20000)");
    pg::Connection reader = db.connect();
    reader.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM event_log");
    std::array<std::vector<Pruned>, 3> pruned;
    {
        std::vector<std::jthread> people;
        for (std::vector<Pruned>& mine : pruned)
            people.emplace_back([this, &mine] { mine = prune_all(); });
    }
    std::int64_t deleted = 0;
    for (const std::vector<Pruned>& all : pruned) deleted += of(all, "event_log").deleted;
    BOOST_TEST(deleted == 20000);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log") == 0);
}

BOOST_FIXTURE_TEST_CASE(instances_go_on_with_one_pass_where_it_stands, Retention) {
    add("INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, created_at) "
        "SELECT 'x', 'x', repeat('c', 100), 'system', now() - interval '400 d' FROM "
        "generate_series(1, 10000)");
    const HurriedClock clock;
    pg::Connection one = db.connect();
    pg::Connection two = db.connect();
    const auto page = [&] {
        return db.count("SELECT page FROM retention_passes WHERE table_name = 'event_log'");
    };
    const std::int64_t pages = pages_of(one, "event_log");
    BOOST_REQUIRE(pages > 2 * kPagesOfAStep);

    BOOST_TEST(prune_a_while(one, kDays, clock).empty());
    BOOST_TEST(page() == kPagesOfAStep);
    const std::int64_t left = db.count("SELECT count(*) FROM event_log");
    BOOST_TEST(left > 0);
    BOOST_TEST(left < 10000);
    // The next step has its time, whoever looks.
    BOOST_TEST(db.query_value("SELECT due_at - began_at BETWEEN '3 s' AND '5 s' FROM "
                              "retention_passes WHERE table_name = 'event_log'") == "t");
    db.exec("UPDATE retention_passes SET due_at = now() + interval '5 min'");
    prune_a_while(two, kDays, clock);
    BOOST_TEST(page() == kPagesOfAStep);
    std::vector<Pruned> ended;
    for (int i = 0; i < 100 && ended.empty(); ++i) {
        db.exec("UPDATE retention_passes SET due_at = now() WHERE table_name = 'event_log'");
        ended = prune_a_while(i % 2 == 0 ? two : one, kDays, clock);
    }
    BOOST_REQUIRE(ended.size() == 1);
    BOOST_TEST(ended[0].table == "event_log");
    BOOST_TEST(ended[0].deleted == 10000);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log") == 0);
    BOOST_TEST(db.query_value("SELECT page || ' ' || last_deleted || ' ' || (began_at IS NULL) || "
                              "' ' || (due_at > now() + interval '50 min') FROM retention_passes "
                              "WHERE table_name = 'event_log'") == "0 10000 true true");
}

BOOST_FIXTURE_TEST_CASE(a_step_that_another_instance_is_making_is_left_to_it, Retention) {
    add_message_out("m", 31, "sent");
    pg::Connection other = db.connect();
    const pg::Transaction step{other};
    other.exec_script("SELECT FROM retention_passes FOR UPDATE");
    pg::Connection connection = db.connect();
    BOOST_TEST(prune_a_while(connection, kDays, system_clock()).empty());
    BOOST_TEST(ids("messages_out") == "m");
}

BOOST_AUTO_TEST_CASE(a_fresh_database_has_a_day_before_anything_is_deleted) {
    const TestDatabase db;
    // The tests' databases are copies of one that may have been made hours ago.
    BOOST_TEST(db.count("SELECT count(*) FROM retention_passes WHERE due_at > interval '23 h' + "
                        "(SELECT max(applied_at) FROM pgcourier_migrations)") == 6);
}

// Each step reads the pages that it is given, and looks few rows up by key, whatever the sizes.
BOOST_FIXTURE_TEST_CASE(no_step_reads_a_whole_table, Retention) {
    pg::Connection session = db.connect();
    session.exec(sql::maintenance::plan);
    session.exec_script(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET "
        "enable_mergejoin = off; SET plan_cache_mode = force_generic_plan");
    const pg::Statement* const statements[] = {
        &sql::maintenance::retention_dead_letters, &sql::maintenance::retention_messages_in,
        &sql::maintenance::retention_messages_out, &sql::maintenance::retention_deliveries,
        &sql::maintenance::retention_events,       &sql::maintenance::retention_log};
    for (const pg::Statement* statement : statements) {
        const std::string name = fmt::format("\"{}\"", statement->name);
        session.exec_script(fmt::format("PREPARE {} AS {}", name, statement->text).c_str());
        std::string plan;
        for (const pg::Row row : session.exec_script(
                 fmt::format("EXPLAIN (COSTS OFF) EXECUTE {}('(0,0)', '(64,0)', 30, false, false)",
                             name)
                     .c_str()))
            plan += row.string(0) + "\n";
        BOOST_TEST(plan.find("Tid Range Scan") != std::string::npos, plan);
        BOOST_TEST(plan.find("Seq Scan") == std::string::npos, plan);
        BOOST_TEST(plan.find("hashed SubPlan") == std::string::npos, plan);
    }
}

}  // namespace pgcourier::maintenance
