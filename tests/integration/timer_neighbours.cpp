// links: maintenance
// What the tick takes for due, and what it leaves alone.
#include "sql/maintenance.hpp"
#include "support/crowd.hpp"
#include "support/eventually.hpp"
#include "support/plans.hpp"
#include "support/pooler.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <libpq-fe.h>

#include <memory>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

struct Ticking : Crowd {
    Ticking() { exec("UPDATE retention_passes SET due_at = now() + interval '1 h'"); }

    pg::Rows ask(std::optional<std::int64_t> from_us = std::nullopt) {
        return connection.exec(
            sql::maintenance::tick,
            pg::Params{"self", "here", 1, "1", "webhook", std::optional<std::int64_t>{}, from_us,
                       std::optional<std::int64_t>{}, ""});
    }
    /// What is due, as the statement names it.
    Texts tick(std::optional<std::int64_t> from_us = std::nullopt) {
        static const char* const kNames[] = {
            "events",  "messages",    "leases",    "deliveries", "attributions", "looks",
            "expired", "dedupe keys", "retention", "erasures",   "backfills",    "stalled",
        };
        const pg::Rows rows = ask(from_us);
        Texts due;
        for (std::size_t i = 0; i < std::size(kNames); ++i) {
            if (rows[0].boolean(static_cast<int>(i))) due.emplace_back(kNames[i]);
        }
        return due;
    }
    Texts tick_after(const std::string& script) {
        exec(script);
        return tick();
    }
    std::string waits() const {
        return value(
            "SELECT string_agg(extract(epoch FROM looked_at - due_at)::integer::text, ' ' "
            "ORDER BY minute) FROM outbox_waits");
    }
};

}  // namespace

#define TEST_TEXTS(found, ...) \
    BOOST_TEST((found) == (Texts{__VA_ARGS__}), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_CASE(each_kind_of_work_is_due_by_its_own_time_and_state, Ticking) {
    TEST_TEXTS(tick(), );
    TEST_TEXTS(tick_after("INSERT INTO webhook_queue (id, due_at) VALUES (1, now() + interval '1 "
                          "h'); INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, "
                          "due_at, expires_at) VALUES (1, 'm', 'one', 'anna', now() + interval '1 "
                          "h', now() + interval '1 h'); INSERT INTO outbox_dedupe_keys VALUES "
                          "('one', 'k', 'm', now() - interval '23 h')"), );
    TEST_TEXTS(tick_after("INSERT INTO webhook_queue (id) VALUES (2)"), "events");
    TEST_TEXTS(tick_after("UPDATE webhook_queue SET due_at = now() WHERE id = 2"), "events");
    TEST_TEXTS(tick_after("DELETE FROM webhook_queue; UPDATE outbox_queue SET due_at = now()"),
               "messages");
    TEST_TEXTS(tick_after("UPDATE outbox_queue SET due_at = now() + interval '1 h', expires_at = "
                          "now()"),
               "expired");
    TEST_TEXTS(tick_after("DELETE FROM outbox_queue; UPDATE outbox_dedupe_keys SET taken_at = "
                          "now() - interval '24 h'"),
               "dedupe keys");
    TEST_TEXTS(tick_after("DELETE FROM outbox_dedupe_keys; UPDATE retention_passes SET due_at = "
                          "now() WHERE table_name = 'event_log'"),
               "retention");
    TEST_TEXTS(
        tick_after("UPDATE retention_passes SET due_at = now() + interval '1 h'; INSERT INTO "
                   "erasures (addresses, asked_by, through_seq, step, due_at) VALUES ('{}', "
                   "'zoe', 0, 'words', now() + interval '1 h')"), );
    TEST_TEXTS(tick_after("UPDATE erasures SET due_at = now()"), "erasures");
    // The clock went back.
    TEST_TEXTS(tick_after("UPDATE erasures SET due_at = now() + interval '2 h'"), "erasures");
    TEST_TEXTS(tick_after("DELETE FROM erasures; UPDATE retention_passes SET ended_at = now() + "
                          "interval '5 s' WHERE table_name = 'event_log'"),
               "retention");
    TEST_TEXTS(tick_after("UPDATE retention_passes SET ended_at = NULL, began_at = now(), due_at = "
                          "now() + interval '9 min' WHERE table_name = 'event_log'"), );
    TEST_TEXTS(tick_after("UPDATE retention_passes SET due_at = now() + interval '11 min' WHERE "
                          "table_name = 'event_log'"),
               "retention");
}

BOOST_FIXTURE_TEST_CASE(a_lease_is_swept_when_it_has_ended_and_looked_up_when_it_is_unknown,
                        Ticking) {
    exec(
        "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
        "instance_id, claimed_at, expires_at) VALUES ('one', 'anna', 1, 'm', 't', 1, 'i', now(), "
        "now() + interval '1 h')");
    TEST_TEXTS(tick(), );
    TEST_TEXTS(tick_after("UPDATE outbox_leases SET expires_at = now()"), "leases");
    TEST_TEXTS(tick_after("UPDATE outbox_leases SET unknown_since = now()"), "looks");
    TEST_TEXTS(tick_after("UPDATE outbox_leases SET look_at = now() + interval '1 h'"), );
}

BOOST_FIXTURE_TEST_CASE(what_fell_due_before_a_time_is_left_alone, Ticking) {
    const auto at = [&](const std::string& time) {
        return db.count("SELECT (extract(epoch FROM " + time + ") * 1000000)::bigint");
    };
    /// Until then, in seconds; -1: the next tick is to read from the start.
    const auto next_from = [&] {
        const pg::Rows rows = ask();
        return rows[0].is_null(13) ? -1 : (at("now()") - rows[0].int64(13)) / 1'000'000;
    };
    BOOST_TEST(next_from() >= 5);
    BOOST_TEST(next_from() < 60);
    exec(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) VALUES (1, 'm', "
        "'one', 'anna', now() - interval '1 h')");
    BOOST_TEST(next_from() >= 3605);
    BOOST_TEST(next_from() < 3660);
    TEST_TEXTS(tick(at("now() - interval '2 h'")), "messages");
    TEST_TEXTS(tick(at("now() - interval '1 min'")), );
    exec(
        "UPDATE outbox_queue SET due_at = now() + interval '1 h', expires_at = now() - interval '2 "
        "min'");
    BOOST_TEST(next_from() == -1);
    TEST_TEXTS(tick(at("now() - interval '3 min'")), "expired");
    TEST_TEXTS(tick(at("now() - interval '1 min'")), );
    exec(
        "DELETE FROM outbox_queue; INSERT INTO outbox_leases (tenant_id, recipient, seq, "
        "message_id, token, attempt, instance_id, claimed_at, expires_at) VALUES ('one', 'anna', "
        "1, 'm', 't', 1, 'i', now(), now() - interval '2 min')");
    BOOST_TEST(next_from() == -1);
    TEST_TEXTS(tick(at("now() - interval '3 min'")), "leases");
    TEST_TEXTS(tick(at("now() - interval '1 min'")), );
}

BOOST_FIXTURE_TEST_CASE(a_callback_is_due_until_it_is_settled, Ticking) {
    TEST_TEXTS(tick_after("INSERT INTO delivery_events (provider_message_id, status, event_id, "
                          "correlation_id, received_at, settled_at) VALUES ('SM1', 'sent', 1, 'c', "
                          "now(), now())"), );
    TEST_TEXTS(tick_after("UPDATE delivery_events SET look_again_at = now()"), );
    TEST_TEXTS(tick_after("UPDATE delivery_events SET settled_at = NULL"), "deliveries");
    TEST_TEXTS(tick_after("UPDATE delivery_events SET look_again_at = now() + interval '5 s'"), );
    TEST_TEXTS(tick_after("UPDATE delivery_events SET look_again_at = NULL"), "deliveries");
}

BOOST_FIXTURE_TEST_CASE(only_what_has_a_tenant_by_now_and_its_event_is_routed_again, Ticking) {
    exec(R"(
        INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id)
        SELECT 'msg:' || g, 'inbound', 'form', '', '{}', 'c' FROM generate_series(1, 5) AS g;
        INSERT INTO messages_in (provider_message_id, "from", "to", body, correlation_id, event_id, tenant_id)
        VALUES ('SM1', 'anna', '+33700000009', '', 'c', 1, NULL),      -- nobody's number
               ('SM2', 'anna', '+33700000001', '', 'c', 99, NULL),     -- its event is no longer kept
               ('SM3', 'anna', '+33700000001', '', 'c', 3, 'one'),     -- has its tenant
               ('SM4', 'anna', '+33700000001', '', 'c', 4, NULL);      -- was given up
        INSERT INTO messages_in (provider_message_id, "from", "to", body, correlation_id, event_id, message_type)
        VALUES ('SM6', 'anna', '+33700000001', '', 'c', 2, 'client');  -- its shop was deleted
        INSERT INTO dead_letter_jobs (job_type, payload, error_message)
        VALUES ('webhook_event', '{"webhook_event_id": 4}', 'x'))");
    const auto route_again = [&] {
        return changed([&] { connection.exec(sql::maintenance::route_again); });
    };
    TEST_TEXTS(tick(), );
    TEST_TEXTS(route_again(), );
    exec(
        "INSERT INTO messages_in (provider_message_id, \"from\", \"to\", body, correlation_id, "
        "event_id) VALUES ('SM5', 'anna', '+33700000001', '', 'c', 5);"
        "INSERT INTO dead_letter_jobs (job_type, payload, error_message) VALUES ('message_out', "
        "'{\"webhook_event_id\": 5}', 'x')");
    TEST_TEXTS(tick(), "attributions");
    TEST_TEXTS(route_again(), "queued webhook 5");
    TEST_TEXTS(route_again(), );
}

BOOST_FIXTURE_TEST_CASE(a_backfill_is_due_by_its_time_or_when_whoever_had_it_is_gone, Ticking) {
    TEST_TEXTS(tick_after("INSERT INTO backfills (asked_by, is_automatic, since, until, due_at) "
                          "VALUES ('zoe', false, now(), now(), now() + interval '5 min')"), );
    TEST_TEXTS(tick_after("UPDATE backfills SET instance_id = 'self'"), );
    TEST_TEXTS(tick_after("UPDATE backfills SET instance_id = 'gone'"), "backfills");
    TEST_TEXTS(tick_after("UPDATE backfills SET instance_id = NULL, due_at = now()"), "backfills");
    // The clock went back.
    TEST_TEXTS(tick_after("UPDATE backfills SET due_at = now() + interval '11 min'"), "backfills");
    TEST_TEXTS(tick_after("UPDATE backfills SET ended_at = now()"), );
}

BOOST_FIXTURE_TEST_CASE(the_longest_wait_of_a_minute_that_nobody_has_paused_is_kept, Ticking) {
    const auto wait_of = [&](const std::string& pause) {
        exec("DELETE FROM outbox_waits; DELETE FROM outbox_pauses");
        if (!pause.empty()) exec("INSERT INTO outbox_pauses (kind, id) VALUES (" + pause + ")");
        tick();
        return waits();
    };
    exec(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) VALUES (1, 'm', "
        "'one', 'anna', now() - interval '100 s')");
    BOOST_TEST(wait_of("") != "");
    BOOST_TEST(wait_of("'all', ''") == "");
    BOOST_TEST(wait_of("'tenant', 'one'") == "");
    BOOST_TEST(wait_of("'sender', '+33700000001'") == "");
    BOOST_TEST(wait_of("'tenant', 'two'") != "");
    BOOST_TEST(wait_of("'sender', '+33700000002'") != "");
    exec("UPDATE outbox_queue SET due_at = now() + interval '1 min'");
    BOOST_TEST(wait_of("") == "");
    // Several looks in one minute, as `minute` says.
    exec(
        "DELETE FROM outbox_pauses; INSERT INTO outbox_waits SELECT date_trunc('minute', now()) + "
        "g * interval '1 min', now() - interval '1 h', now() FROM generate_series(0, 1) AS g;"
        "INSERT INTO outbox_waits VALUES (now() - interval '121 min', now(), now()), (now() - "
        "interval '119 min', now() - interval '7 s', now());"
        "UPDATE outbox_queue SET due_at = now() - interval '10 s'");
    tick();
    BOOST_TEST(waits() == "7 3600 3600");
    exec("UPDATE outbox_queue SET due_at = now() - interval '2 h'");
    tick();
    BOOST_TEST(value("SELECT max(looked_at - due_at) >= interval '2 h' FROM outbox_waits") == "t");
}

// It is what an idle process asks each few seconds.
BOOST_FIXTURE_TEST_CASE(a_tick_looks_up_what_is_due_however_much_is_not, Ticking) {
    pg::Connection session = test::connect_directly(db);
    session.exec_script("SET plan_cache_mode = force_generic_plan");
    const char* const kExecute =
        "EXECUTE tick('self', 'here', 1, '1', 'webhook', NULL, NULL, NULL, '')";
    exec(R"(INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at)
            SELECT g, 'm', 'one', 'anna', now() + interval '1 h', now() + interval '1 h' FROM generate_series(1, 50000) AS g;
            INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, instance_id, claimed_at, expires_at)
            SELECT 'one', g, g, 'm', 't', 1, 'i', now(), now() + interval '1 h' FROM generate_series(1, 50000) AS g; ANALYZE)");
    session.exec_script(fmt::format("PREPARE tick AS {}", sql::maintenance::tick.text).c_str());
    std::string plan;
    for (const std::string& line : test::lines_of(session.exec_script(
             fmt::format("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {}", kExecute).c_str()))) {
        plan += line + "\n";
        for (const char* table : {"outbox_queue", "outbox_leases"}) {
            const bool is_scan = line.find(std::string{" on "} + table) != std::string::npos &&
                                 line.find("Seq Scan") != std::string::npos;
            BOOST_TEST(!is_scan, line);
        }
    }
    BOOST_TEST(plan.find("outbox_queue_due_at_idx") != std::string::npos, plan);
    BOOST_TEST(plan.find("outbox_queue_expires_at_idx") != std::string::npos, plan);
    BOOST_TEST(plan.find("outbox_leases_expires_at_idx") != std::string::npos, plan);
}

namespace {

/// A session in the midst of sending a transaction; the rest never comes.
std::unique_ptr<pg::Connection> stall(const pg::ConnectOptions& options, const char* statement) {
    auto session = std::make_unique<pg::Connection>(options);
    PGconn* raw = session->raw();
    BOOST_REQUIRE(PQenterPipelineMode(raw) == 1);
    for (const char* text : {"BEGIN", statement})
        BOOST_REQUIRE(PQsendQueryParams(raw, text, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1);
    BOOST_REQUIRE(PQsendFlushRequest(raw) == 1);
    BOOST_REQUIRE(PQflush(raw) == 0);
    return session;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(only_a_session_of_ours_that_stands_still_in_a_transaction_is_ended,
                        Ticking) {
    static constexpr const char* kWrites = "SELECT pg_current_xact_id()";
    const auto ours = [&](const std::string& role) { return test::direct_options(db, role); };
    std::vector<std::unique_ptr<pg::Connection>> kept;
    kept.push_back(stall(ours("reads"), "SELECT 1"));  // has written nothing
    kept.push_back(std::make_unique<pg::Connection>(ours("idle")));
    kept.back()->exec_script("BEGIN; SELECT pg_current_xact_id()");  // waits between statements
    kept.push_back(stall(ours("works"), "SELECT pg_current_xact_id(), pg_sleep(60)"));
    kept.push_back(stall(ours("psql"),
                         "SELECT pg_current_xact_id(), set_config('application_name', "
                         "'psql', false)"));
    db.exec("CREATE ROLE somebody LOGIN");
    pg::ConnectOptions others = ours("somebody");
    others.target = *pg::parse_url(Secret{fmt::format("postgresql://somebody@127.0.0.1:{}/{}",
                                                      db.query_value("SHOW port"), db.name())});
    kept.push_back(stall(others, kWrites));
    const test::TestDatabase elsewhere;
    kept.push_back(stall(test::direct_options(elsewhere, "elsewhere"), kWrites));
    const auto stalled = stall(ours("stalled"), kWrites);

    TEST_TEXTS(tick(), );
    BOOST_TEST(connection.exec(sql::maintenance::end_stalled).empty());
    // What the others lack, one at a time, keeps them from being found even after 25 s.
    BOOST_TEST(test::eventually([&] { return !tick().empty(); }, 40s));
    kept.push_back(stall(ours("late"), kWrites));
    Texts ended;
    for (const pg::Row row : connection.exec(sql::maintenance::end_stalled))
        ended.push_back(row.string(1));
    TEST_TEXTS(ended, "pgcourier/stalled");
    BOOST_TEST(test::eventually([&] { return tick().empty(); }));
    BOOST_TEST(value("SELECT count(*) FROM pg_stat_activity WHERE application_name IN "
                     "('pgcourier/reads', 'pgcourier/idle', 'pgcourier/works', 'psql', "
                     "'pgcourier/somebody', 'pgcourier/elsewhere', 'pgcourier/late')") == "7");
}
