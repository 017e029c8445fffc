// links: outbox
// What a status callback leaves alone: each case looks at all rows before and after.
#include "sql/outbox.hpp"
#include "support/crowd.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

struct Told : Crowd {
    Told() {
        connection.exec_script("SET lock_timeout = '2s'");
        callback("SM long ago", "delivered");
        exec("UPDATE delivery_events SET settled_at = '2026-01-01'");
    }

    /// All four first messages were sent, as `SM one.anna` ….
    void sent() const {
        conversations("sent");
        exec(
            "UPDATE messages_out SET provider_message_id = 'SM ' || tenant_id || '.' || \"to\", "
            "sent_from = '+33700000009', attempts = 1, calls = 1 WHERE seq < 20");
    }
    /// Another status, as if triggers had let it become that.
    void make(const std::string& message, const std::string& columns) const {
        exec("UPDATE messages_out SET " + columns + " WHERE id = '" + message + "'");
    }
    void callback(const std::string& sid, const std::string& status,
                  const std::string& message = "NULL", const std::string& code = "NULL",
                  const std::string& received = "now()", int event = 0) const {
        exec(fmt::format(
            "INSERT INTO delivery_events (provider_message_id, status, message_id, attempt, "
            "error_code, event_id, correlation_id, received_at) VALUES ('{}', '{}', {}, {}, {}, "
            "{}, "
            "'c', {})",
            sid, status, message == "NULL" ? message : "'" + message + "'",
            message == "NULL" ? "NULL" : "1", code, event, received));
    }
    /// returns  id of the message, verdict and the code of a failure that was news
    Texts settle(pg::Connection& session) const {
        Texts told;
        for (const pg::Row row : session.exec(
                 sql::outbox::settle_deliveries,
                 pg::Params{100, std::vector<std::int32_t>{63016, 63018}, Texts{"late", "fast"}}))
            told.push_back(fmt::format("{} {} {}", row.is_null(2) ? "-" : row.string(2),
                                       row.string(1), row.is_null(7) ? "-" : row.string(7)));
        return told;
    }
    Texts settle() { return settle(connection); }
    Texts settled() {
        return changed([&] { settle(); });
    }
    std::string column(const std::string& message, const std::string& name) const {
        return value(fmt::format("SELECT {} FROM messages_out WHERE id = '{}'", name, message));
    }
};

}  // namespace

#define TEST_TEXTS(found, ...) \
    BOOST_TEST((found) == (Texts{__VA_ARGS__}), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_CASE(a_callback_changes_its_message_and_no_other, Told) {
    sent();
    callback("SM one.anna", "delivered");
    TEST_CHANGED(settled(), "callback SM one.anna delivered", "event message_delivered one.anna.1",
                 "message one.anna.1");
}

BOOST_FIXTURE_TEST_CASE(of_a_batch_each_callback_is_about_its_own_message, Told) {
    sent();
    callback("SM one.anna", "delivered");
    callback("SM one.bert", "undelivered", "NULL", "63016");
    callback("SM two.anna", "undelivered", "NULL", "63018");
    callback("SM two.bert", "read");
    TEST_TEXTS(settle(), "one.anna.1 merges -", "one.bert.1 merges 63016",
               "two.anna.1 merges 63018", "two.bert.1 merges -");
    TEST_TEXTS(db.query_rows("SELECT id, delivery_status, last_error, delivered_at IS NOT NULL, "
                             "read_at IS NOT NULL, undelivered_at IS NOT NULL FROM messages_out "
                             "WHERE seq < 20 ORDER BY seq"),
               "one.anna.1|delivered||t|f|f", "one.bert.1|undelivered|twilio 63016: late|f|f|t",
               "two.anna.1|undelivered|twilio 63018: fast|f|f|t", "two.bert.1|read||t|t|f");
    TEST_TEXTS(
        db.query_rows("SELECT payload ->> 'message_out_id' FROM dead_letter_jobs ORDER BY 1"),
        "one.bert.1", "two.anna.1");
    TEST_TEXTS(db.query_rows("SELECT entity_id, event_type FROM event_log ORDER BY 1, 2"),
               "one.anna.1|message_delivered", "one.bert.1|message_dead_lettered",
               "one.bert.1|message_undelivered", "two.anna.1|message_dead_lettered",
               "two.anna.1|message_undelivered", "two.bert.1|message_delivered",
               "two.bert.1|message_read");
}

BOOST_FIXTURE_TEST_CASE(a_failure_that_is_told_again_is_no_news, Told) {
    sent();
    callback("SM one.anna", "undelivered", "NULL", "63018");
    TEST_TEXTS(settle(), "one.anna.1 merges 63018");
    callback("SM one.anna", "undelivered", "NULL", "63018");
    make("one.anna.1", "updated_at = '2026-01-01'");
    TEST_TEXTS(settle(), "one.anna.1 merges -");
    BOOST_TEST(column("one.anna.1", "updated_at::date") == "2026-01-01");  // nothing was written
}

BOOST_FIXTURE_TEST_CASE(a_state_that_nobody_knows_tells_that_it_was_sent_all_the_same, Told) {
    conversations("sending");
    callback("SM 1", "levitating", "one.anna.1");
    TEST_CHANGED(settled(), "callback SM 1 levitating", "event message_sent one.anna.1",
                 "lease one.anna", "message one.anna.1");
}

BOOST_FIXTURE_TEST_CASE(what_comes_too_late_in_a_batch_leaves_no_time_behind, Told) {
    sent();
    callback("SM one.anna", "undelivered", "NULL", "63016", "'2026-01-02'");
    callback("SM one.anna", "delivered", "NULL", "NULL", "'2026-01-01'");
    callback("SM one.anna", "failed", "NULL", "63018", "'2026-01-01'");
    callback("SM one.bert", "delivered", "NULL", "NULL", "'2026-01-02'");
    callback("SM one.bert", "undelivered", "NULL", "63016", "'2026-01-01'");
    callback("SM one.bert", "delivered", "NULL", "NULL", "'2026-01-01'");
    callback("SM two.anna", "read", "NULL", "NULL", "'2026-01-02'");
    callback("SM two.anna", "read", "NULL", "NULL", "'2026-01-01'");
    callback("SM two.bert", "undelivered", "NULL", "63016", "'2026-01-02'");
    callback("SM two.bert", "levitating", "NULL", "NULL", "'2026-01-02'");  // no state that we know
    settle();
    TEST_TEXTS(db.query_rows("SELECT id, delivery_status, error_code, delivered_at::date, "
                             "read_at::date, undelivered_at::date FROM messages_out WHERE seq < 20 "
                             "ORDER BY seq"),
               "one.anna.1|undelivered|63016|||2026-01-02", "one.bert.1|delivered||2026-01-02||",
               "two.anna.1|read||2026-01-02|2026-01-02|",
               "two.bert.1|undelivered|63016|||2026-01-02");
}

BOOST_FIXTURE_TEST_CASE(one_in_flight_that_is_settled_frees_its_own_lease, Told) {
    conversations("sending");
    callback("SM 1", "sent", "two.bert.1");
    TEST_CHANGED(settled(), "callback SM 1 sent", "event message_sent two.bert.1", "lease two.bert",
                 "message two.bert.1");
    BOOST_TEST(column("two.bert.1", "sent_from") == "+33700000002");
    // It is known by the callback, when that has it.
    exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", correlation_id) "
        "VALUES ('status:1', 'status', 'form', '', '{}', '+33700000007', 'c'), ('status:2', "
        "'status', 'form', '', '{}', '+33700000008', 'c')");
    callback("SM 2", "sent", "one.anna.1", "NULL", "now()", 2);
    settle();
    BOOST_TEST(column("one.anna.1", "sent_from") == "+33700000008");
}

// It was sent once before, as SM one.anna, and is being sent again.
BOOST_FIXTURE_TEST_CASE(a_callback_of_an_earlier_send_neither_frees_nor_dequeues_the_present_one,
                        Told) {
    conversations("sending");
    make("one.anna.1", "provider_message_id = 'SM one.anna'");
    callback("SM one.anna", "delivered");
    TEST_CHANGED(settled(), "callback SM one.anna delivered", "event message_delivered one.anna.1",
                 "message one.anna.1");
    make("one.anna.2", "provider_message_id = 'SM 2'");
    callback("SM 2", "delivered");
    TEST_CHANGED(settled(), "callback SM 2 delivered", "event message_delivered one.anna.2",
                 "message one.anna.2");
}

BOOST_FIXTURE_TEST_CASE(what_was_sent_after_all_leaves_the_queue_and_frees_no_lease_of_another,
                        Told) {
    conversations("sending");
    make("one.anna.2", "status = 'failed', calls = 1, attempts = 1");
    callback("SM 2", "sent", "one.anna.2");
    TEST_CHANGED(settled(), "callback SM 2 sent", "event delivery_contradicts one.anna.2",
                 "event message_sent one.anna.2", "message one.anna.2", "queue one.anna.2");
}

BOOST_FIXTURE_TEST_CASE(only_what_was_sent_after_all_resolves_its_letter, Told) {
    conversations("sending");
    make("one.anna.2", "status = 'dead', calls = 1");
    exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload, error_message, resolved_at) SELECT "
        "x.id, x.type, jsonb_build_object('message_out_id', x.message), 'x', x.resolved "
        "FROM (VALUES ('own', 'message_out', 'one.anna.2', NULL), ('old', 'message_out', "
        "'one.anna.2', timestamp '2026-01-01'), ('event', 'webhook_event', 'one.anna.2', NULL), "
        "('other', 'message_out', 'two.anna.2', NULL), ('told', 'message_out', 'two.bert.2', "
        "NULL)) "
        "AS x (id, type, message, resolved)");
    make("two.bert.2", "status = 'sent', provider_message_id = 'SM 3', calls = 1");
    callback("SM 2", "sent", "one.anna.2");
    callback("SM 3", "delivered");
    settle();
    TEST_TEXTS(db.query_rows("SELECT id, resolved_at < now() - interval '1 h' FROM "
                             "dead_letter_jobs WHERE resolved_at IS NOT NULL ORDER BY id"),
               "old|t", "own|f");
}

BOOST_FIXTURE_TEST_CASE(a_callback_that_contradicts_or_fits_nothing_is_only_written_down, Told) {
    sent();
    make("one.anna.1", "calls = 2");
    callback("SM other", "delivered", "one.anna.1");
    callback("SM nobody", "delivered", "NULL", "NULL", "now() - interval '6 min'");
    callback("SM soon", "delivered");
    TEST_CHANGED(settled(), "callback SM nobody delivered", "callback SM other delivered",
                 "callback SM soon delivered", "event delivery_contradicts one.anna.1");
    BOOST_TEST(value("SELECT count(*) FROM delivery_events WHERE settled_at IS NULL") == "1");
    // Until it is looked at again.
    exec(
        "UPDATE delivery_events SET look_again_at = now() + interval '1 min' WHERE settled_at IS "
        "NULL");
    TEST_CHANGED(settled(), );
    exec(
        "UPDATE delivery_events SET look_again_at = now() WHERE settled_at IS NULL OR "
        "provider_message_id = 'SM long ago'");
    TEST_CHANGED(settled(), "callback SM soon delivered");
}

BOOST_FIXTURE_TEST_CASE(what_is_told_of_an_erased_person_is_forgotten, Told) {
    sent();
    exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id) SELECT 'e' "
        "|| g, 'status', 'form', 'raw', '{}', 'c' FROM generate_series(1, 4) AS g");
    make("one.anna.1", "\"to\" = 'erased'");
    make("two.anna.1", "\"to\" = 'erased', status = 'sending', calls = 2, lease_token = 't'");
    callback("SM one.anna", "delivered", "NULL", "NULL", "now()", 1);
    callback("SM one.bert", "delivered", "NULL", "NULL", "now()", 2);
    // Of an attempt before the present one: it is looked at again when that is over.
    callback("SM x", "delivered", "two.anna.1", "NULL", "now()", 3);
    TEST_CHANGED(settled(), "callback SM one.anna delivered", "callback SM one.bert delivered",
                 "callback SM x delivered", "event message_delivered one.anna.1",
                 "event message_delivered one.bert.1", "message one.anna.1", "message one.bert.1",
                 "webhook e1");
}

BOOST_FIXTURE_TEST_CASE(only_what_the_callbacks_are_about_is_locked, Told) {
    sent();
    callback("SM one.anna", "delivered");
    pg::Transaction transaction{connection};
    settle();
    TEST_TEXTS(db.query_rows("SELECT id FROM messages_out WHERE seq < 20 ORDER BY seq FOR UPDATE "
                             "SKIP LOCKED"),
               "one.bert.1", "two.anna.1", "two.bert.1");
    // Another one meanwhile finds nothing to do, and waits for nobody.
    auto other = db.connect();
    other.exec_script("SET lock_timeout = '2s'");
    TEST_TEXTS(settle(other), );
}

BOOST_FIXTURE_TEST_CASE(callbacks_queue_rows_and_letters_that_somebody_has_locked_are_left, Told) {
    conversations("sending");
    make("one.anna.2", "status = 'dead', calls = 1");
    make("one.bert.2", "status = 'failed', calls = 1");
    exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload, error_message) VALUES ('own', "
        "'message_out', '{\"message_out_id\": \"one.anna.2\"}', 'x')");
    callback("SM 1", "sent", "one.anna.1");
    callback("SM 2", "sent", "one.anna.2");
    callback("SM 3", "sent", "one.bert.2");
    callback("SM 4", "sent", "two.bert.1");
    exec("UPDATE delivery_events SET look_again_at = now() WHERE provider_message_id = 'SM 4'");
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script(
        "SELECT FROM delivery_events WHERE provider_message_id IN ('SM 1', 'SM 4') FOR UPDATE; "
        "SELECT FROM dead_letter_jobs FOR UPDATE; SELECT FROM outbox_queue FOR UPDATE");
    TEST_CHANGED(settled(), "callback SM 2 sent", "callback SM 3 sent",
                 "event delivery_contradicts one.anna.2", "event delivery_contradicts one.bert.2",
                 "event message_sent one.anna.2", "event message_sent one.bert.2",
                 "message one.anna.2", "message one.bert.2");
}

// ---- What cannot be written

BOOST_FIXTURE_TEST_CASE(only_the_first_callbacks_that_would_be_taken_are_put_off, Told) {
    for (const char* sid : {"SM told", "SM later", "SM due", "SM due too", "SM fresh", "SM next"})
        callback(sid, "delivered");
    exec(
        "UPDATE delivery_events SET settled_at = now(), look_again_at = now() - interval '1 h' "
        "WHERE provider_message_id = 'SM told';"
        "UPDATE delivery_events SET look_again_at = now() + interval '1 h' WHERE "
        "provider_message_id = 'SM later';"
        "UPDATE delivery_events SET look_again_at = now() - interval '2 s' WHERE "
        "provider_message_id = 'SM due';"
        "UPDATE delivery_events SET look_again_at = now() - interval '1 s' WHERE "
        "provider_message_id = 'SM due too'");
    const auto put_off = [&] {
        return changed([&] { connection.exec(sql::outbox::postpone_deliveries); });
    };
    TEST_CHANGED(put_off(), "callback SM due delivered", "callback SM fresh delivered");

    pg::Connection person = db.connect("person");
    const pg::Transaction transaction{person};
    person.exec_script(
        "SELECT FROM delivery_events WHERE provider_message_id IN ('SM due too', 'SM next') FOR "
        "UPDATE");
    TEST_CHANGED(put_off(), );
}

BOOST_FIXTURE_TEST_CASE(what_was_sent_before_a_pause_moves_the_probe_of_its_own_number, Told) {
    exec(
        "DELETE FROM outbox_scopes;"
        "INSERT INTO outbox_scopes (scope, opened_at, probe_at, error_code) SELECT 'sender:' || n, "
        "now() - interval '1 min', now(), 1 FROM unnest(ARRAY['+33700000001', '+33700000002']) AS "
        "n");
    const auto told = [&](std::int64_t sent_ago_ms) {
        connection.exec(sql::outbox::open_sender_scope,
                        pg::Params{"+33700000001", 2, "reason", 10'000, sent_ago_ms});
        return db.query_rows(
            "SELECT scope, error_code, probes, round(extract(epoch FROM probe_at - now()) / 10) "
            "FROM outbox_scopes ORDER BY scope");
    };
    TEST_TEXTS(told(120'000), "sender:+33700000001|2|0|1", "sender:+33700000002|1|0|0");
    TEST_TEXTS(told(1'000), "sender:+33700000001|2|1|6", "sender:+33700000002|1|0|0");
}
