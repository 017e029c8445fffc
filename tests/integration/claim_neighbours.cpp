// links: outbox
// What a claim leaves alone: each case looks at all rows before and after one of its two
// statements.
#include "outbox/store.hpp"
#include "sql/outbox.hpp"
#include "support/crowd.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>

using namespace pgcourier;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

struct Waiting : Crowd {
    Waiting() {
        conversations("pending");
        db.warm_up("credentials:test");
        connection.exec_script("SET lock_timeout = '2s'");
    }

    void lease(const Texts& shops = {"one"}, int messages = 10, int beyond = 100,
               std::int64_t first_due_us = 0) {
        connection.exec(sql::outbox::claim_lease,
                        pg::Params{"ours", shops, std::vector<std::int32_t>(shops.size(), messages),
                                   Texts{"+33700000001", "+33700000002"}, beyond, 30000, "test",
                                   std::vector<bool>(shops.size(), false), "AC1",
                                   std::vector<std::int64_t>(shops.size(), first_due_us)});
    }
    /// returns  `one.anna.1 from +33700000001` …
    Texts take(double interval_ms = 0, const Texts& probes = {}) {
        Texts taken;
        for (const pg::Row row : connection.exec(
                 sql::outbox::claim_take, pg::Params{"ours", interval_ms, probes, 60000, 0.0}))
            taken.push_back(row.string(0) + " from " + row.string(10));
        return taken;
    }
    /// What the claim changed, both halves.
    Texts claimed(const Texts& shops = {"one"}) {
        return changed([&] {
            pg::Transaction transaction{connection};
            lease(shops);
            take();
            transaction.commit();
        });
    }
    /// What its second half changed, after something else has happened.
    Texts taken_after(const std::string& what, const Texts& shops = {"one"}) {
        pg::Transaction transaction{connection};
        lease(shops);
        exec(what);
        // The leases are not seen from outside before the commit.
        Texts names = changed([&] {
            take();
            transaction.commit();
        });
        std::erase_if(names, [](const std::string& name) { return name.starts_with("lease "); });
        return names;
    }
    Texts leases() const {
        return db.query_rows(
            "SELECT message_id, token, sender, attempt, account_sid FROM outbox_leases ORDER BY "
            "seq");
    }
    void lease_elsewhere(const std::string& message) const {
        exec(
            "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
            "instance_id, claimed_at, expires_at) SELECT tenant_id, \"to\", 0, 'gone', 'theirs', "
            "1, "
            "'i', now(), now() FROM messages_out WHERE id = '" +
            message + "'");
    }
    /// `now` or `later`, and whether it is behind another one.
    std::string due(const std::string& message) const {
        return value(
            "SELECT CASE WHEN due_at <= now() THEN 'now' ELSE 'later' END || CASE WHEN "
            "is_behind THEN ' behind' ELSE '' END FROM outbox_queue WHERE message_id = '" +
            message + "'");
    }
};

}  // namespace

#define TEST_TEXTS(found, ...) \
    BOOST_TEST((found) == (Texts{__VA_ARGS__}), boost::test_tools::per_element())

// ---- claim_lease.sql

BOOST_FIXTURE_TEST_CASE(the_heads_of_the_shops_that_were_dealt_are_leased_and_nothing_else,
                        Waiting) {
    exec("UPDATE messages_out SET attempts = 3 WHERE id = 'two.bert.1'");
    TEST_CHANGED(changed([&] { lease({"one"}); }), "lease one.anna", "lease one.bert");
    TEST_CHANGED(changed([&] { lease({"two"}); }), "lease two.anna", "lease two.bert");
    TEST_TEXTS(leases(), "one.anna.1|ours|+33700000001|1|AC1", "one.bert.1|ours|+33700000001|1|AC1",
               "two.anna.1|ours|+33700000001|1|AC1", "two.bert.1|ours|+33700000001|4|AC1");
}

BOOST_FIXTURE_TEST_CASE(what_fell_due_before_that_is_not_looked_at, Waiting) {
    exec("UPDATE outbox_queue SET due_at = now() - interval '1 h' WHERE message_id = 'one.anna.1'");
    const auto mark =
        db.count("SELECT (extract(epoch FROM now() - interval '1 min') * 1000000)::bigint");
    TEST_CHANGED(changed([&] { lease({"one"}, 10, 100, mark); }), "lease one.bert");
}

BOOST_FIXTURE_TEST_CASE(as_many_are_leased_as_were_dealt, Waiting) {
    TEST_CHANGED(changed([&] { lease({"one"}, 1); }), "lease one.anna");
    // One that is not free takes no other's place.
    lease_elsewhere("two.anna.1");
    TEST_CHANGED(changed([&] { lease({"two"}, 1); }), "lease two.bert", "queue two.anna.1");
}

BOOST_FIXTURE_TEST_CASE(a_lease_of_the_same_person_at_another_shop_keeps_nobody, Waiting) {
    lease_elsewhere("two.anna.1");
    lease_elsewhere("one.bert.1");
    TEST_CHANGED(changed([&] { lease(); }), "lease one.anna", "queue one.bert.1");
    BOOST_TEST(due("one.bert.1") == "later behind");
}

BOOST_FIXTURE_TEST_CASE(only_the_leases_that_a_claim_found_in_its_way_are_locked, Waiting) {
    for (const char* message : {"one.bert.1", "two.anna.1", "two.bert.1"}) lease_elsewhere(message);
    exec(
        "UPDATE outbox_queue SET due_at = now() + interval '1 h' WHERE message_id = 'one.anna.1'; "
        "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
        "instance_id, claimed_at, expires_at) VALUES ('one', 'anna', 0, 'gone', 'theirs', 1, 'i', "
        "now(), now())");
    pg::Transaction transaction{connection};
    lease();
    TEST_TEXTS(db.query_rows("SELECT tenant_id || '.' || recipient FROM outbox_leases ORDER BY 1 "
                             "FOR UPDATE SKIP LOCKED"),
               "one.anna", "two.anna", "two.bert");
    TEST_TEXTS(db.query_rows("SELECT message_id FROM outbox_queue WHERE seq < 20 ORDER BY 1 FOR "
                             "UPDATE SKIP LOCKED"),
               "one.anna.1", "two.anna.1", "two.bert.1");
}

BOOST_FIXTURE_TEST_CASE(a_claim_waits_for_no_row_that_somebody_else_has_locked, Waiting) {
    lease_elsewhere("one.bert.1");
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script("SELECT FROM outbox_leases WHERE recipient = 'bert' FOR UPDATE");
    // Nothing is put behind a lease that is just being settled: nobody would promote it.
    TEST_CHANGED(changed([&] { lease(); }), "lease one.anna");
    other.exec_script("SELECT FROM outbox_queue WHERE message_id = 'two.anna.1' FOR UPDATE");
    TEST_CHANGED(changed([&] { lease({"two"}); }), "lease two.bert");
}

BOOST_FIXTURE_TEST_CASE(what_stands_ahead_is_due_waits_to_be_tried_again_or_is_behind, Waiting) {
    const auto second_is_due = [&](const std::string& first) {
        exec(
            "DELETE FROM outbox_leases; UPDATE outbox_queue SET due_at = now(), is_behind = false "
            "WHERE message_id = 'one.anna.2'; UPDATE outbox_queue SET " +
            first + " WHERE message_id = 'one.anna.1'");
        return changed([&] { lease(); });
    };
    TEST_CHANGED(second_is_due("due_at = now()"), "lease one.anna", "lease one.bert",
                 "queue one.anna.2");
    BOOST_TEST(due("one.anna.2") == "later behind");
    TEST_CHANGED(second_is_due("due_at = now() + interval '30 min', is_retry = true"),
                 "lease one.bert", "queue one.anna.2");
    BOOST_TEST(value("SELECT max(due_at) = min(due_at) AND bool_and(is_behind OR seq < 20) FROM "
                     "outbox_queue WHERE message_id IN ('one.anna.1', 'one.anna.2')") == "t");
    TEST_CHANGED(
        second_is_due("due_at = now() + interval '40 min', is_retry = false, is_behind = true"),
        "lease one.bert", "queue one.anna.2");
    BOOST_TEST(value("SELECT max(due_at) = min(due_at) AND bool_and(is_behind OR seq < 20) FROM "
                     "outbox_queue WHERE message_id IN ('one.anna.1', 'one.anna.2')") == "t");
    TEST_CHANGED(second_is_due("is_behind = false"), "lease one.anna", "lease one.bert");
    TEST_TEXTS(leases(), "one.bert.1|ours|+33700000001|1|AC1",
               "one.anna.2|ours|+33700000001|1|AC1");
}

// ---- claim_take.sql

BOOST_FIXTURE_TEST_CASE(what_was_leased_is_taken_out_of_the_queue_and_nothing_else, Waiting) {
    TEST_CHANGED(claimed({"one"}), "lease one.anna", "lease one.bert", "message one.anna.1",
                 "message one.bert.1", "queue one.anna.1", "queue one.bert.1");
    TEST_CHANGED(claimed({"two"}), "lease two.anna", "lease two.bert", "message two.anna.1",
                 "message two.bert.1", "queue two.anna.1", "queue two.bert.1");
    BOOST_TEST(value("SELECT count(*) FROM outbox_leases") == "4");
}

BOOST_FIXTURE_TEST_CASE(each_is_sent_from_its_own_shops_number, Waiting) {
    pg::Transaction transaction{connection};
    lease({"one", "two"});
    TEST_TEXTS(take(), "one.anna.1 from +33700000001", "one.bert.1 from +33700000001",
               "two.anna.1 from +33700000002", "two.bert.1 from +33700000002");
}

BOOST_FIXTURE_TEST_CASE(a_word_said_to_another_shop_or_by_another_person_blocks_nothing, Waiting) {
    exec("INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('two', 'anna'), ('one', 'bert')");
    TEST_CHANGED(claimed(), "event message_blocked_optout one.bert.1", "lease one.anna",
                 "message one.anna.1", "message one.bert.1", "queue one.anna.1", "queue one.bert.1",
                 "queue one.bert.2");
    BOOST_TEST(value("SELECT string_agg(id || ' ' || status, ', ' ORDER BY id) FROM messages_out "
                     "WHERE status <> 'pending'") == "one.anna.1 sending, one.bert.1 blocked");
    BOOST_TEST(due("one.bert.2") == "now");
    TEST_TEXTS(leases(), "one.anna.1|ours|+33700000001|1|AC1");
}

BOOST_FIXTURE_TEST_CASE(of_two_shops_in_one_claim_each_frees_only_its_own_lease, Waiting) {
    exec("INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('one', 'anna')");
    exec("UPDATE outbox_queue SET expires_at = now() WHERE message_id = 'two.bert.1'");
    TEST_CHANGED(claimed({"one", "two"}), "event message_blocked_optout one.anna.1",
                 "event message_expired two.bert.1", "lease one.bert", "lease two.anna",
                 "message one.anna.1", "message one.bert.1", "message two.anna.1",
                 "message two.bert.1", "queue one.anna.1", "queue one.anna.2", "queue one.bert.1",
                 "queue two.anna.1", "queue two.bert.1", "queue two.bert.2");
    BOOST_TEST(value("SELECT status FROM messages_out WHERE id = 'two.bert.1'") == "expired");
}

// An earlier message came back after the lease: it goes first, and nothing is done to this one,
// whatever else could be said of it.
BOOST_FIXTURE_TEST_CASE(one_behind_an_earlier_message_is_given_back_as_it_is, Waiting) {
    for (const char* how : {"now(), false, false", "now() + interval '1 h', true, false",
                            "now() + interval '1 h', false, true"}) {
        for (const char* besides :
             {"", "INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('one', 'anna')"}) {
            exec("DELETE FROM outbox_queue WHERE seq = 5; DELETE FROM opt_outs");
            TEST_CHANGED(
                taken_after(fmt::format("INSERT INTO outbox_queue (seq, message_id, tenant_id, "
                                        "recipient, due_at, is_retry, is_behind) "
                                        "VALUES (5, 'one.anna.0', 'one', 'anna', {}); {}",
                                        how, besides)),
                "message one.bert.1", "queue one.bert.1");
            TEST_TEXTS(leases(), "one.bert.1|ours|+33700000001|1|AC1");
            exec(
                "DELETE FROM outbox_leases; UPDATE messages_out SET status = 'pending', "
                "lease_token = NULL, attempts = 0; INSERT INTO outbox_queue (seq, message_id, "
                "tenant_id, recipient, due_at) VALUES (11, 'one.bert.1', 'one', 'bert', now() - "
                "interval '1 s')");
        }
    }
    // One for later stands in nobody's way.
    exec("DELETE FROM opt_outs; UPDATE outbox_queue SET is_behind = false WHERE seq = 5");
    TEST_CHANGED(taken_after("SELECT"), "message one.anna.1", "message one.bert.1",
                 "queue one.anna.1", "queue one.bert.1");
}

BOOST_FIXTURE_TEST_CASE(what_is_no_longer_to_be_sent_is_only_taken_out_of_the_queue, Waiting) {
    exec(
        "UPDATE messages_out SET status = 'sent' WHERE id = 'one.anna.1';"
        "UPDATE messages_out SET held_reason = 'a test' WHERE id = 'one.bert.1'");
    TEST_CHANGED(claimed({"one"}), "queue one.anna.1", "queue one.anna.2", "queue one.bert.1",
                 "queue one.bert.2");
    exec(
        "UPDATE messages_out SET status = 'sent' WHERE id = 'two.anna.1';"
        "INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('two', 'anna')");
    TEST_CHANGED(claimed({"two"}), "lease two.bert", "message two.bert.1", "queue two.anna.1",
                 "queue two.anna.2", "queue two.bert.1");
}

BOOST_FIXTURE_TEST_CASE(behind_one_that_ended_the_next_one_is_made_due_where_it_was_put_behind,
                        Waiting) {
    exec(
        "UPDATE outbox_queue SET expires_at = now() WHERE message_id IN ('one.anna.1', "
        "'one.bert.1', 'two.anna.1', 'two.bert.1');"
        "UPDATE outbox_queue SET due_at = now() + interval '1 h', is_behind = false, is_retry = "
        "true WHERE message_id = 'one.anna.2';"
        "UPDATE outbox_queue SET due_at = now() + interval '1 h', is_behind = false WHERE "
        "message_id = 'one.bert.2'");
    const auto queues_changed = [&](const std::string& shop) {
        Texts names = claimed({shop});
        std::erase_if(names, [](const std::string& name) {
            return !name.starts_with("queue ") || name.ends_with(".1");
        });
        return names;
    };
    TEST_TEXTS(queues_changed("one"), "queue one.bert.3");
    // One that is due already stays as it is, and goes before what is behind it.
    pg::Transaction transaction{connection};
    lease({"two"}, 10, 0);
    connection.exec_script(
        "UPDATE outbox_queue SET due_at = '2026-01-01', is_behind = false WHERE message_id = "
        "'two.anna.2'");
    take();
    transaction.commit();
    BOOST_TEST(value("SELECT due_at::date FROM outbox_queue WHERE message_id = 'two.anna.2'") ==
               "2026-01-01");
    BOOST_TEST(due("two.anna.3") == "later behind");
    BOOST_TEST(due("two.bert.2") == "now");
}

BOOST_FIXTURE_TEST_CASE(behind_one_that_ended_the_next_one_is_left_to_whoever_has_it_locked,
                        Waiting) {
    exec(
        "UPDATE outbox_queue SET expires_at = now() WHERE message_id = 'one.anna.1';"
        "UPDATE outbox_queue SET due_at = now() + interval '1 min', is_behind = true WHERE "
        "message_id IN ('one.anna.2', 'one.anna.3')");
    {
        auto other = db.connect();
        pg::Transaction transaction{other};
        other.exec_script("SELECT FROM outbox_queue WHERE message_id = 'one.anna.2' FOR UPDATE");
        claimed();
    }
    BOOST_TEST(value("SELECT status FROM messages_out WHERE id = 'one.anna.1'") == "expired");
    BOOST_TEST(due("one.anna.2") == "later behind");
}

// A lease that is not this claim's is nobody's to free.
BOOST_FIXTURE_TEST_CASE(a_claim_frees_only_its_own_leases, Waiting) {
    exec("INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('one', 'anna')");
    pg::Transaction transaction{connection};
    lease();
    connection.exec_script("UPDATE outbox_leases SET token = 'theirs' WHERE recipient = 'anna'");
    take();
    transaction.commit();
    TEST_TEXTS(leases(), "one.anna.1|theirs|+33700000001|1|AC1",
               "one.bert.1|ours|+33700000001|1|AC1");
}

BOOST_FIXTURE_TEST_CASE(what_is_taken_is_paid_for_in_its_own_senders_scope, Waiting) {
    const auto paid = [&](const std::string& shop, double interval_ms) {
        pg::Transaction transaction{connection};
        lease({shop});
        Texts names = changed([&] {
            take(interval_ms);
            transaction.commit();
        });
        std::erase_if(names, [](const std::string& name) { return !name.starts_with("scope "); });
        return names;
    };
    TEST_TEXTS(paid("one", 1000), "scope sender:+33700000001");
    BOOST_TEST(
        value("SELECT next_start_at - (SELECT max(claimed_at) FROM outbox_leases) >= interval "
              "'2 s' FROM outbox_scopes WHERE scope = 'sender:+33700000001'") == "t");
    TEST_TEXTS(paid("two", 0), );  // without a rate
}

BOOST_FIXTURE_TEST_CASE(only_a_scope_of_what_is_taken_has_been_probed, Waiting) {
    const auto probed = [&](const std::string& shop) {
        pg::Transaction transaction{connection};
        lease({shop}, 1);
        Texts names = changed([&] {
            take(0, {"credentials:test", "provider", "sender:+33700000001", "sender:+33700000002"});
            transaction.commit();
        });
        std::erase_if(names, [](const std::string& name) { return !name.starts_with("scope "); });
        return names;
    };
    TEST_TEXTS(probed("one"), "scope credentials:test", "scope provider",
               "scope sender:+33700000001");
    // Nothing was taken: nothing was probed.
    exec("UPDATE messages_out SET status = 'sent' WHERE tenant_id = 'two'");
    TEST_TEXTS(probed("two"), );
}
