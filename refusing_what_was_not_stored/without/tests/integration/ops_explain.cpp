// links: pg
// ops.explain: one sentence for each state that a message can be in, and each thing that can hold
// it up.
#include "support/test_database.hpp"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <regex>

namespace pgcourier {
namespace {

using test::TestDatabase;

constexpr const char* kAnna = "+33612345678";
constexpr const char* kSid = "SM00000000000000000000000000000001";

struct Explained {
    TestDatabase db;
    Explained() {
        db.exec(
            "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('shop', 'Shop', "
            "'+33700000001');ALTER TABLE messages_out DISABLE TRIGGER pgcourier_guard");
    }

    void run_everything() const {
        db.exec(
            "INSERT INTO instances (id, host, pid, version, roles) VALUES ('i1', 'paris', 7, '1', "
            "'webhook,router,sender')");
    }
    /// A message to Anna. columns  further ones and their values, as `, send_at` and `, now()`
    void add(const std::string& id, const std::string& columns = "",
             const std::string& values = "") const {
        db.exec(
            fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body, correlation_id{}) "
                        "VALUES ('{}', 'shop', '{}', 'Words that nobody may read', 'c-{}'{})",
                        columns, id, kAnna, id, values));
    }
    void set(const std::string& id, const std::string& values) const {
        db.exec(fmt::format("UPDATE messages_out SET {} WHERE id = '{}'", values, id));
    }
    /// As a claim leaves it.
    void lease(const std::string& id, const std::string& columns = "",
               const std::string& values = "") const {
        set(id, "status = 'sending', attempts = attempts + 1, lease_token = 't'");
        db.exec(fmt::format(
            "DELETE FROM outbox_queue WHERE message_id = '{0}'; INSERT INTO outbox_leases "
            "(tenant_id, recipient, seq, message_id, token, attempt, instance_id, claimed_at, "
            "expires_at{1}) SELECT tenant_id, \"to\", seq, id, 't', attempts, 'i1', now() - "
            "interval '3 s', now() + interval '27 s'{2} FROM messages_out WHERE id = '{0}'",
            id, columns, values));
    }
    /// As a refused attempt leaves it.
    void fail(const std::string& id, int attempts) const {
        set(id, fmt::format("status = 'failed', attempts = {}, last_error = 'twilio 63010: no, for "
                            "+33612345678'",
                            attempts));
        db.exec(
            fmt::format("UPDATE outbox_queue SET is_retry = true, due_at = now() + interval '8 s' "
                        "WHERE message_id = '{}'",
                        id));
    }
    void scope(const std::string& scope, const std::string& columns,
               const std::string& values) const {
        db.exec(fmt::format("INSERT INTO outbox_scopes (scope, {}) VALUES ('{}', {})", columns,
                            scope, values));
    }

    /// Its sentence; times as T, so that it can be compared, spans within them as they are too
    /// short to change.
    std::string said(const std::string& id) const {
        std::string words = db.query_value("SELECT ops.explain('" + id + "')");
        BOOST_TEST(words.find("612345678") == std::string::npos, words);
        BOOST_TEST(words.find("nobody may read") == std::string::npos, words);
        BOOST_TEST(words.ends_with('.'), words);
        words = std::regex_replace(
            words, std::regex{R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in [^)]*\))"}, "FUTURE");
        return std::regex_replace(
            words, std::regex{R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \([^)]* ago\))"}, "PAST");
    }
};

constexpr const char* kSoon = "; a sender takes it at its next look, within seconds.";

}  // namespace

// ---- Outgoing, waiting
// ------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(an_id_that_nobody_knows_or_that_is_not_committed, Explained) {
    run_everything();
    pg::Connection writer = db.connect();
    {
        pg::Transaction transaction{writer};
        writer.exec_script(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('m', 'shop', "
            "'+33612345678', 'x')");
        BOOST_TEST(said("m") ==
                   "Nothing is known of m: its INSERT is not committed or was rolled back, it is "
                   "no longer kept (RETENTION_DAYS), or the id is another one.");
        BOOST_TEST(db.query_value("SELECT is_known FROM ops.explanation('m')") == "f");
        transaction.commit();
    }
    BOOST_TEST(said("m") == std::string{"Message m is due since PAST"} + kSoon);
    BOOST_TEST(db.query_value("SELECT is_known FROM ops.explanation('m')") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_number_is_no_message, Explained) {
    for (const char* number : {"+33612345678", "whatsapp:+33612345678"})
        BOOST_TEST(said(number) ==
                   "+336…78 is a person or a shop, and no message: ops.messages_of(…), or "
                   "pgcourier show, lists what came from there and went there.");
    BOOST_TEST(said("FR.1349234") ==
               "FR.… is a person or a shop, and no message: ops.messages_of(…), or pgcourier "
               "show, lists what came from there and went there.");
}

BOOST_FIXTURE_TEST_CASE(a_due_message_without_a_sender_says_so, Explained) {
    add("m");
    BOOST_TEST(said("m") ==
               "Message m is due since PAST; but no sender is running, start pgcourier serve with "
               "the role sender.");
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES ('r', 'h', 1, '1', "
        "'webhook,router')");
    BOOST_TEST(said("m").find("no sender is running") != std::string::npos);
    run_everything();
    BOOST_TEST(said("m") == std::string{"Message m is due since PAST"} + kSoon);
    db.exec("UPDATE instances SET heartbeat_at = now() - interval '31 s'");
    BOOST_TEST(said("m").find("no sender is running") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_message_behind_others_of_its_tenant_says_behind_how_many, Explained) {
    run_everything();
    db.exec(
        "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT 'shop', '+3360000000' || g, 'x' "
        "FROM generate_series(1, 3) AS g");
    add("m");
    BOOST_TEST(said("m") ==
               std::string{"Message m is due since PAST, behind 3 of its tenant"} + kSoon);
}

BOOST_FIXTURE_TEST_CASE(a_scheduled_message_says_when_it_is_due_and_when_it_expires, Explained) {
    run_everything();
    add("m", ", send_at, expires_at", ", now() + interval '1 h', now() + interval '2 h'");
    BOOST_TEST(said("m") ==
               "Message m is scheduled: it is due at FUTURE; it expires unsent at FUTURE.");
}

BOOST_FIXTURE_TEST_CASE(a_failed_message_says_why_and_when_the_next_attempt_is, Explained) {
    run_everything();
    add("m");
    fail("m", 2);
    BOOST_TEST(said("m") ==
               "Message m was surely not sent at attempt 2 (twilio 63010: no, for +336…78), and "
               "attempt 3 is due at FUTURE.");
}

BOOST_FIXTURE_TEST_CASE(a_message_that_was_put_back_says_why, Explained) {
    run_everything();
    add("m");
    set("m", "last_error = 'twilio 20429: too many requests'");
    db.exec("UPDATE outbox_queue SET is_retry = true, due_at = now() + interval '4 s'");
    BOOST_TEST(said("m") ==
               "Message m is due at FUTURE, put back without using an attempt: twilio 20429: too "
               "many requests.");
}

BOOST_FIXTURE_TEST_CASE(a_message_behind_an_earlier_one_of_the_person_says_what_that_one_waits_for,
                        Explained) {
    run_everything();
    add("first");
    add("second");
    add("third");
    fail("first", 1);
    for (const char* id : {"second", "third"}) {
        BOOST_TEST(
            said(id) ==
            fmt::format("Message {} waits behind message first to the same person, which was "
                        "surely not sent at attempt 1 (twilio 63010: no, for +336…78), and attempt "
                        "2 is due at FUTURE; it goes as soon as that one is sent or given up.",
                        id));
    }
    // What is scheduled for later holds up nobody.
    db.exec("DELETE FROM messages_out");
    add("later", ", send_at", ", now() + interval '1 h'");
    add("now");
    BOOST_TEST(said("now") == std::string{"Message now is due since PAST"} + kSoon);
}

BOOST_FIXTURE_TEST_CASE(a_message_behind_one_in_flight_says_who_has_that_one, Explained) {
    run_everything();
    add("first");
    add("second");
    lease("first");
    BOOST_TEST(said("first") ==
               "Message first is being sent at this moment: attempt 1, taken at PAST by instance "
               "i1 (pid 7 on paris); its lease lasts until FUTURE.");
    BOOST_TEST(said("second") ==
               "Message second waits behind message first to the same person, which is being sent "
               "at this moment: attempt 1, taken at PAST by instance i1 (pid 7 on paris); its "
               "lease lasts until FUTURE; it goes as soon as that one is settled.");
    db.exec("UPDATE outbox_leases SET expires_at = now() - interval '1 s'; DELETE FROM instances");
    BOOST_TEST(said("first") ==
               "Message first is being sent at this moment: attempt 1, taken at PAST by instance "
               "i1, which is gone; its lease has ended, and its outcome will be found out as soon "
               "as a sender sweeps it.");
}

BOOST_FIXTURE_TEST_CASE(a_paused_message_says_by_whom_since_when_why_and_how_to_go_on, Explained) {
    run_everything();
    add("m");
    db.exec("SELECT ops.pause_sending('tenant', 'shop', 'unpaid, ask +33612345678')");
    BOOST_TEST(
        said("m") ==
        "Message m is due since PAST; but postgres paused sending of this tenant at PAST, saying: "
        "unpaid, ask +336…78, and SELECT ops.resume_sending('tenant', 'shop') goes on.");
    db.exec(
        "SELECT ops.resume_sending('tenant', 'shop'); SELECT ops.pause_sending('sender', "
        "'+33700000001')");
    BOOST_TEST(said("m") ==
               "Message m is due since PAST; but postgres paused sending from its number at PAST, "
               "and SELECT ops.resume_sending('sender', number) goes on.");
    db.exec("SELECT ops.resume_sending('sender', '+33700000001'); SELECT ops.pause_sending()");
    BOOST_TEST(said("m") ==
               "Message m is due since PAST; but postgres paused sending of all at PAST, and "
               "SELECT ops.resume_sending() goes on.");
}

BOOST_FIXTURE_TEST_CASE(a_pause_of_somebody_else_is_none_of_its, Explained) {
    run_everything();
    db.exec(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('other', 'Other', "
        "'+33700000002');SELECT ops.pause_sending('tenant', 'other'); SELECT "
        "ops.pause_sending('sender', '+33700000002')");
    scope("sender:+33700000002", "opened_at, probe_at", "now(), now()");
    add("m");
    BOOST_TEST(said("m") == std::string{"Message m is due since PAST"} + kSoon);
}

BOOST_FIXTURE_TEST_CASE(an_open_breaker_says_since_when_why_and_when_it_is_probed, Explained) {
    run_everything();
    add("m");
    scope("provider", "opened_at, probe_at, reason",
          "now() - interval '5 min', now() + interval '1 min', 'twilio 500 three times'");
    BOOST_TEST(said("m") ==
               "Message m is due since PAST; but the breaker of the provider is open since PAST by "
               "twilio 500 three times, and the next probe is at FUTURE.");
    db.exec("DELETE FROM outbox_scopes");
    scope("sender:+33700000001", "opened_at, probe_at, reason",
          "now() - interval '5 min', now() - interval '1 s', 'twilio 63007: no such sender'");
    scope("credentials:ab", "opened_at, probe_at, reason",
          "now() - interval '1 min', now() + interval '9 min', 'twilio 20003: not authorised'");
    BOOST_TEST(
        said("m") ==
        "Message m is due since PAST; but the breaker of its number is open since PAST by twilio "
        "63007: no such sender, and the next probe is due; the breaker of the credentials is open "
        "since PAST by twilio 20003: not authorised, and the next probe is at FUTURE.");
}

BOOST_FIXTURE_TEST_CASE(a_rate_and_a_slow_start_are_named, Explained) {
    run_everything();
    add("m");
    scope("sender:+33700000001", "calls, next_start_at", "1024, now() + interval '1 h'");
    BOOST_TEST(said("m") ==
               "Message m is due since PAST; but its number sends as fast as "
               "OUTBOX_RATE_PER_SENDER lets it, and may start its next call in 59 min.");
    db.exec("UPDATE outbox_scopes SET calls = 4, next_start_at = now()");
    BOOST_TEST(said("m") ==
               "Message m is due since PAST; but its number has just begun or failed, so that only "
               "4 at a time may be in flight; the number doubles with each success.");
}

BOOST_FIXTURE_TEST_CASE(an_unknown_outcome_says_when_it_is_looked_up_or_who_decides, Explained) {
    run_everything();
    add("m");
    lease("m", ", unknown_since", ", now()");
    set("m", "status = 'unknown', last_error = 'no answer within 10 s'");
    BOOST_TEST(said("m") ==
               "Message m may have been sent: the outcome of attempt 1 is unknown since PAST: no "
               "answer within 10 s; a callback settles it, else Twilio's list, which is looked at "
               "next at FUTURE.");
    db.exec("UPDATE outbox_leases SET look_at = now() - interval '1 s', look_failures = 2");
    BOOST_TEST(said("m") ==
               "Message m may have been sent: the outcome of attempt 1 is unknown since PAST: no "
               "answer within 10 s; a callback settles it, else Twilio's list, which is looked at "
               "as soon as a sender is at it (it did not answer 2 times).");
    db.exec("UPDATE outbox_leases SET look_at = 'infinity'");
    set("m", "held_reason = 'it may have been sent, and OUTBOX_UNKNOWN_POLICY is hold'");
    BOOST_TEST(said("m") ==
               "Message m may have been sent: the outcome of attempt 1 is unknown since PAST: no "
               "answer within 10 s; it is held for a person (it may have been sent, and "
               "OUTBOX_UNKNOWN_POLICY is hold): SELECT ops.settle_unknown('m', true) when Twilio's "
               "console shows it, else with false.");
    add("next");
    BOOST_TEST(said("next").starts_with(
        "Message next waits behind message m to the same person, which may have been sent"));
}

BOOST_FIXTURE_TEST_CASE(a_held_message_says_how_to_release_it, Explained) {
    db.exec(
        "INSERT INTO messages_out (id, tenant_id, \"to\", body, held_reason) VALUES ('m', 'shop', "
        "'+33612345678', 'x', 'SnapSell had left it unsent for more than an hour')");
    BOOST_TEST(
        said("m") ==
        "Message m is held for a person (SnapSell had left it unsent for more than an hour): "
        "SELECT ops.release_message('m') sends it, SELECT ops.cancel_message('m') does not.");
}

BOOST_FIXTURE_TEST_CASE(what_should_not_be_is_said_too, Explained) {
    add("m");
    db.exec("DELETE FROM outbox_queue");
    BOOST_TEST(said("m").find("not in the queue, so that nobody sends it, which should not be") !=
               std::string::npos);
    set("m", "status = 'sending'");
    BOOST_TEST(said("m").find("is sending and has no lease, which should not be") !=
               std::string::npos);
}

// ---- Outgoing, finished
// -----------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_sent_message_says_from_where_as_what_and_what_twilio_told_since,
                        Explained) {
    add("m", ", status, attempts, provider_message_id, sent_from, sent_at",
        fmt::format(", 'sent', 1, '{}', '+33700000001', now() - interval '1 min'", kSid));
    const std::string sent = fmt::format("Message m was sent at PAST from +337…01 as {}; ", kSid);
    BOOST_TEST(said("m") == sent + "Twilio has not told yet what became of it.");
    set("m", "delivery_status = 'queued'");
    BOOST_TEST(said("m") == sent + "the last that Twilio told of it is queued.");
    set("m", "delivery_status = 'delivered', delivered_at = now()");
    BOOST_TEST(said("m") == sent + "it was delivered at PAST.");
    set("m", "delivery_status = 'read', read_at = now()");
    BOOST_TEST(said("m") == sent + "it was read at PAST.");
    set("m",
        "delivered_at = NULL, read_at = NULL, undelivered_at = now(), last_error = 'twilio 63016: "
        "outside the window'");
    BOOST_TEST(said("m") == sent +
                                "but it could not be delivered, as Twilio told at PAST: twilio "
                                "63016: outside the window.");
    db.exec(
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload) VALUES ('letter', 'shop', "
        "'message_out', '{\"message_out_id\": \"m\"}')");
    BOOST_TEST(said("m") ==
               sent +
                   "but it could not be delivered, as Twilio told at PAST: twilio 63016: outside "
                   "the window; SELECT ops.retry_dead_letter('letter') writes it once more.");
    for (const char* id : {kSid, "c-m", "letter"}) BOOST_TEST(said(id) == said("m"));
}

BOOST_FIXTURE_TEST_CASE(a_dead_letter_says_how_to_retry_it_or_that_it_was_discarded, Explained) {
    add("m", ", status, attempts, last_error", ", 'dead', 5, 'twilio 63010: no'");
    db.exec(
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload) VALUES ('letter', 'shop', "
        "'message_out', '{\"message_out_id\": \"m\"}')");
    const std::string given_up =
        "Message m was given up at PAST after 5 attempts: twilio 63010: no; ";
    BOOST_TEST(said("m") == given_up +
                                "nothing more happens unless a person retries it: SELECT "
                                "ops.retry_dead_letter('letter').");
    db.exec("SELECT ops.discard_dead_letter('letter')");
    BOOST_TEST(said("m") == given_up + "its dead letter was discarded.");
}

BOOST_FIXTURE_TEST_CASE(blocked_expired_and_canceled_messages_say_that_they_are_not_sent_any_more,
                        Explained) {
    add("blocked", ", status", ", 'blocked'");
    BOOST_TEST(said("blocked") ==
               "Message blocked was blocked at PAST, since its recipient said STOP to this shop; "
               "it is never sent, also not after a START.");
    add("expired", ", status, expires_at, attempts", ", 'expired', now() - interval '1 min', 2");
    BOOST_TEST(said("expired") ==
               "Message expired expired at PAST: it was not sent before its expires_at, and is not "
               "sent any more (after 2 attempts).");
    add("canceled");
    db.exec("SELECT ops.cancel_message('canceled', 'the order is off')");
    BOOST_TEST(said("canceled") ==
               "Message canceled was taken back at PAST, saying: the order is off; it is not sent "
               "any more.");
}

BOOST_FIXTURE_TEST_CASE(of_a_correlation_the_first_message_that_is_not_finished_is_explained,
                        Explained) {
    run_everything();
    add("a", ", status", ", 'sent'");
    add("b");
    add("c");
    db.exec("UPDATE messages_out SET correlation_id = 'order 12'");
    BOOST_TEST(said("order 12").starts_with("Message b is due"));
    db.exec("SELECT ops.cancel_message(id) FROM messages_out WHERE status = 'pending'");
    BOOST_TEST(said("order 12").starts_with("Message c was taken back"));
}

BOOST_FIXTURE_TEST_CASE(a_correlation_of_very_many_messages_is_not_read_whole, Explained) {
    run_everything();
    add("a", ", status", ", 'sent'");
    db.exec(
        "INSERT INTO messages_out (tenant_id, \"to\", body, status, correlation_id) SELECT "
        "tenant_id, \"to\", 'x', 'sent', 'campaign' FROM messages_out, generate_series(1, 15000)");
    pg::Connection connection = db.connect();
    connection.exec_script("BEGIN");
    BOOST_TEST(connection.exec_script("SELECT ops.explain('campaign')")[0].string(0).starts_with(
        "Message "));
    const std::int64_t read =
        connection
            .exec_script(
                "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM "
                "pg_stat_xact_user_tables WHERE relname = 'messages_out'")[0]
            .int64(0);
    BOOST_TEST(read >= 10'000);
    BOOST_TEST(read < 11'000);
}

// ---- Incoming
// ---------------------------------------------------------------------------------------------------

namespace {

struct Received : Explained {
    Received() {
        db.exec(
            fmt::format("INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", "
                        "\"to\", correlation_id) VALUES ('msg:{}', 'inbound', 'form', '', '{{}}', "
                        "'+33612345678', '+33700000009', 'c-in')",
                        kSid));
    }
    void queue(const std::string& columns = "", const std::string& values = "") const {
        db.exec(fmt::format("INSERT INTO webhook_queue (id{}) SELECT id{} FROM webhook_events",
                            columns, values));
    }
    void store(const std::string& tenant) const {
        db.exec(
            fmt::format("INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", "
                        "\"to\", body, message_type, correlation_id, event_id) SELECT 'in', {}, "
                        "'{}', '+33612345678', '+33700000009', 'Words that nobody may read', "
                        "'client', 'c-in', id FROM webhook_events",
                        tenant, kSid));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_event_that_waits_says_for_what, Received) {
    queue();
    for (const char* id : {kSid, "c-in", "1"}) {
        BOOST_TEST(said(id) ==
                   "Event 1 (inbound) was received at PAST and waits to be routed; no router is "
                   "running, start pgcourier serve with the role router.");
    }
    run_everything();
    BOOST_TEST(said(kSid) ==
               "Event 1 (inbound) was received at PAST and waits to be routed; a router takes it "
               "at its next look, within seconds.");
    db.exec("UPDATE webhook_queue SET attempts = 2, due_at = now() + interval '4 s'");
    BOOST_TEST(said(kSid) ==
               "Event 1 (inbound) was received at PAST and waits to be routed after 2 attempts; "
               "its next attempt is at FUTURE.");
    db.exec("UPDATE webhook_queue SET attempts = 0, is_postponed = true");
    BOOST_TEST(said(kSid) ==
               "Event 1 (inbound) was received at PAST and waits to be routed, since somebody else "
               "has a row of its tenant locked; its next attempt is at FUTURE.");
    db.exec(
        "DELETE FROM webhook_queue; INSERT INTO dead_letter_jobs (id, job_type, payload, attempts, "
        "error_message) VALUES ('letter', 'webhook_event', '{\"webhook_event_id\": 1}', 3, "
        "'poison')");
    for (const char* id : {kSid, "letter"}) {
        BOOST_TEST(said(id) ==
                   "Event 1 (inbound) was received at PAST and could not be routed in 3 attempts: "
                   "poison; nothing more happens unless a person retries it: SELECT "
                   "ops.retry_dead_letter('letter').");
    }
}

BOOST_FIXTURE_TEST_CASE(an_incoming_message_says_whether_the_shop_has_handled_it, Received) {
    store("'shop'");
    for (const char* id : {"in", kSid}) {
        BOOST_TEST(said(id) ==
                   "Message in in was received at PAST from a client of tenant shop; the shop has "
                   "not handled it yet (handled_at is NULL).");
    }
    db.exec("UPDATE messages_in SET handled_at = now()");
    BOOST_TEST(said("in") ==
               "Message in in was received at PAST from a client of tenant shop; the shop has "
               "handled it at PAST.");
}

BOOST_FIXTURE_TEST_CASE(an_unrouted_message_says_whose_number_it_waits_for, Received) {
    store("NULL");
    db.exec("UPDATE messages_in SET message_type = NULL");
    BOOST_TEST(said("in") ==
               "Message in in was received at PAST and is unrouted: no tenant has the number "
               "+337…09; it is routed by itself as soon as one gets it.");
    db.exec(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES ('late', 'Late', "
        "'+33700000009')");
    BOOST_TEST(said("in") ==
               "Message in in was received at PAST and is unrouted: tenant late has its number by "
               "now, and it is being routed again.");
    db.exec("DELETE FROM webhook_queue");
    BOOST_TEST(said("in") ==
               "Message in in was received at PAST and is unrouted: tenant late has its number by "
               "now; SELECT ops.reroute(event => 1) routes it again.");
    db.exec("DELETE FROM webhook_events");
    BOOST_TEST(said("in") ==
               "Message in in was received at PAST and is unrouted: no tenant had the number "
               "+337…09, and its event is no longer kept (RETENTION_DAYS).");
}

}  // namespace pgcourier
