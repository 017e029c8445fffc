// links: router
// What routing leaves alone: each case looks at all rows before and after one of its statements.
#include "sql/router.hpp"
#include "support/crowd.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

/// Webhooks 1 to 6. The first two are of shop one and the next two of shop two, all from Eve, who
/// sells for shop two; the last two are status callbacks of shop one and of shop two. The second
/// one has failed before and is due now, the fourth later.
struct Queued : Crowd {
    Queued() {
        exec(R"(
            INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('one', 'bob'), ('two', 'eve');
            INSERT INTO webhook_events (key, kind, format, raw, payload, "from", "to", correlation_id)
            SELECT 'e' || g, CASE WHEN g > 4 THEN 'status' ELSE 'inbound' END, 'form', '', '{}',
                   CASE WHEN g > 4 THEN x.number ELSE 'eve' END, CASE WHEN g > 4 THEN 'eve' ELSE x.number END, 'c' || g
            FROM generate_series(1, 6) AS g
            CROSS JOIN LATERAL (SELECT '+3370000000' || CASE WHEN g IN (1, 2, 5) THEN 1 ELSE 2 END AS number) AS x
            ORDER BY g;
            INSERT INTO webhook_queue (id, attempts, due_at)
            SELECT e.id, CASE WHEN e.id IN (2, 4) THEN 1 ELSE 0 END,
                   CASE e.id WHEN 2 THEN now() - interval '1 s' WHEN 4 THEN now() + interval '1 h' END
            FROM webhook_events AS e)");
        connection.exec_script("SET lock_timeout = '2s'");
    }

    /// Id, tenant and whether a seller wrote it.
    static Texts claimed(const pg::Rows& rows) {
        Texts texts;
        for (const pg::Row row : rows)
            texts.push_back(fmt::format("{} {} {}", row.int64(0), row.string(7),
                                        row.boolean(8) ? "seller" : "client"));
        std::ranges::sort(texts);
        return texts;
    }
    Texts claim(pg::Connection& session, int mark = 0, int limit = 100) const {
        return claimed(session.exec(sql::router::claim, pg::Params{mark, limit}));
    }
    Texts claim_one(int id) {
        return claimed(connection.exec(sql::router::claim_one, pg::Params{id}));
    }
    Texts numbers(const pg::Statement& statement, const pg::Params& params = {}) {
        Texts texts;
        for (const pg::Row row : connection.exec(statement, params)) texts.push_back(row.string(0));
        return texts;
    }
    Texts begin_attempt(int id) { return numbers(sql::router::begin_attempt, pg::Params{id}); }
};

}  // namespace

#define TEST_TEXTS(found, ...) \
    BOOST_TEST((found) == (Texts{__VA_ARGS__}), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_CASE(a_batch_is_what_comes_after_the_mark_and_never_failed, Queued) {
    TEST_CHANGED(changed([&] {
                     TEST_TEXTS(claim(connection, 1), "3 two seller", "5 one client",
                                "6 two client");
                 }),
                 "queued webhook 3", "queued webhook 5", "queued webhook 6");
}

BOOST_FIXTURE_TEST_CASE(what_lies_side_by_side_is_taken_and_nothing_beside_it, Queued) {
    TEST_CHANGED(changed([&] { TEST_TEXTS(claim(connection, 4, 1), "5 one client"); }),
                 "queued webhook 5");
    exec("UPDATE webhook_queue SET due_at = NULL WHERE id IN (2, 4)");
    TEST_CHANGED(
        changed([&] { TEST_TEXTS(claim(connection, 1, 2), "2 one client", "3 two seller"); }),
        "queued webhook 2", "queued webhook 3");
}

BOOST_FIXTURE_TEST_CASE(what_lies_far_apart_is_taken_and_nothing_between, Queued) {
    exec("DELETE FROM webhook_queue WHERE id IN (3, 5)");
    TEST_CHANGED(changed([&] { TEST_TEXTS(claim(connection), "1 one client", "6 two client"); }),
                 "queued webhook 1", "queued webhook 6");
}

BOOST_FIXTURE_TEST_CASE(whoever_sells_for_another_shop_is_a_client_here, Queued) {
    TEST_TEXTS(claim(connection), "1 one client", "3 two seller", "5 one client", "6 two client");
}

// Each address is looked up where it stands: a shop's own number as the other end makes nobody its
// message or its callback.
BOOST_FIXTURE_TEST_CASE(the_shop_of_a_message_is_its_receiver_and_of_a_callback_its_sender,
                        Queued) {
    exec(R"(UPDATE webhook_events SET "from" = '+33700000002' WHERE id = 1;
            UPDATE webhook_events SET "from" = '+33700000002', "to" = 'nobody' WHERE id = 3;
            UPDATE webhook_events SET "to" = '+33700000002' WHERE id = 5;
            UPDATE webhook_events SET "from" = 'nobody', "to" = '+33700000001' WHERE id = 6)");
    TEST_TEXTS(claim(connection), "1 one client", "3  client", "5 one client", "6  client");
}

BOOST_FIXTURE_TEST_CASE(two_that_claim_at_once_take_different_events_and_wait_for_nobody, Queued) {
    auto other = db.connect();
    pg::Transaction transaction{other};
    TEST_TEXTS(claim(other, 0, 2), "1 one client", "3 two seller");
    TEST_TEXTS(claim(connection), "5 one client", "6 two client");
    TEST_TEXTS(claim_one(1), );
    TEST_TEXTS(begin_attempt(1), );
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_claimed_alone_is_the_only_one, Queued) {
    TEST_CHANGED(changed([&] { TEST_TEXTS(claim_one(2), "2 one client"); }), "queued webhook 2");
    TEST_CHANGED(changed([&] { TEST_TEXTS(claim_one(4), "4 two seller"); }), "queued webhook 4");
}

BOOST_FIXTURE_TEST_CASE(those_that_wait_to_be_tried_alone_are_free_and_never_failed, Queued) {
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script("SELECT FROM webhook_queue WHERE id = 3 FOR UPDATE");
    TEST_TEXTS(numbers(sql::router::waiting, pg::Params{0, 100}), "1", "5", "6");
    TEST_TEXTS(numbers(sql::router::waiting, pg::Params{1, 100}), "5", "6");
}

BOOST_FIXTURE_TEST_CASE(an_attempt_is_begun_at_an_event_that_is_due_and_at_no_other, Queued) {
    TEST_CHANGED(changed([&] { TEST_TEXTS(begin_attempt(1), "1"); }), "queued webhook 1");
    TEST_CHANGED(changed([&] { TEST_TEXTS(begin_attempt(2), "2"); }), "queued webhook 2");
    TEST_CHANGED(changed([&] { TEST_TEXTS(begin_attempt(4), ); }), );
}

BOOST_FIXTURE_TEST_CASE(of_those_that_failed_the_one_that_is_due_longest_is_begun, Queued) {
    exec("UPDATE webhook_queue SET due_at = now() - interval '2 s', attempts = 1 WHERE id = 5");
    TEST_CHANGED(changed([&] { TEST_TEXTS(numbers(sql::router::begin_due_attempt), "5"); }),
                 "queued webhook 5");
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script("SELECT FROM webhook_queue WHERE id = 2 FOR UPDATE");
    TEST_TEXTS(numbers(sql::router::begin_due_attempt), );
    transaction.commit();
    TEST_TEXTS(numbers(sql::router::begin_due_attempt), "2");
    TEST_TEXTS(
        numbers(sql::router::begin_due_attempt), );  // the others never failed, or are due later
}

BOOST_FIXTURE_TEST_CASE(an_attempt_is_given_back_that_is_the_last_one, Queued) {
    const auto give_back = [&](int id, int attempts) {
        return changed([&] {
            connection.exec(sql::router::give_back_attempt, pg::Params{id, attempts, 0, false});
        });
    };
    TEST_CHANGED(give_back(2, 1), "queued webhook 2");
    TEST_CHANGED(give_back(4, 2), );
}

BOOST_FIXTURE_TEST_CASE(only_what_was_postponed_and_is_due_is_as_if_new, Queued) {
    const auto return_postponed = [&] {
        return changed([&] { connection.exec(sql::router::return_postponed); });
    };
    exec(
        "UPDATE webhook_queue SET is_postponed = true, due_at = now() - interval '1 s' WHERE id = "
        "5; UPDATE webhook_queue SET is_postponed = true, due_at = now() + interval '1 h' WHERE id "
        "= 6");
    auto other = db.connect();
    pg::Transaction transaction{other};
    other.exec_script("SELECT FROM webhook_queue WHERE id = 5 FOR UPDATE");
    TEST_CHANGED(return_postponed(), );
    transaction.commit();
    TEST_CHANGED(return_postponed(), "queued webhook 5");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue WHERE id = 5 AND due_at IS NULL AND "
                        "NOT is_postponed") == 1);
    TEST_CHANGED(return_postponed(), );
}

// The first one's shop is known, though not who wrote it; the second one's shop is gone.
BOOST_FIXTURE_TEST_CASE(only_a_message_that_no_shop_ever_had_becomes_a_shops_by_coming_again,
                        Queued) {
    exec(
        R"(INSERT INTO messages_in (id, tenant_id, provider_message_id, "from", body, correlation_id, message_type)
            VALUES ('m1', 'one', 'SM1', 'eve', '', 'c', NULL), ('m2', NULL, 'SM2', 'eve', '', 'c', 'client'),
                   ('m3', NULL, 'SM3', 'eve', '', 'c', NULL))");
    const std::vector<std::int64_t> events{1, 2, 3};
    const auto all = [](const std::string& text) { return Texts{text, text, text}; };
    const std::vector<std::optional<std::string>> none(3);
    const std::vector<std::int64_t> no_events;
    const Texts no_words;
    std::vector<std::int64_t> repeated;
    TEST_CHANGED(
        changed([&] {
            const pg::Rows rows = connection.exec(
                sql::router::store_messages,
                pg::Params{events, Texts{"c1", "c2", "c3"}, all("two"), Texts{"SM1", "SM2", "SM3"},
                           all("eve"), all("+33700000002"), all("text"), none, none, none, none,
                           all("seller"), no_events, no_words, no_words});
            for (const pg::Row row : rows) repeated.push_back(row.int64(0));
        }),
        "event idempotent_ignored m1", "event idempotent_ignored m2", "event webhook_received m3",
        "received SM3");
    const std::vector<std::int64_t> first_two{1, 2};
    BOOST_TEST(repeated == first_two, boost::test_tools::per_element());
    BOOST_TEST(value("SELECT tenant_id || ' ' || message_type FROM messages_in WHERE id = 'm3'") ==
               "two seller");
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_given_up_is_its_shops_dead_letter, Queued) {
    const auto give_up = [&](int id) {
        Texts names = changed([&] {
            connection.exec(sql::router::dead_letter, pg::Params{id, "a test", 3});
        });
        std::erase_if(names, [](const std::string& name) { return name.starts_with("letter "); });
        return names;
    };
    TEST_CHANGED(give_up(2), "event webhook_dead_lettered 2", "queued webhook 2");
    TEST_CHANGED(give_up(3), "event webhook_dead_lettered 3", "queued webhook 3");
    TEST_CHANGED(give_up(6), "event webhook_dead_lettered 6", "queued webhook 6");
    TEST_TEXTS(db.query_rows("SELECT payload ->> 'webhook_event_id', tenant_id, attempts FROM "
                             "dead_letter_jobs ORDER BY 1"),
               "2|one|3", "3|two|3", "6|two|3");
    TEST_TEXTS(
        db.query_rows("SELECT entity_id, tenant_id, correlation_id FROM event_log ORDER BY 1"),
        "2|one|c2", "3|two|c3", "6|two|c6");
}
