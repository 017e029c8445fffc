// links: pg
// The views of the schema ops: what each shows, and that it describes itself.
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier {
namespace {

using test::TestDatabase;
using Lines = std::vector<std::string>;

#define TEST_LINES(found, ...) \
    BOOST_TEST(found == (Lines{__VA_ARGS__}), boost::test_tools::per_element())

struct Ops {
    TestDatabase db;
    Ops() {
        db.exec(
            "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('shop', 'Shop', "
            "'+33700000001');"
            "ALTER TABLE messages_out DISABLE TRIGGER pgcourier_guard");
    }
    void add(const std::string& id, const std::string& columns = "",
             const std::string& values = "") const {
        db.exec(
            fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body{}) VALUES ('{}', "
                        "'shop', '+3361234' || "
                        "lpad(abs(hashtext('{}') % 10000)::text, 4, '0'), 'Words'{})",
                        columns, id, id, values));
    }
    void lease(const std::string& id, const std::string& columns = "",
               const std::string& values = "") const {
        db.exec(
            fmt::format("DELETE FROM outbox_queue WHERE message_id = '{0}'; UPDATE messages_out "
                        "SET status = 'sending' WHERE id = "
                        "'{0}'; INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, "
                        "token, attempt, instance_id, "
                        "claimed_at, expires_at{1}) SELECT tenant_id, \"to\", seq, id, 't', 1, "
                        "'i1', now() - interval '7 s', now() + "
                        "interval '27 s'{2} FROM messages_out WHERE id = '{0}'",
                        id, columns, values));
    }
    void instance(const std::string& id, const std::string& roles,
                  const std::string& heard = "now()") const {
        db.exec(
            fmt::format("INSERT INTO instances (id, host, pid, version, roles, heartbeat_at) "
                        "VALUES ('{}', 'paris', 7, "
                        "'0.1.0', '{}', {})",
                        id, roles, heard));
    }
    void letter(const std::string& id, const std::string& message,
                const std::string& reason) const {
        db.exec(fmt::format(
            "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, error_message, "
            "attempts) VALUES "
            "('{}', 'shop', 'message_out', jsonb_build_object('message_out_id', '{}'), '{}', 5)",
            id, message, reason));
    }
    void event(int number, const std::string& received_at = "now()") const {
        db.exec(fmt::format(
            "INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", \"to\", "
            "correlation_id, "
            "received_at) VALUES ('msg:SM{0:032}', 'inbound', 'form', '', '{{}}', '+33612345678', "
            "'+33700000009', 'c{0}', {1})",
            number, received_at));
    }
    void log(const std::string& type, int count, const std::string& at = "now()",
             const std::string& entity = "message_out") const {
        db.exec(
            fmt::format("INSERT INTO event_log (event_type, entity_type, correlation_id, "
                        "actor_type, created_at) SELECT '{}', "
                        "'{}', 'c', 'system', ({}) AT TIME ZONE 'UTC' FROM generate_series(1, {})",
                        type, entity, at, count));
    }
    std::string state(const std::string& figure) const {
        return db.query_value("SELECT state FROM ops.health WHERE figure = '" + figure + "'");
    }
    Lines stuck() const {
        return db.query_rows("SELECT entity, id, why FROM ops.stuck ORDER BY 1, 2");
    }
};

}  // namespace

// ---- All of them
// ------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(every_view_column_and_function_has_a_comment, Ops) {
    BOOST_TEST(db.count("SELECT count(*) FROM pg_class WHERE relnamespace = 'ops'::regnamespace "
                        "AND relkind = 'v'") >= 14);
    TEST_LINES(
        db.query_rows("SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = "
                      "'ops'::regnamespace AND c.relkind = 'v' "
                      "AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''"));
    TEST_LINES(db.query_rows(
        "SELECT c.relname || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON "
        "a.attrelid = c.oid "
        "AND a.attnum > 0 WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind = 'v' AND "
        "coalesce(col_description(c.oid, a.attnum), '') = '' ORDER BY 1"));
    TEST_LINES(
        db.query_rows("SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = "
                      "'ops'::regnamespace AND "
                      "coalesce(obj_description(p.oid, 'pg_proc'), '') = '' ORDER BY 1"));
}

BOOST_AUTO_TEST_CASE(nothing_is_to_be_seen_in_a_database_where_nothing_happened) {
    const TestDatabase db;
    for (const std::string& view : db.query_rows("SELECT relname FROM pg_class WHERE relnamespace "
                                                 "= 'ops'::regnamespace AND relkind = 'v'")) {
        BOOST_TEST_CONTEXT(view) {
            const auto rows = db.count("SELECT count(*) FROM ops." + view);
            const bool has_always_rows = view == "health" || view == "queue_depth" ||
                                         view == "throughput" || view == "bloat";
            BOOST_TEST((rows > 0) == has_always_rows);
        }
    }
    TEST_LINES(db.query_rows("SELECT figure FROM ops.health WHERE state <> 'ok'"));
    BOOST_TEST(db.count("SELECT count(*) FROM ops.health") == 13);
}

// ---- ops.queue_depth, ops.outbox
// ---------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(queue_depth_counts_what_waits_is_late_and_in_flight, Ops) {
    for (const char* id : {"a", "b", "c"}) add(id);
    add("later", ", send_at", ", now() + interval '1 h'");
    lease("a");
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '90 s' WHERE message_id = 'b'");
    event(1, "now() - interval '40 s'");
    event(2);
    db.exec(
        "INSERT INTO webhook_queue (id, due_at) VALUES (1, NULL), (2, now() + interval '1 min')");
    TEST_LINES(db.query_rows("SELECT queue, waiting, in_flight, delayed, floor(oldest_seconds / "
                             "10) FROM ops.queue_depth"),
               "webhook-processing|2|0|1|4", "messages_out|3|1|1|9");
}

BOOST_FIXTURE_TEST_CASE(what_somebody_has_paused_is_not_late, Ops) {
    const auto oldest = [&] {
        return db.query_value(
            "SELECT coalesce(floor(oldest_seconds / 10)::text, 'none') FROM ops.queue_depth WHERE "
            "queue = 'messages_out'");
    };
    add("m");
    db.exec(
        "UPDATE outbox_queue SET due_at = now() - interval '95 s';"
        "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('other', 'Other', "
        "'+33700000002');"
        "INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('n', 'other', "
        "'+33612345678', 'x');"
        "UPDATE outbox_queue SET due_at = now() - interval '45 s' WHERE message_id = 'n'");
    BOOST_TEST(oldest() == "9");
    db.exec("SELECT ops.pause_sending('tenant', 'shop')");
    BOOST_TEST(oldest() == "4");
    db.exec("SELECT ops.pause_sending('sender', '+33700000002')");
    BOOST_TEST(oldest() == "none");
    BOOST_TEST(state("oldest due message, s") == "ok");
    db.exec(
        "SELECT ops.resume_sending('tenant', 'shop'), ops.resume_sending('sender', "
        "'+33700000002')");
    BOOST_TEST(oldest() == "9");
    db.exec("SELECT ops.pause_sending()");
    BOOST_TEST(oldest() == "none");
    // So many that it is not known whether all is paused.
    db.exec(
        "SELECT ops.resume_sending(), ops.pause_sending('tenant', 'shop');"
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) SELECT 1000000 + "
        "n, 'x' || n, 'shop', '+33612345678', now() - interval '200 s' FROM generate_series(1, "
        "10001) AS n");
    BOOST_TEST(oldest() == "20");
}

BOOST_FIXTURE_TEST_CASE(a_depth_above_10000_is_estimated, Ops) {
    db.exec("INSERT INTO webhook_queue (id) SELECT generate_series(1, 10000)");
    const char* kWaiting = "SELECT waiting FROM ops.queue_depth WHERE queue = 'webhook-processing'";
    BOOST_TEST(db.count(kWaiting) == 10000);
    db.exec(
        "INSERT INTO webhook_queue (id) SELECT generate_series(10001, 12000); ANALYZE "
        "webhook_queue");
    BOOST_TEST(db.count(kWaiting) == 12000);
}

// They are not due: nothing is late.
BOOST_FIXTURE_TEST_CASE(more_than_10000_that_are_scheduled_are_delayed_all_of_them, Ops) {
    const auto add_many = [&](int from, int to, const char* due) {
        db.exec(
            fmt::format("INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, "
                        "due_at) SELECT n, 'x' || n, 'shop', '+33612345678', {} FROM "
                        "generate_series({}, {}) AS n; ANALYZE outbox_queue",
                        due, from, to));
    };
    const char* kFound =
        "SELECT waiting, delayed FROM ops.queue_depth WHERE queue = 'messages_out'";
    add_many(1, 12000, "now() + interval '1 day'");
    TEST_LINES(db.query_rows(kFound), "12000|12000");
    BOOST_TEST(state("messages waiting") == "ok");
    add_many(12001, 12500, "now()");
    TEST_LINES(db.query_rows(kFound), "12500|12000");
    add_many(12501, 25000, "now()");
    BOOST_TEST(db.query_value("SELECT delayed FROM ops.queue_depth WHERE queue = "
                              "'messages_out'") == "0");  // none among those looked at
}

BOOST_FIXTURE_TEST_CASE(outbox_has_each_message_that_is_not_finished_once, Ops) {
    add("sent", ", status", ", 'sent'");
    add("waits");
    add("flies");
    lease("flies");
    add("unknown");
    lease("unknown", ", unknown_since, look_at", ", now(), 'infinity'");
    db.exec(
        "UPDATE messages_out SET status = 'unknown', held_reason = 'nobody knows' WHERE id = "
        "'unknown'");
    add("held", ", held_reason", ", 'too old'");
    add("dead", ", status, last_error", ", 'dead', 'twilio 63010: no'");
    letter("l1", "dead", "no");
    letter("l2", "dead", "no");
    add("given-up", ", status", ", 'dead'");  // its dead letter was discarded
    add("undelivered", ", status", ", 'sent'");
    letter("l3", "undelivered", "twilio 63016");
    TEST_LINES(db.query_rows("SELECT id, status, due_at IS NOT NULL, coalesce(leased_by, '-'), "
                             "unknown_since IS NOT NULL FROM ops.outbox ORDER BY seq"),
               "waits|pending|t|-|f", "flies|sending|f|i1|f", "unknown|unknown|f|i1|t",
               "held|pending|f|-|f", "dead|dead|f|-|f", "undelivered|sent|f|-|f");
    BOOST_TEST(db.query_value("SELECT bool_and(recipient ~ '^\\+336…[0-9]{2}$') FROM ops.outbox") ==
               "t");
}

// ---- ops.stuck
// --------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(an_unknown_outcome_is_stuck_after_two_minutes_or_when_a_person_decides,
                        Ops) {
    instance("i1", "sender");
    add("young");
    add("old");
    add("policy");
    lease("young", ", unknown_since", ", now() - interval '110 s'");
    lease("old", ", unknown_since, look_failures", ", now() - interval '130 s', 3");
    lease("policy", ", unknown_since, look_at", ", now(), 'infinity'");
    TEST_LINES(stuck(),
               "message|old|nobody knows whether it was sent, and Twilio's list does not answer",
               "message|policy|nobody knows whether it was sent, held for a person");
    db.exec(
        "UPDATE messages_out SET held_reason = 'Twilio lists +33612345678' WHERE id = 'policy'");
    BOOST_TEST(stuck()[1] ==
               "message|policy|nobody knows whether it was sent, held: Twilio lists +336…78");
    BOOST_TEST(db.query_value("SELECT advice FROM ops.stuck WHERE id = 'old'")
                   .find("ops.settle_unknown(id, true)") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_held_message_is_stuck, Ops) {
    add("held", ", held_reason", ", 'SnapSell had left it unsent'");
    TEST_LINES(stuck(), "message|held|held: SnapSell had left it unsent");
    BOOST_TEST(db.query_value("SELECT advice FROM ops.stuck").find("ops.release_message") !=
               std::string::npos);
    db.exec("SELECT ops.release_message('held')");
    TEST_LINES(stuck());
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_nobody_sweeps_is_stuck, Ops) {
    add("m");
    lease("m");
    TEST_LINES(stuck());
    db.exec("UPDATE outbox_leases SET expires_at = now() - interval '20 s'");
    TEST_LINES(stuck());
    db.exec("UPDATE outbox_leases SET expires_at = now() - interval '45 min'");
    TEST_LINES(stuck(), "message|m|its lease ended 45 min ago and nobody swept it");
}

BOOST_FIXTURE_TEST_CASE(events_and_callbacks_that_nobody_takes_are_stuck, Ops) {
    event(1, "now() - interval '30 s'");
    event(2, "now() - interval '90 s'");
    event(3);
    event(4);
    db.exec(
        "INSERT INTO webhook_queue (id, attempts, due_at) VALUES (1, 0, NULL), (2, 0, NULL), (3, "
        "1, now() - interval '90 s'), (4, 1, "
        "now() + interval '4 s');"
        "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
        "received_at, settled_at) VALUES ('SM1', "
        "'delivered', 1, 'c', now(), NULL), ('SM2', 'read', 1, 'c', now() - interval '11 min', "
        "NULL), ('SM3', 'sent', 1, 'c', now() - "
        "interval '11 min', now())");
    TEST_LINES(stuck(),
               "callback|2|Twilio told that a message is read, and nobody has taken that over",
               "event|2|not routed", "event|3|failed 1 time, and its next attempt is overdue");
    db.exec(
        "UPDATE webhook_queue SET attempts = 0, is_postponed = true, due_at = now() + interval '9 "
        "s' WHERE id IN (2, 4); DELETE FROM webhook_queue WHERE id = 3");
    TEST_LINES(stuck(),
               "callback|2|Twilio told that a message is read, and nobody has taken that over",
               "event|2|not routed, since somebody else has a row of its tenant locked");
}

BOOST_FIXTURE_TEST_CASE(messages_that_nobody_sends_are_stuck_as_one_row, Ops) {
    add("a");
    add("b");
    TEST_LINES(stuck());
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '70 s'");
    TEST_LINES(stuck(), "sending||messages are due and no sender is running");
    instance("r", "webhook,router");
    BOOST_TEST(stuck().size() == 1u);
    instance("s", "sender");
    TEST_LINES(stuck());
}

BOOST_FIXTURE_TEST_CASE(a_pause_is_stuck_while_messages_wait_for_its_end, Ops) {
    instance("i1", "sender");
    db.exec(
        "SELECT ops.pause_sending('tenant', 'shop', 'unpaid'); SELECT ops.pause_sending('sender', "
        "'+33700000001'); SELECT ops.pause_sending()");
    TEST_LINES(stuck());
    add("m");
    TEST_LINES(stuck(), "pause|+337…01|paused by postgres, and messages wait",
               "pause|shop|paused by postgres: unpaid, and messages wait",
               "pause||paused by postgres, and messages wait");
    TEST_LINES(db.query_rows("SELECT advice FROM ops.stuck ORDER BY 1"),
               "SELECT ops.resume_sending('all')", "SELECT ops.resume_sending('sender', number)",
               "SELECT ops.resume_sending('tenant', 'shop')");
    db.exec(
        "SELECT ops.resume_sending(); SELECT ops.resume_sending('tenant', 'shop'); SELECT "
        "ops.resume_sending('sender', '+33700000001')");
    TEST_LINES(stuck());
}

// ---- What came in and found nobody, what was given up
// -----------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(unrouted_counts_by_number_and_knows_who_has_it_by_now, Ops) {
    db.exec(
        "INSERT INTO messages_in (tenant_id, provider_message_id, \"from\", \"to\", body, "
        "correlation_id, created_at) SELECT CASE WHEN g > 5 "
        "THEN 'shop' END, 'SM' || g, '+33612345678', '+3370000000' || 7 + g % 2, 'x', 'c', "
        "timestamp '2026-02-08 10:00' + g * interval '1 "
        "min' FROM generate_series(1, 9) AS g");
    TEST_LINES(
        db.query_rows("SELECT number, messages, first_at, last_at, tenant_id FROM ops.unrouted"),
        "+33700000007|2|2026-02-08 10:02:00|2026-02-08 10:04:00|",
        "+33700000008|3|2026-02-08 10:01:00|2026-02-08 10:05:00|");
    db.exec(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('late', 'Late', "
        "'+33700000008')");
    BOOST_TEST(db.query_value("SELECT tenant_id FROM ops.unrouted WHERE number = '+33700000008'") ==
               "late");
}

BOOST_FIXTURE_TEST_CASE(dead_letters_are_shown_one_by_one_and_by_reason, Ops) {
    add("m", ", status, error_code, correlation_id", ", 'dead', 63010, 'order 12'");
    add("u", ", status, error_code", ", 'sent', 63016");
    letter("l1", "m", "twilio 63010: no, for +33612345678");
    letter("l2", "u", "twilio 63016: outside the window");
    letter("l3", "gone", "twilio 63016: outside the window");
    event(1);
    db.exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload, error_message, attempts) VALUES "
        "('e1', 'webhook_event', "
        "'{\"webhook_event_id\": 1}', 'poison', 3), ('e2', 'webhook_event', "
        "'{\"webhook_event_id\": \"nonsense\"}', 'poison', 3);"
        "INSERT INTO dead_letter_jobs (id, job_type, payload, resolved_at) VALUES ('done', "
        "'webhook_event', '{}', now())");
    TEST_LINES(db.query_rows("SELECT id, job_type, entity_id, code, was_sent, reason, "
                             "correlation_id = 'order 12' FROM ops.dead_letters ORDER BY id"),
               "e1|webhook_event|1|||poison|f", "e2|webhook_event|nonsense|||poison|",
               "l1|message_out|m|63010|f|twilio 63010: no, for +336…78|t",
               "l2|message_out|u|63016|t|twilio 63016: outside the window|f",
               "l3|message_out|gone|||twilio 63016: outside the window|");
    TEST_LINES(
        db.query_rows(
            "SELECT job_type, reason, dead_letters FROM ops.dead_letter_reasons ORDER BY 1, 2"),
        "message_out|twilio 63010: no, for +336…78|1",
        "message_out|twilio 63016: outside the window|2", "webhook_event|poison|2");
    BOOST_TEST(db.query_value(
                   "SELECT example FROM ops.dead_letter_reasons WHERE dead_letters = 1") == "l1");
}

// ---- ops.tenants, ops.instances
// ---------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(tenants_show_load_limits_pauses_and_opt_outs, Ops) {
    db.exec(
        "INSERT INTO tenants (id, name) VALUES ('idle', 'Idle');"
        "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('shop', '+33611111111'), "
        "('shop', '+33611111112');"
        "INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('shop', '+33611111113');"
        "INSERT INTO outbox_scopes (scope, calls, opened_at) VALUES ('sender:+33700000001', 4, "
        "now())");
    for (const char* id : {"a", "b", "c"}) add(id);
    lease("a");
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '15 s' WHERE message_id = 'b'");
    letter("l1", "x", "no");
    db.exec(
        "SELECT ops.pause_sending('tenant', 'shop'); SELECT ops.pause_sending('sender', "
        "'+33700000001')");
    TEST_LINES(
        db.query_rows("SELECT id, number, sellers, opted_out, waiting, in_flight, "
                      "floor(oldest_due_seconds / 10), dead_letters, "
                      "regexp_replace(paused, '[0-9-]+ [0-9:]+ UTC', 'T', 'g'), breaker_open_since "
                      "IS NOT NULL, calls_at_once FROM "
                      "ops.tenants ORDER BY id DESC"),
        "shop|+33700000001|2|1|2|1|1|1|tenant by postgres since T; sender by postgres since T|t|4",
        "idle||0|0|0|0||0||f|");
    db.exec("SELECT ops.pause_sending()");
    BOOST_TEST(db.query_value("SELECT paused FROM ops.tenants WHERE id = 'idle'")
                   .starts_with("all by postgres since 20"));
}

// It sends from TWILIO_WHATSAPP_NUMBER, as a sender that runs tells.
BOOST_FIXTURE_TEST_CASE(a_shop_without_a_number_is_paused_and_broken_with_the_common_one, Ops) {
    instance("i1", "sender");
    db.exec(
        "UPDATE tenants SET whatsapp_phone_number = NULL;"
        "UPDATE instances SET default_sender = '+33700000009';"
        "INSERT INTO outbox_scopes (scope, calls, opened_at) VALUES ('sender:+33700000009', 4, "
        "now());"
        "SELECT ops.pause_sending('sender', '+33700000009')");
    add("m");
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '95 s'");
    TEST_LINES(db.query_rows("SELECT number, split_part(paused, ' ', 1), breaker_open_since IS NOT "
                             "NULL, calls_at_once FROM ops.tenants"),
               "|sender|t|4");
    TEST_LINES(db.query_rows("SELECT oldest_seconds FROM ops.queue_depth WHERE queue = "
                             "'messages_out'"),
               "");
    TEST_LINES(stuck(), "pause|+337…09|paused by postgres, and messages wait");
    const std::string said = db.query_value("SELECT ops.explain('m')");
    BOOST_TEST(said.find("paused sending from its number") != std::string::npos, said);
    BOOST_TEST(said.find("the breaker of its number is open") != std::string::npos, said);
}

BOOST_FIXTURE_TEST_CASE(instances_show_what_they_hold_and_which_are_silent, Ops) {
    instance("i1", "sender");
    instance("i2", "webhook,router", "now() - interval '2 min'");
    add("a");
    add("b");
    lease("a");
    lease("b", ", unknown_since", ", now()");
    TEST_LINES(db.query_rows("SELECT id, version, roles, state, floor(silent_seconds / 60), "
                             "in_flight, unknown, floor(oldest_claim_seconds) "
                             "FROM ops.instances ORDER BY id"),
               "i1|0.1.0|sender|running|0|1|1|7", "i2|0.1.0|webhook,router|silent|2|0|0|");
}

// ---- ops.throughput, ops.latency
// --------------------------------------------------------------------------------

namespace {
/// A moment of the minute before the current one.
constexpr const char* kLastMinute = "date_trunc('minute', now()) - interval '20 s'";
}  // namespace

BOOST_FIXTURE_TEST_CASE(throughput_counts_each_minute_of_the_last_hour, Ops) {
    // One moment for all: the minute may end meanwhile.
    const std::string before =
        fmt::format("'{}'::timestamptz",
                    db.query_value("SELECT date_trunc('minute', now()) - interval '10 min'"));
    log("webhook_received", 3, before, "message_in");
    log("webhook_received", 4, before, "webhook_event");
    log("idempotent_ignored", 2, before, "message_in");
    log("message_sent", 5, before);
    log("message_delivered", 6, before);
    log("message_failed", 7, before);
    log("message_dead_lettered", 8, before);
    log("message_sent", 9, "now() - interval '2 h'");
    const Lines all = db.query_rows(
        "SELECT received, callbacks, duplicates, sent, delivered, failed, dead, is_estimated FROM "
        "ops.throughput");
    BOOST_REQUIRE(all.size() == 60u);
    BOOST_TEST(std::count(all.begin(), all.end(), "0|0|0|0|0|0|0|f") == 59);
    BOOST_TEST(std::count(all.begin(), all.end(), "3|4|2|5|6|7|8|f") == 1);
    BOOST_TEST(db.query_value("SELECT minute = " + before +
                              " AT TIME ZONE 'UTC' FROM ops.throughput WHERE sent > 0") == "t");
}

BOOST_FIXTURE_TEST_CASE(throughput_is_estimated_where_there_is_too_much_to_count, Ops) {
    // 70,000 in half an hour: the newest 60,000 are counted, the others are judged by the first of
    // each ten seconds.
    db.exec(
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, created_at) "
        "SELECT CASE g % 2 WHEN 0 THEN "
        "'message_sent' ELSE 'webhook_received' END, 'message_in', 'c', 'system', "
        "date_trunc('minute', now() AT TIME ZONE 'UTC') - "
        "interval '30 min' * g / 70000 FROM generate_series(1, 70000) AS g");
    const std::string rows =
        db.query_value("SELECT count(*) FROM ops.throughput WHERE is_estimated AND received > 0");
    BOOST_TEST((rows == "4" || rows == "5"), rows);
    // 35,000 of each in 30 minutes; a minute has 1,167.
    BOOST_TEST(db.query_value("SELECT bool_and(sent BETWEEN 1050 AND 1280 AND received BETWEEN "
                              "1050 AND 1280) FROM ops.throughput "
                              "WHERE is_estimated AND received > 0") == "t");
    BOOST_TEST(db.query_value("SELECT bool_and(sent BETWEEN 1166 AND 1168) FROM ops.throughput "
                              "WHERE NOT is_estimated AND sent > 0") == "t");
}

BOOST_FIXTURE_TEST_CASE(latency_measures_each_step, Ops) {
    event(1, "now() - interval '10 s'");
    event(2, "now() - interval '10 s'");
    db.exec(
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, created_at) "
        "SELECT 'webhook_received', 'message_in', "
        "e.correlation_id, 'system', (e.received_at + CASE e.id WHEN 1 THEN interval '20 ms' ELSE "
        "interval '40 ms' END) AT TIME ZONE 'UTC' "
        "FROM webhook_events AS e; "
        // Routed once more, which is not how long it took.
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type) VALUES "
        "('webhook_received', 'message_in', 'c1', 'system');"
        "INSERT INTO messages_in (provider_message_id, \"from\", body, correlation_id, created_at, "
        "handled_at) SELECT substr(e.key, 5), 'f', "
        "'x', e.correlation_id, (now() - interval '5 s') AT TIME ZONE 'UTC', now() - interval '4 "
        "s' FROM webhook_events AS e WHERE e.id = 1");
    add("m", ", status, created_at, sent_at, delivered_at",
        ", 'sent', (now() - interval '9 s') AT TIME ZONE 'UTC', now() - interval '8 s', now() - "
        "interval '5 s'");
    add("late", ", status, created_at, send_at, sent_at",
        ", 'sent', (now() - interval '2 h') AT TIME ZONE 'UTC', now() - interval '9 s', now() - "
        "interval '6 s'");
    db.exec(
        "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type) "
        "SELECT 'message_sent', 'message_out', id, 'x', "
        "'system' FROM messages_out");
    TEST_LINES(db.query_rows(
                   "SELECT step, messages, round(p50_ms, -1), round(max_ms, -1) FROM ops.latency"),
               "received to routed|2|30|40", "routed to handled by the shop|1|1000|1000",
               "written to sent|2|2000|3000", "sent to delivered|1|3000|3000");
}

// ---- ops.health
// -------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(queue_depths_are_normal_below_10_and_an_alert_above_100, Ops) {
    for (const auto& [figure, fill] :
         {std::pair{"events waiting",
                    "INSERT INTO webhook_queue (id) SELECT generate_series(1, {0})"},
          std::pair{"messages waiting",
                    "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT 'shop', "
                    "'+33612345678', 'x' FROM generate_series(1, {0})"}}) {
        for (const auto& [depth, expected] : {std::pair{9, "ok"}, std::pair{10, "warning"},
                                              std::pair{100, "warning"}, std::pair{101, "alert"}}) {
            db.exec("DELETE FROM webhook_queue; DELETE FROM messages_out; " +
                    fmt::format(fmt::runtime(fill), depth));
            BOOST_TEST(state(figure) == expected, figure << " " << depth);
        }
    }
    // What is for later is not late.
    db.exec(
        "DELETE FROM webhook_queue; DELETE FROM messages_out; INSERT INTO messages_out (tenant_id, "
        "\"to\", body, send_at) SELECT 'shop', '+33612345678', 'x', now() + interval '1 h' FROM "
        "generate_series(1, 150); INSERT INTO webhook_queue (id, due_at) SELECT g, now() + "
        "interval '1 min' FROM generate_series(1, 150) AS g");
    TEST_LINES(db.query_rows("SELECT value, state FROM ops.health WHERE figure IN ('events "
                             "waiting', 'messages waiting')"),
               "0|ok", "0|ok");
}

BOOST_FIXTURE_TEST_CASE(the_success_rate_is_normal_above_95_and_an_alert_below_90_percent, Ops) {
    for (const auto& [sent, failed, dead, expected] :
         {std::tuple{0, 0, 0, "ok"}, std::tuple{96, 4, 0, "ok"}, std::tuple{95, 5, 0, "warning"},
          std::tuple{90, 5, 5, "warning"}, std::tuple{0, 19, 0, "warning"},
          std::tuple{0, 20, 0, "alert"}, std::tuple{89, 6, 5, "alert"}}) {
        db.exec("TRUNCATE event_log");
        log("message_sent", sent);
        log("message_failed", failed);
        log("message_dead_lettered", dead);
        log("message_failed", 50, "now() - interval '16 min'");
        BOOST_TEST(state("success rate, %") == expected, sent);
    }
    BOOST_TEST(db.query_value("SELECT value || '|' || warning_from || '|' || alert_from || '|' || "
                              "threshold FROM ops.health WHERE figure = "
                              "'success rate, %'") ==
               "89.0|95|90|ok above 95, alert below 90 from 20 attempts on");
}

BOOST_FIXTURE_TEST_CASE(the_processing_time_is_normal_below_500_ms_and_an_alert_above_2_s, Ops) {
    for (const auto& [ms, expected] : {std::pair{499, "ok"}, std::pair{501, "warning"},
                                       std::pair{1999, "warning"}, std::pair{2002, "alert"}}) {
        db.exec("TRUNCATE event_log, webhook_events");
        for (int number = 1; number <= 20; ++number) event(number, "now() - interval '1 min'");
        db.exec(
            fmt::format("INSERT INTO event_log (event_type, entity_type, correlation_id, "
                        "actor_type, created_at) SELECT 'webhook_received', "
                        "'message_in', correlation_id, 'system', (received_at + interval '{} ms') "
                        "AT TIME ZONE 'UTC' FROM webhook_events",
                        ms));
        BOOST_TEST(state("processing time p95, ms") == expected, ms);
    }
    // One slow webhook of a quiet night wakes nobody.
    db.exec("DELETE FROM webhook_events WHERE id = (SELECT max(id) FROM webhook_events)");
    BOOST_TEST(state("processing time p95, ms") == "warning");
    db.exec("UPDATE webhook_events SET received_at = received_at - interval '20 min'");
    BOOST_TEST(state("processing time p95, ms") == "ok");
}

BOOST_FIXTURE_TEST_CASE(what_waits_for_a_person_or_does_not_work_shows, Ops) {
    const auto is = [&](const std::string& figure) {
        return db.query_value(
            "SELECT value::float8 || ' ' || state FROM ops.health WHERE figure = '" + figure + "'");
    };
    add("m");
    lease("m", ", unknown_since", ", now()");
    add("old", ", held_reason", ", 'left'");
    db.exec("UPDATE messages_out SET status = 'unknown', held_reason = 'h'");  // one has a lease,
                                                                               // the other has none
    BOOST_TEST(is("unknown outcomes") == "2 warning");
    letter("l", "x", "no");
    BOOST_TEST(is("unresolved dead letters") == "1 warning");
    db.exec(
        "INSERT INTO outbox_scopes (scope, opened_at) VALUES ('provider', now()), "
        "('sender:+33700000001', NULL)");
    BOOST_TEST(is("open breakers") == "1 alert");
    // Wrong credentials that others have taken the place of stop nobody.
    db.exec(
        "UPDATE outbox_scopes SET scope = 'credentials:old', opened_at = now() - interval '5 min', "
        "probe_at = now() - interval '2 min' WHERE scope = 'provider'");
    BOOST_TEST(is("open breakers") == "1 alert");
    db.exec(
        "INSERT INTO outbox_scopes (scope, last_success_at) VALUES ('credentials:new', now() - "
        "interval '1 min')");
    BOOST_TEST(is("open breakers") == "0 ok");
    TEST_LINES(db.query_rows("SELECT scope, state FROM ops.breakers WHERE state <> 'closed'"),
               "credentials:old|replaced");
    db.exec(
        "UPDATE outbox_scopes SET probe_at = now() + interval '20 s' WHERE scope = "
        "'credentials:old'");
    BOOST_TEST(is("open breakers") == "1 alert");
    instance("i1", "sender");
    BOOST_TEST(is("silent instances") == "0 ok");
    db.exec("UPDATE instances SET heartbeat_at = now() - interval '31 s'");
    BOOST_TEST(is("silent instances") == "1 alert");
    BOOST_TEST(is("paused by people") == "0 ok");
    db.exec("SELECT ops.pause_sending('all', by => 'zoe')");
    BOOST_TEST(is("paused by people") == "1 warning");
    BOOST_TEST(
        db.query_value("SELECT advice ~ '^SELECT \\* FROM ops.pauses has them. The oldest is "
                       "by zoe, since .*: SELECT ops.resume_sending\\(\\), or pgcourier resume, "
                       "goes on$' FROM "
                       "ops.health WHERE figure = 'paused by people'") == "t");
    BOOST_TEST(db.query_value("SELECT threshold FROM ops.health WHERE figure = 'paused by "
                              "people'") == "warning from 1");
    db.exec("SELECT ops.resume_sending()");
    BOOST_TEST(is("unfinished migrations") == "0 ok");
    db.exec(
        "INSERT INTO pgcourier_migrations (name, checksum, origin) VALUES ('99990101000000_next', "
        "'', 'pgcourier');"
        "CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, "
        "rolled_back_at timestamptz);"
        "INSERT INTO _prisma_migrations VALUES ('20260101_half', NULL, NULL), ('20260102_whole', "
        "now(), NULL), ('20260103_back', NULL, now())");
    BOOST_TEST(is("unfinished migrations") == "2 alert");
    BOOST_TEST(
        db.query_value("SELECT advice FROM ops.health WHERE figure = 'unfinished migrations'") ==
        "pgcourier migrate status: 99990101000000_next, 20260101_half");
    for (int minutes : {1, 2}) {
        add(fmt::format("due{}", minutes));
        db.exec(
            fmt::format("UPDATE outbox_queue SET due_at = now() - interval '{} s'", minutes * 35));
        BOOST_TEST(state("oldest due message, s") == (minutes == 1 ? "warning" : "alert"));
    }
    BOOST_TEST(
        db.query_value("SELECT advice FROM ops.health WHERE figure = 'oldest due message, s'") ==
        "No sender is running: start pgcourier serve with the role sender");
}

BOOST_FIXTURE_TEST_CASE(the_oldest_snapshot_and_who_holds_it_show, Ops) {
    pg::Connection reader = db.connect("report");
    reader.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    // The time of a session's transaction is what it began with.
    reader.exec_script("SELECT pg_sleep(0.3)");
    BOOST_TEST(db.query_value("SELECT seconds >= 0.3 AND held_by LIKE 'pgcourier/report (pid %, "
                              "idle in transaction)' AND hidden = 0 FROM "
                              "ops.oldest_snapshot()") == "t");
    BOOST_TEST(db.query_value("SELECT value >= 0.3 AND advice LIKE '%pgcourier/report%' FROM "
                              "ops.health WHERE figure = 'oldest snapshot, s'") == "t");
    reader.exec_script("COMMIT");
    db.exec("BEGIN; CREATE TABLE other (id integer); COMMIT");
    BOOST_TEST(
        db.query_value("SELECT held_by IS NULL AND seconds = 0 FROM ops.oldest_snapshot()") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_notification_queue_that_fills_shows, Ops) {
    pg::Connection listener = connect_directly(db);
    listener.exec_script("LISTEN messages_out");
    listener.exec_script("BEGIN; SELECT 1");  // it does not read while its transaction is open
    BOOST_TEST(
        db.query_value("SELECT value = 0 FROM ops.health WHERE figure = 'notification queue, %'") ==
        "t");
    // The queue has 8 GB: 0.1 % of it are some thousand notifications of the largest kind.
    db.exec(
        "SELECT count(pg_notify('pgcourier_events', repeat('x', 7900) || g)) FROM "
        "generate_series(1, 1500) AS g");
    BOOST_TEST(
        db.query_value("SELECT value > 0 FROM ops.health WHERE figure = 'notification queue, %'") ==
        "t");
    BOOST_TEST(state("notification queue, %") == "ok");
}

// ---- ops.bloat
// --------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(numbers_in_words_are_masked_however_they_are_written_and_ids_are_not, Ops) {
    TEST_LINES(
        db.query_rows(
            "SELECT ops.masked_text(t) FROM unnest(ARRAY['ask +33612345678, or +33 6 12 34 56 78', "
            "'FR.13491208655302741918 said so', '33612345678-2', "
            "'To=whatsapp%3A%2B33612345678', '4512345678901234567']) AS t"),
        "ask +336…78, or +33 6… 78", "FR.134…18 said so", "336…78-2", "To=whatsapp%3A%2B336…78",
        "451…67");
    for (const char* words :
         {"twilio 63016 at 2026-11-25 10:00:00 UTC", "SM0123456789abcdef0123456789abcdef",
          "12345678-1234-4123-8123-123456789012", "HTTP 500, order 12345"})
        BOOST_TEST(db.query_value(fmt::format("SELECT ops.masked_text('{}')", words)) == words);
}

BOOST_FIXTURE_TEST_CASE(bloat_shows_sizes_and_dead_rows_of_each_table, Ops) {
    db.exec(
        "ALTER TABLE webhook_queue SET (autovacuum_enabled = off);"
        "INSERT INTO webhook_queue (id) SELECT generate_series(1, 30000); DELETE FROM "
        "webhook_queue WHERE id > 5000; "
        "SELECT pg_stat_force_next_flush()");
    TEST_LINES(db.query_rows("SELECT live_rows, dead_rows, dead_percent, state, table_bytes > 0, "
                             "index_bytes > 0 FROM ops.bloat WHERE "
                             "table_name = 'webhook_queue'"),
               "5000|25000|83.3|warning|t|t");
    // Every table that holds messages or work.
    TEST_LINES(db.query_rows(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = "
        "'public'::regnamespace AND c.relkind = 'r' AND "
        "c.relname NOT IN ('tenants', 'seller_phones', 'outbox_pauses', 'outbox_waits', "
        "'alert_watch', 'former_numbers', "
        "'alerts_open', 'alert_posts', 'retention_passes', 'erasures', 'receiving', "
        "'backfills', 'outbox_waits', "
        "'pgcourier_migrations') AND c.relname NOT IN "
        "(SELECT table_name FROM ops.bloat)"));
}

}  // namespace pgcourier
