// links: outbox
// What looks at Twilio's list leave alone, and what else goes over the messages that wait: each
// case looks at all rows before and after.
#include "outbox/expiry.hpp"
#include "outbox/look_store.hpp"
#include "sql/outbox.hpp"
#include "support/crowd.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using outbox::LookAct;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

struct Unknown : Crowd {
    Unknown() {
        conversations("unknown");
        connection.exec_script("SET lock_timeout = '5s'");
    }

    std::vector<outbox::Look> looks(std::chrono::milliseconds first = 0ms) {
        return outbox::claim_looks(connection, 100, first, 1min);
    }
    static Texts ids_of(const std::vector<outbox::Look>& looks) {
        Texts ids;
        for (const outbox::Look& look : looks) ids.push_back(look.id.value);
        return ids;
    }
    /// All four looks came to this, of which only the first is ours to write by then.
    Texts settled(const std::vector<outbox::Look>& looks, LookAct act) {
        std::vector<outbox::LookResult> results;
        for (const outbox::Look& look : looks)
            results.push_back({look,
                               {.act = act,
                                .sid = act == LookAct::sent ? "SM " + look.id.value : "",
                                .reason = "test",
                                .wait = 1min}});
        return changed([&] {
            std::vector<pg::Call> calls{{sql::outbox::plan_by_index}};
            pg::Transaction transaction{connection};
            connection.pipeline(calls);
            outbox::settle_looks(transaction, results, "list");
        });
    }
    void lease_of(const std::string& message, const std::string& columns) const {
        exec("UPDATE outbox_leases SET " + columns + " WHERE message_id = '" + message + "'");
    }
    void make(const std::string& message, const std::string& columns) const {
        exec("UPDATE messages_out SET " + columns + " WHERE id = '" + message + "'");
    }
};

}  // namespace

#define TEST_TEXTS(found, ...) \
    BOOST_TEST((found) == (Texts{__VA_ARGS__}), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_CASE(only_looks_that_are_due_are_taken, Unknown) {
    lease_of("one.bert.1", "look_at = now() + interval '1 h'");
    lease_of("two.anna.1", "look_at = NULL, claimed_at = now() - interval '10 s'");
    lease_of("two.bert.1", "unknown_since = NULL");
    TEST_CHANGED(changed([&] { TEST_TEXTS(ids_of(looks(1min)), "one.anna.1"); }), "lease one.anna");
    TEST_CHANGED(changed([&] { TEST_TEXTS(ids_of(looks(5s)), "two.anna.1"); }), "lease two.anna");
}

BOOST_FIXTURE_TEST_CASE(nobody_looks_for_what_is_settled, Unknown) {
    make("one.bert.1", "status = 'sent'");
    make("two.anna.1", "lease_token = 'another'");
    TEST_TEXTS(ids_of(looks()), "one.anna.1", "two.bert.1");
}

BOOST_FIXTURE_TEST_CASE(two_that_look_at_once_wait_for_nobody_and_take_different_ones, Unknown) {
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script("SELECT FROM outbox_leases WHERE tenant_id = 'two' FOR UPDATE");
    TEST_TEXTS(ids_of(looks()), "one.anna.1", "one.bert.1");
}

BOOST_FIXTURE_TEST_CASE(a_look_writes_back_what_is_still_its_and_nothing_else, Unknown) {
    for (const LookAct act : {LookAct::sent, LookAct::failed, LookAct::dead, LookAct::held}) {
        BOOST_TEST_CONTEXT(static_cast<int>(act)) {
            exec(
                "DELETE FROM messages_out; DELETE FROM outbox_leases; DELETE FROM outbox_queue; "
                "DELETE FROM event_log; DELETE FROM dead_letter_jobs");
            conversations("unknown");
            const auto taken = looks();
            lease_of("one.bert.1", "look_at = now()");
            lease_of("two.anna.1", "token = 'another'");
            make("two.bert.1", "status = 'sending'");
            Texts names = settled(taken, act);
            // Each conversation's next one is looked at again, which changes nothing that counts.
            std::erase_if(names, [](const std::string& name) { return name.ends_with(".2"); });
            BOOST_TEST(value("SELECT count(*) FROM outbox_leases") ==
                       (act == LookAct::held ? "4" : "3"));
            if (act == LookAct::sent)
                TEST_CHANGED(names, "event message_sent one.anna.1", "lease one.anna",
                             "message one.anna.1");
            if (act == LookAct::failed)
                TEST_CHANGED(names, "event message_failed one.anna.1", "lease one.anna",
                             "message one.anna.1", "queue one.anna.1");
            if (act == LookAct::dead)
                TEST_CHANGED(names, "event message_dead_lettered one.anna.1", "lease one.anna",
                             "letter one.anna.1", "message one.anna.1");
            if (act == LookAct::held)
                TEST_CHANGED(names, "event message_held one.anna.1", "lease one.anna",
                             "message one.anna.1");
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_look_that_goes_on_changes_its_lease_alone, Unknown) {
    for (const LookAct act : {LookAct::next_look, LookAct::retry_look}) {
        exec("UPDATE outbox_leases SET look_at = now()");
        auto taken = looks();
        taken.resize(1);
        TEST_CHANGED(settled(taken, act), "lease one.anna");
    }
    TEST_TEXTS(db.query_rows("SELECT looks, look_failures FROM outbox_leases ORDER BY seq"), "1|1",
               "0|0", "0|0", "0|0");
}

BOOST_FIXTURE_TEST_CASE(a_look_writes_nothing_back_to_a_message_with_another_token, Unknown) {
    auto taken = looks();
    taken.resize(1);
    make("one.anna.1", "lease_token = 'another'");
    Texts names = settled(taken, LookAct::failed);
    std::erase_if(names, [](const std::string& name) { return name.ends_with(".2"); });
    TEST_CHANGED(names, );
}

// By a callback, or a person.
BOOST_FIXTURE_TEST_CASE(a_look_writes_nothing_back_to_what_is_settled_at_the_same_time, Unknown) {
    auto taken = looks();
    taken.resize(1);
    pg::Connection other = db.connect();
    other.exec_script(
        "BEGIN; SET LOCAL session_replication_role = replica; "
        "UPDATE messages_out SET status = 'sent', lease_token = NULL WHERE id = 'one.anna.1'");
    settled(taken, LookAct::failed);
    other.exec_script("COMMIT");
    settled(taken, LookAct::failed);
    BOOST_TEST(value("SELECT status FROM messages_out WHERE id = 'one.anna.1'") == "sent");
    BOOST_TEST(value("SELECT count(*) FROM outbox_queue WHERE message_id = 'one.anna.1'") == "0");
}

BOOST_FIXTURE_TEST_CASE(a_look_that_is_overtaken_at_the_same_time_writes_nothing_back, Unknown) {
    auto taken = looks();
    taken.resize(1);
    beside("UPDATE outbox_leases SET look_at = now() WHERE message_id = 'one.anna.1'",
           [&] { settled(taken, LookAct::failed); });
    BOOST_TEST(value("SELECT status FROM messages_out WHERE id = 'one.anna.1'") == "unknown");
    BOOST_TEST(value("SELECT count(*) FROM outbox_leases") == "4");
}

// The breaker of another number says nothing of this one.
BOOST_FIXTURE_TEST_CASE(an_outage_is_one_of_the_provider_or_of_the_number_it_was_sent_from,
                        Unknown) {
    exec(
        "INSERT INTO outbox_scopes (scope, opened_at) VALUES ('provider', NULL), "
        "('sender:+33700000001', NULL), ('sender:+33700000002', now())");
    settled(looks(), LookAct::failed);
    TEST_TEXTS(db.query_rows(
                   "SELECT id, attempts, deferrals FROM messages_out WHERE seq < 20 ORDER BY seq"),
               "one.anna.1|1|0", "one.bert.1|1|0", "two.anna.1|0|1", "two.bert.1|0|1");
}

BOOST_FIXTURE_TEST_CASE(writing_a_look_back_waits_for_nothing_of_another_message, Unknown) {
    auto taken = looks();
    taken.resize(1);
    // As if all had been taken in the same microsecond.
    exec(
        "UPDATE outbox_leases SET look_at = (SELECT l.look_at FROM outbox_leases AS l WHERE "
        "l.message_id = 'one.anna.1')");
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script(
        "SELECT FROM messages_out WHERE id <> 'one.anna.1' FOR UPDATE; "
        "SELECT FROM outbox_leases WHERE message_id <> 'one.anna.1' FOR UPDATE");
    TEST_CHANGED(settled(taken, LookAct::sent), "event message_sent one.anna.1", "lease one.anna",
                 "message one.anna.1", "queue one.anna.2");
}

// Those of one claim have one token.
BOOST_FIXTURE_TEST_CASE(a_look_writes_nothing_back_to_another_message_of_its_claim, Unknown) {
    auto taken = looks();
    taken.resize(1);
    exec(
        "UPDATE outbox_leases SET look_at = (SELECT l.look_at FROM outbox_leases AS l WHERE "
        "l.message_id = 'one.anna.1')");
    TEST_CHANGED(settled(taken, LookAct::sent), "event message_sent one.anna.1", "lease one.anna",
                 "message one.anna.1", "queue one.anna.2");
}

// ---- in_flight_still.sql

// Whether the commit of these outcomes has happened. Two of the messages are unknown: that is what
// the commit made of them when their outcome was that it is not known, and else they were swept.
BOOST_FIXTURE_TEST_CASE(in_flight_still_is_what_its_outcome_would_have_changed, Unknown) {
    make("one.anna.1", "status = 'sending'");
    make("two.anna.1", "status = 'sent'");
    const auto in_flight_still = [&](const std::vector<bool>& unclear) {
        const std::vector<std::int64_t> seqs{10, 11, 12, 13};
        std::vector<std::int64_t> found;
        const Texts tokens{"token", "token", "token", "another"};
        for (const pg::Row row :
             connection.exec(sql::outbox::in_flight_still, pg::Params{seqs, tokens, unclear}))
            found.push_back(row.int64(0));
        std::ranges::sort(found);
        return found;
    };
    const std::vector<std::int64_t> sending{10};
    BOOST_TEST(in_flight_still({true, true, true, true}) == sending,
               boost::test_tools::per_element());
    const std::vector<std::int64_t> sending_and_swept{10, 11};
    BOOST_TEST(in_flight_still({false, false, false, false}) == sending_and_swept,
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_sid_is_accounted_for_by_the_message_that_has_it_or_by_its_callback,
                        Unknown) {
    make("one.bert.1", "provider_message_id = 'SM 1'");
    exec(
        "INSERT INTO delivery_events (provider_message_id, message_id, status, event_id, "
        "correlation_id, received_at) VALUES ('SM 2', 'one.anna.1', 'sent', 1, 'c', now()), "
        "('SM 3', NULL, 'sent', 1, 'c', now())");
    exec(
        "INSERT INTO delivery_events (provider_message_id, message_id, status, event_id, "
        "correlation_id, received_at) VALUES ('SM 4', 'one.bert.1', 'sent', 1, 'c', now())");
    const auto known = outbox::lock_and_find_known(connection, {"SM 2", "SM 3"});
    BOOST_TEST(!known.excludes("SM 1", {"one.anna.1"}));
    BOOST_TEST(!known.excludes("SM 2", {"one.anna.1"}));
    BOOST_TEST(known.excludes("SM 2", {"one.bert.1"}));
    BOOST_TEST(!known.excludes("SM 3", {"one.anna.1"}));
    BOOST_TEST(!known.excludes("SM 4", {"one.anna.1"}));  // nobody asked for it
}

// ---- expire.sql, forget_dedupe_keys.sql, record_optout.sql

BOOST_FIXTURE_TEST_CASE(only_what_has_expired_leaves_the_queue, Unknown) {
    exec(
        "UPDATE outbox_queue SET expires_at = now() WHERE message_id IN ('one.anna.2', "
        "'one.bert.2');"
        "UPDATE outbox_queue SET expires_at = now() + interval '1 h' WHERE message_id = "
        "'two.anna.2';"
        "UPDATE messages_out SET status = 'canceled' WHERE id = 'one.bert.2'");
    TEST_CHANGED(changed([&] { outbox::expire(connection); }), "event message_expired one.anna.2",
                 "message one.anna.2", "queue one.anna.2", "queue one.anna.3", "queue one.bert.2",
                 "queue one.bert.3");
}

BOOST_FIXTURE_TEST_CASE(a_key_of_the_same_words_or_of_the_same_shop_is_kept, Unknown) {
    exec(
        "INSERT INTO outbox_dedupe_keys (tenant_id, dedupe_key, message_id, taken_at) SELECT "
        "c.shop, c.person, 'm', now() - interval '1 day' * (c.place = 0)::integer FROM crowd AS c");
    TEST_CHANGED(changed([&] { outbox::forget_dedupe_keys(connection); }), "key one.anna");
    exec("UPDATE outbox_dedupe_keys SET taken_at = now() - interval '2 days'");
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script("SELECT FROM outbox_dedupe_keys WHERE tenant_id = 'two' FOR UPDATE");
    TEST_CHANGED(changed([&] { outbox::forget_dedupe_keys(connection); }), "key one.bert");
}

BOOST_FIXTURE_TEST_CASE(only_whom_twilio_refuses_as_opted_out_is_and_only_at_that_shop, Unknown) {
    exec(
        "UPDATE messages_out SET error_code = 21610 WHERE id <> 'one.bert.1';"
        "UPDATE messages_out SET \"to\" = 'erased' WHERE id = 'two.bert.1';"
        "INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('two', 'anna'), ('one', 'carl')");
    const Texts ids{"one.anna.1", "one.bert.1", "two.anna.1", "two.bert.1"};
    Texts recorded;
    for (const pg::Row row : connection.exec(sql::outbox::record_optout, pg::Params{ids}))
        recorded.push_back(row.string(0));
    TEST_TEXTS(recorded, "one.anna.1");
}
