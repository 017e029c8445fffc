// links: outbox
// What the statements of claiming, settling and sweeping leave alone: each case looks at all rows
// before and after.
#include "outbox/look_store.hpp"
#include "outbox/store.hpp"
#include "sql/outbox.hpp"
#include "support/crowd.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using outbox::Settled;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

struct InFlight : Crowd {
    InFlight() { conversations("sending"); }

    static outbox::Lease lease_of(const std::string& shop, const std::string& person) {
        return {{shop}, person, {"token"}};
    }
    bool skips_locked = false;
    void promote_next(const std::string& shop, const std::string& person) {
        const pg::Call calls[] = {
            {sql::outbox::promote_lock, pg::Params{Texts{shop}, Texts{person}, skips_locked}},
            {sql::outbox::promote}};
        connection.transact(calls);
    }
    std::set<std::int64_t> locked;  // as the last settle_only() told
    std::size_t settle_only(const outbox::Settlement& s) {
        std::vector<pg::Call> calls{{sql::outbox::plan_by_index}};
        outbox::add_settlement(calls, {&s, 1});
        // promote.sql has cases of its own.
        const auto rows = connection.transact(std::span{calls}.first(2));
        locked = outbox::read_locked(rows[1]);
        return static_cast<std::size_t>(rows[1].size()) - locked.size();
    }
    static outbox::Settlement annas(Settled status) {
        return {.id = {"one.anna.1"},
                .seq = 10,
                .lease = lease_of("one", "anna"),
                .status = status,
                .attempts = 1,
                .reason = status == Settled::sent ? "" : "test"};
    }
};

}  // namespace

// ---- settle.sql, promote.sql

BOOST_FIXTURE_TEST_CASE(a_sent_message_is_all_that_its_settling_changes, InFlight) {
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::sent)); }),
                 "event message_sent one.anna.1", "lease one.anna", "message one.anna.1");
    BOOST_TEST(value("SELECT count(*) FROM outbox_leases") == "3");
}

BOOST_FIXTURE_TEST_CASE(one_of_unknown_outcome_keeps_its_lease_and_no_other_is_set_aside,
                        InFlight) {
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::unknown)); }),
                 "event message_outcome_unknown one.anna.1", "lease one.anna",
                 "message one.anna.1");
    BOOST_TEST(value("SELECT string_agg(message_id, ' ') FROM outbox_leases WHERE unknown_since IS "
                     "NOT NULL") == "one.anna.1");
    // Said again, it is no news.
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::unknown)); }), );
}

BOOST_FIXTURE_TEST_CASE(one_that_failed_or_was_put_back_is_queued_again_and_has_no_dead_letter,
                        InFlight) {
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::failed)); }),
                 "event message_failed one.anna.1", "lease one.anna", "message one.anna.1",
                 "queue one.anna.1");
    outbox::Settlement back = annas(Settled::pending);
    back.id = {"two.bert.1"};
    back.seq = 13;
    back.lease = lease_of("two", "bert");
    TEST_CHANGED(changed([&] { settle_only(back); }), "lease two.bert", "message two.bert.1",
                 "queue two.bert.1");
}

BOOST_FIXTURE_TEST_CASE(one_that_is_given_up_is_a_dead_letter_and_not_in_the_queue, InFlight) {
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::dead)); }),
                 "event message_dead_lettered one.anna.1", "lease one.anna", "letter one.anna.1",
                 "message one.anna.1");
}

BOOST_FIXTURE_TEST_CASE(whoever_has_not_the_token_settles_nothing, InFlight) {
    outbox::Settlement late = annas(Settled::failed);
    late.lease.token = {"another"};
    TEST_CHANGED(changed([&] { BOOST_TEST(settle_only(late) == 0); }), );
    BOOST_TEST(locked.empty());
}

BOOST_FIXTURE_TEST_CASE(what_somebody_else_settles_at_the_same_time_is_settled_once, InFlight) {
    pg::Connection other = db.connect();
    other.exec_script(
        "BEGIN; SET LOCAL session_replication_role = replica; "
        "UPDATE messages_out SET status = 'sent', lease_token = NULL WHERE id = 'one.anna.1'");
    BOOST_TEST(settle_only(annas(Settled::failed)) == 0);
    BOOST_TEST(locked.size() == 1);
    other.exec_script("COMMIT");
    BOOST_TEST(settle_only(annas(Settled::failed)) == 0);
    BOOST_TEST(locked.empty());
    BOOST_TEST(value("SELECT status FROM messages_out WHERE id = 'one.anna.1'") == "sent");
    BOOST_TEST(value("SELECT count(*) FROM outbox_queue WHERE message_id = 'one.anna.1'") == "0");
}

// The conversation's lease is another's by now.
BOOST_FIXTURE_TEST_CASE(settling_frees_no_lease_with_another_token, InFlight) {
    exec("UPDATE outbox_leases SET token = 'another'");
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::unknown)); }),
                 "event message_outcome_unknown one.anna.1", "message one.anna.1");
    TEST_CHANGED(changed([&] { settle_only(annas(Settled::sent)); }),
                 "event message_sent one.anna.1", "message one.anna.1");
}

struct Freed : InFlight {
    void expect_only_the_next_is_made_due() {
        const auto promote = [&] { promote_next("one", "anna"); };
        TEST_CHANGED(changed(promote), "queue one.anna.2");
        BOOST_TEST(value("SELECT message_id FROM outbox_queue WHERE due_at <= now() AND NOT "
                         "is_behind") == "one.anna.2");
        // It is due: nothing has to be done for it, and nothing goes before it.
        TEST_CHANGED(changed(promote), );
        // Nor while it waits for its next attempt.
        exec(
            "UPDATE outbox_queue SET due_at = now() + interval '1 h', is_retry = true WHERE "
            "message_id = 'one.anna.2'");
        TEST_CHANGED(changed(promote), );
        // What is for later holds up nobody.
        exec("UPDATE outbox_queue SET is_retry = false WHERE message_id = 'one.anna.2'");
        TEST_CHANGED(changed(promote), "queue one.anna.3");
        // Another shop's of the same person.
        TEST_CHANGED(changed([&] { promote_next("two", "anna"); }), "queue two.anna.2");
    }
};

BOOST_FIXTURE_TEST_CASE(only_the_next_message_of_a_freed_conversation_is_made_due, Freed) {
    expect_only_the_next_is_made_due();
}

BOOST_FIXTURE_TEST_CASE(nor_is_another_where_what_is_locked_is_skipped, Freed) {
    skips_locked = true;
    expect_only_the_next_is_made_due();
}

// ---- sweep.sql, renew.sql, find_claimed.sql

BOOST_FIXTURE_TEST_CASE(only_a_lease_that_has_ended_is_swept, InFlight) {
    exec("UPDATE outbox_leases SET expires_at = now() WHERE message_id = 'one.anna.1'");
    TEST_CHANGED(changed([&] { BOOST_TEST(outbox::sweep(connection) == 1); }),
                 "event message_outcome_unknown one.anna.1", "lease one.anna",
                 "message one.anna.1");
    TEST_CHANGED(changed([&] { BOOST_TEST(outbox::sweep(connection) == 0); }), );
}

BOOST_FIXTURE_TEST_CASE(a_sweep_says_nothing_of_a_message_whose_lease_it_was_not, InFlight) {
    exec(
        "UPDATE outbox_leases SET expires_at = now() WHERE tenant_id = 'one';"
        "UPDATE messages_out SET lease_token = 'another' WHERE id = 'one.anna.1';"
        "UPDATE messages_out SET status = 'unknown' WHERE id = 'one.bert.1'");
    TEST_CHANGED(changed([&] { BOOST_TEST(outbox::sweep(connection) == 0); }), "lease one.anna",
                 "lease one.bert");
}

BOOST_FIXTURE_TEST_CASE(a_sweep_waits_for_no_message_that_is_just_being_settled, InFlight) {
    exec("UPDATE outbox_leases SET expires_at = now()");
    auto other = db.connect();
    pg::Transaction settling{other};
    other.exec_script(
        "SELECT FROM messages_out WHERE id IN ('one.anna.1', 'two.bert.1') FOR UPDATE");
    connection.exec_script("SET lock_timeout = '5s'");
    TEST_CHANGED(changed([&] { BOOST_TEST(outbox::sweep(connection) == 2); }),
                 "event message_outcome_unknown one.bert.1",
                 "event message_outcome_unknown two.anna.1", "lease one.bert", "lease two.anna",
                 "message one.bert.1", "message two.anna.1");
}

BOOST_FIXTURE_TEST_CASE(a_sweep_locks_only_what_it_sweeps, InFlight) {
    exec(
        "UPDATE outbox_leases SET expires_at = now() WHERE tenant_id = 'one';"
        "UPDATE outbox_leases SET unknown_since = now() WHERE message_id = 'one.bert.1'");
    pg::Transaction sweeping{connection};
    BOOST_TEST(connection.exec(sql::outbox::sweep, pg::Params{1000, 0}).size() == 1);
    BOOST_TEST(db.query_rows("SELECT id FROM messages_out WHERE seq < 20 ORDER BY seq FOR UPDATE "
                             "SKIP LOCKED") == (Texts{"one.bert.1", "two.anna.1", "two.bert.1"}),
               boost::test_tools::per_element());
}

namespace {

struct Ended : InFlight {
    Ended() { exec("UPDATE outbox_leases SET expires_at = now() WHERE message_id = 'one.anna.1'"); }
    /// While another session changes the lease so.
    void sweep_beside(const std::string& change) const {
        auto sweeping = db.connect();
        std::size_t count = 1;
        beside("UPDATE outbox_leases SET " + change + " WHERE message_id = 'one.anna.1'",
               [&] { count = outbox::sweep(sweeping); });
        BOOST_TEST(count == 0);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_lease_that_is_renewed_while_it_is_swept_has_not_ended, Ended) {
    sweep_beside("expires_at = now() + interval '30 s'");
    BOOST_TEST(value("SELECT status FROM messages_out WHERE id = 'one.anna.1'") == "sending");
    BOOST_TEST(value("SELECT count(*) FROM outbox_leases WHERE unknown_since IS NOT NULL") == "0");
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_is_set_aside_while_it_is_swept_keeps_its_time, Ended) {
    sweep_beside("unknown_since = '2026-01-01'");
    BOOST_TEST(value("SELECT unknown_since = '2026-01-01' FROM outbox_leases WHERE message_id = "
                     "'one.anna.1'") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_is_another_one_while_it_is_swept_is_left_to_it, Ended) {
    sweep_beside("token = 'another'");
    BOOST_TEST(value("SELECT count(*) FROM outbox_leases WHERE unknown_since IS NOT NULL") == "0");
}

BOOST_FIXTURE_TEST_CASE(only_the_leases_that_are_given_are_renewed, InFlight) {
    const auto renew = [&](const outbox::Lease& lease) {
        return changed([&] { outbox::renew(connection, {&lease, 1}, 1h); });
    };
    TEST_CHANGED(renew(lease_of("one", "anna")), "lease one.anna");
    TEST_CHANGED(renew({{"one"}, "bert", {"another"}}), );
    exec("UPDATE outbox_leases SET unknown_since = now() WHERE message_id = 'two.anna.1'");
    TEST_CHANGED(renew(lease_of("two", "anna")), );
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_is_anothers_by_the_time_it_is_renewed_stays_as_it_is,
                        InFlight) {
    const outbox::Lease lease = lease_of("one", "anna");
    pg::Connection other = db.connect();
    other.exec_script(
        "BEGIN; UPDATE outbox_leases SET token = 'another', expires_at = '2026-01-01' WHERE "
        "message_id = 'one.anna.1'");
    outbox::renew(connection, {&lease, 1}, 1h);
    other.exec_script("COMMIT");
    outbox::renew(connection, {&lease, 1}, 1h);
    BOOST_TEST(value("SELECT expires_at = '2026-01-01' FROM outbox_leases WHERE message_id = "
                     "'one.anna.1'") == "t");
}

BOOST_FIXTURE_TEST_CASE(only_what_this_claim_took_and_still_has_is_found, InFlight) {
    // The first is another claim's; of the second somebody else has settled the message.
    exec(
        "UPDATE outbox_leases SET token = 'another' WHERE message_id = 'one.bert.1';"
        "UPDATE messages_out SET lease_token = 'another' WHERE id IN ('one.bert.1', "
        "'two.anna.1')");
    const auto found = outbox::find_claimed(connection, {"token"});
    BOOST_REQUIRE(found.size() == 2);
    BOOST_TEST(found[0].id.value == "one.anna.1");
    BOOST_TEST(found[1].id.value == "two.bert.1");
}
