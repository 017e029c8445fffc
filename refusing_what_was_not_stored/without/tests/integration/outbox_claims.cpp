// links: outbox
#include "outbox/exchange.hpp"
#include "sql/outbox.hpp"
#include "support/database_proxy.hpp"
#include "support/eventually.hpp"
#include "support/fake_clock.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using outbox::Claim;
using outbox::Claimed;
using outbox::Settled;
using outbox::Settlement;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33612345679";

struct Claims {
    test::TestDatabase db;
    pg::Connection connection = db.connect();
    std::string shop = db.add_tenant("shop", "+33700000001");
    int tokens = 0;

    std::string add(const std::string& to, const std::string& body = "text") const {
        return db.query_value(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body) VALUES ('{}', '{}', '{}') RETURNING id)",
            shop, to, body));
    }
    outbox::Exchange exchange{settings()};
    Claims() { db.warm_up("credentials:test"); }

    static outbox::ExchangeSettings settings() {
        return {.scopes = {.credentials = "credentials:test"}, .instance_id = "test"};
    }
    LeaseToken token() { return {fmt::format("token-{}", ++tokens)}; }
    Claim claim(std::size_t limit = 10) {
        return exchange.run(connection, {}, limit, token()).claim;
    }
    /// By another instance.
    Claim claim_elsewhere(pg::Connection& other) {
        return outbox::Exchange{settings()}.run(other, {}, 10, token()).claim;
    }
    /// The first half of a claim, by hand. The second half: take().
    void lease(const LeaseToken& token) {
        connection.exec(
            sql::outbox::claim_lease,
            pg::Params{token.value, std::vector<std::string>{shop}, std::vector<std::int32_t>{10},
                       std::vector<std::string>{"+33700000001"}, 100, 30000, "test",
                       std::vector<bool>{false}, "AC1", std::vector<std::int64_t>{0}});
    }
    int take(const LeaseToken& token) {
        return connection
            .exec(sql::outbox::claim_take,
                  pg::Params{token.value, 0, std::vector<std::string>{}, 60000, 0.0})
            .size();
    }
    static Settlement settlement(const Claimed& m, Settled status,
                                 std::chrono::milliseconds wait = 0ms) {
        Settlement s{.id = m.id,
                     .seq = m.seq,
                     .lease = {m.tenant_id, m.to, m.token},
                     .status = status,
                     .attempts = m.attempt};
        if (status == Settled::sent) s.message_sid = "SM" + m.id.value;
        if (status == Settled::pending) s.attempts -= 1;
        s.wait = wait;
        return s;
    }
    std::size_t settle(const Claimed& m, Settled status, std::chrono::milliseconds wait = 0ms) {
        const Settlement s = settlement(m, status, wait);
        return outbox::settle(connection, {&s, 1});
    }
    std::string status(const std::string& id) const {
        return db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'");
    }
    std::string plan_of(const pg::Statement& statement, const std::string& arguments) const {
        auto other = test::connect_directly(db);
        pg::Transaction transaction{other};
        other.exec(sql::outbox::plan_by_index);
        other.exec_script(fmt::format("PREPARE plan_of AS {}", statement.text).c_str());
        std::string plan;
        const pg::Rows rows = other.exec_script(
            fmt::format("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE plan_of{}", arguments).c_str());
        for (const pg::Row row : rows) plan += row.string(0) + "\n";
        return plan;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_claim_takes_the_head_of_each_conversation_and_tells_all_to_send_it,
                        Claims) {
    const std::string first = add(kAnna, "one");
    add(kAnna, "two");
    const std::string other = add(kBert, "three");
    const Claim claimed = claim();
    BOOST_REQUIRE(claimed.messages.size() == 2);
    const Claimed& m = claimed.messages[0];
    BOOST_TEST(m.id.value == first);
    BOOST_TEST(m.to == kAnna);
    BOOST_TEST(m.from == "+33700000001");
    BOOST_TEST(m.body == "one");
    BOOST_TEST(m.attempt == 1);
    BOOST_TEST(m.tenant_id.value == shop);
    BOOST_TEST(!m.correlation_id.empty());
    BOOST_TEST(claimed.messages[1].id.value == other);
    BOOST_TEST(status(first) == "sending");
    BOOST_TEST(claimed.put_behind == 1);
    BOOST_TEST(claim().messages.empty());
}

BOOST_FIXTURE_TEST_CASE(a_settled_message_lets_the_next_one_go_at_once, Claims) {
    add(kAnna, "one");
    const std::string second = add(kAnna, "two");
    const std::string third = add(kAnna, "three");
    const Claimed one = claim().messages.at(0);
    const outbox::Done done{one, twilio::Accepted{"SM01", "queued"}};
    const Claim next = exchange.run(connection, {&done, 1}, 10, token()).claim;
    BOOST_REQUIRE(next.messages.size() == 1);
    BOOST_TEST(next.messages[0].id.value == second);
    settle(next.messages[0], Settled::dead);
    BOOST_TEST(claim().messages.at(0).id.value == third);
}

BOOST_FIXTURE_TEST_CASE(a_failed_message_keeps_its_place_until_it_is_due, Claims) {
    const std::string first = add(kAnna, "one");
    const std::string second = add(kAnna, "two");
    settle(claim().messages.at(0), Settled::failed, 200ms);
    const std::string third = add(kAnna, "three");
    const Claim early = claim();
    BOOST_TEST(early.messages.empty());
    BOOST_REQUIRE(early.next_due.has_value());
    BOOST_TEST(early.next_due->count() > 0);
    BOOST_TEST(early.next_due->count() <= 200);
    std::this_thread::sleep_for(*early.next_due + 5ms);
    const Claimed again = claim().messages.at(0);
    BOOST_TEST(again.id.value == first);
    BOOST_TEST(again.attempt == 2);
    settle(again, Settled::sent);
    const Claimed next = claim().messages.at(0);
    BOOST_TEST(next.id.value == second);
    settle(next, Settled::sent);
    BOOST_TEST(claim().messages.at(0).id.value == third);
}

BOOST_FIXTURE_TEST_CASE(a_message_for_later_holds_up_nobody, Claims) {
    db.exec(fmt::format(R"(INSERT INTO messages_out (tenant_id, "to", body, next_attempt_at)
                           VALUES ('{}', '{}', 'tomorrow', (now() AT TIME ZONE 'UTC') + interval '1 day'))",
                        shop, kAnna));
    const std::string now = add(kAnna, "now");
    const Claim claimed = claim();
    BOOST_TEST(claimed.messages.at(0).id.value == now);
    BOOST_TEST(claimed.next_due.value().count() > 86'000'000);
}

BOOST_FIXTURE_TEST_CASE(a_message_put_back_has_its_attempt_again, Claims) {
    const std::string id = add(kAnna);
    settle(claim().messages.at(0), Settled::pending);
    BOOST_TEST(status(id) == "pending");
    BOOST_TEST(claim().messages.at(0).attempt == 1);
}

BOOST_FIXTURE_TEST_CASE(settling_twice_has_one_effect, Claims) {
    const std::string id = add(kAnna);
    const Claimed m = claim().messages.at(0);
    BOOST_TEST(settle(m, Settled::sent) == 1);
    BOOST_TEST(settle(m, Settled::sent) == 0);
    BOOST_TEST(settle(m, Settled::dead) == 0);
    BOOST_TEST(status(id) == "sent");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
}

BOOST_FIXTURE_TEST_CASE(an_expired_lease_makes_its_message_unknown_and_never_pending, Claims) {
    const std::string id = add(kAnna);
    const std::string next = add(kAnna);
    const Claimed m = claim().messages.at(0);
    BOOST_TEST(outbox::sweep(connection) == 0);
    db.exec("UPDATE outbox_leases SET expires_at = now()");
    BOOST_TEST(outbox::sweep(connection) == 1);
    BOOST_TEST(outbox::sweep(connection) == 0);
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(
        db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_outcome_unknown'") ==
        1);
    BOOST_TEST(claim().messages.empty());

    // Whoever had it was only slow: what it knows still holds.
    BOOST_TEST(settle(m, Settled::sent) == 1);
    BOOST_TEST(status(id) == "sent");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") == 1);
    BOOST_TEST(claim().messages.at(0).id.value == next);
}

BOOST_FIXTURE_TEST_CASE(a_renewed_lease_does_not_expire, Claims) {
    add(kAnna);
    const Claimed m = claim().messages.at(0);
    db.exec("UPDATE outbox_leases SET expires_at = now()");
    const outbox::Lease lease{m.tenant_id, m.to, m.token};
    outbox::renew(connection, {&lease, 1}, 30s);
    BOOST_TEST(outbox::sweep(connection) == 0);
    const outbox::Lease others{m.tenant_id, m.to, {"another token"}};
    db.exec("UPDATE outbox_leases SET expires_at = now()");
    outbox::renew(connection, {&others, 1}, 30s);
    BOOST_TEST(outbox::sweep(connection) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_claim_whose_commit_was_not_answered_is_found_by_its_token, Claims) {
    const std::string id = add(kAnna);
    add(kBert);
    const Claim claimed = claim();
    settle(claimed.messages.at(1), Settled::sent);
    const auto found = outbox::find_claimed(connection, claimed.messages[0].token);
    BOOST_REQUIRE(found.size() == 1);
    BOOST_TEST(found[0].id.value == id);
    BOOST_TEST(settle(found[0], Settled::pending) == 1);
    BOOST_TEST(claim().messages.at(0).id.value == id);
}

// The older snapshot of a claim does not see what was put back at its place a moment ago.
BOOST_FIXTURE_TEST_CASE(
    a_claim_gives_a_conversation_back_when_an_earlier_message_has_returned_meanwhile, Claims) {
    const std::string first = add(kAnna, "one");
    db.exec("DELETE FROM outbox_queue");  // in flight elsewhere
    const std::string second = add(kAnna, "two");
    const LeaseToken ours = token();
    {
        pg::Transaction transaction{connection};
        lease(ours);
        db.exec(
            "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, is_retry) "
            "SELECT seq, id, "
            "tenant_id, \"to\", now() + interval '1 s', true FROM messages_out WHERE id = '" +
            first + "'");
        BOOST_TEST(take(ours) == 0);
        transaction.commit();
    }
    BOOST_TEST(status(second) == "pending");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 2);
}

// Its due time is then later than the claim's transaction, and the claim sees it all the same.
BOOST_FIXTURE_TEST_CASE(
    a_message_that_was_made_due_after_a_claims_transaction_began_goes_before_later_ones, Claims) {
    const std::string first = add(kAnna, "one");
    const std::string second = add(kAnna, "two");
    db.exec(
        "UPDATE outbox_queue SET is_behind = true, due_at = now() + interval '1 min' WHERE "
        "message_id = '" +
        first + "'");
    const LeaseToken ours = token();
    {
        pg::Transaction transaction{connection};
        connection.exec_script("SELECT now()");
        db.exec(
            "UPDATE outbox_queue SET is_behind = false, due_at = clock_timestamp() WHERE "
            "message_id = '" +
            first + "'");  // as promote.sql does
        lease(ours);
        BOOST_TEST(take(ours) == 0);
        transaction.commit();
    }
    BOOST_TEST(status(second) == "pending");
    const Claim next = claim();
    BOOST_REQUIRE(next.messages.size() == 1);
    BOOST_TEST(next.messages[0].id.value == first);
}

BOOST_FIXTURE_TEST_CASE(a_stop_committed_while_a_claim_looks_is_seen_by_it, Claims) {
    const std::string id = add(kAnna);
    const LeaseToken ours = token();
    pg::Transaction transaction{connection};
    lease(ours);
    db.exec("INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('" + shop + "', '" + kAnna +
            "')");
    BOOST_TEST(take(ours) == 0);
    transaction.commit();
    BOOST_TEST(status(id) == "blocked");
}

BOOST_FIXTURE_TEST_CASE(two_claims_never_have_one_conversation, Claims) {
    add(kAnna, "one");
    add(kAnna, "two");
    const LeaseToken ours = token();
    pg::Transaction transaction{connection};
    lease(ours);
    BOOST_TEST(take(ours) == 1);
    auto other = db.connect();
    BOOST_TEST(claim_elsewhere(other).messages.empty());
    transaction.commit();
    BOOST_TEST(claim_elsewhere(other).messages.empty());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'") == 1);
}

struct Promotion : Claims {
    /// What stands behind the message that is settled goes next, although somebody else has it
    /// locked while it is settled, by `statement`.
    void goes_on_after(const char* statement) {
        add(kAnna, "one");
        const std::string second = add(kAnna, "two");
        const Claimed one = claim().messages.at(0);
        auto other = db.connect();
        pg::Transaction older{other};
        other.exec_script(statement);
        std::jthread ends_later{[&] {
            std::this_thread::sleep_for(300ms);
            older.commit();
        }};
        settle(one, Settled::sent);
        const Claim next = claim();
        BOOST_REQUIRE(next.messages.size() == 1);
        BOOST_TEST(next.messages[0].id.value == second);
    }
};

// A claim that began before another one put a message behind its predecessor locks the message all
// the same.
BOOST_FIXTURE_TEST_CASE(a_message_that_an_older_claim_has_locked_is_still_promoted, Promotion) {
    goes_on_after("SELECT FROM outbox_queue FOR UPDATE");
}

BOOST_FIXTURE_TEST_CASE(a_message_that_somebody_is_just_changing_is_still_promoted, Promotion) {
    goes_on_after("UPDATE outbox_queue SET due_at = due_at + interval '1 h' WHERE is_behind");
}

BOOST_FIXTURE_TEST_CASE(deleting_a_message_lets_the_next_one_go, Claims) {
    const std::string first = add(kAnna, "one");
    const std::string second = add(kAnna, "two");
    settle(claim().messages.at(0), Settled::failed, 1h);
    BOOST_TEST(claim().messages.empty());
    db.exec("DELETE FROM messages_out WHERE id = '" + first + "'");
    BOOST_TEST(claim().messages.at(0).id.value == second);
}

BOOST_FIXTURE_TEST_CASE(a_status_typed_by_hand_is_refused, Claims) {
    const std::string id = add(kAnna);
    BOOST_CHECK_THROW(db.exec("UPDATE messages_out SET status = 'sending' WHERE id = '" + id + "'"),
                      pg::Error);
    BOOST_CHECK_THROW(db.exec("UPDATE messages_out SET status = 'sent' WHERE id = '" + id + "'"),
                      pg::Error);
    BOOST_TEST(status(id) == "pending");
}

BOOST_FIXTURE_TEST_CASE(a_claim_reads_few_rows_by_index_however_many_wait, Claims) {
    db.exec(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) "
        "SELECT 't' || g, 'shop', '+337111' || lpad(g::text, 5, '0') FROM generate_series(1, 100) "
        "AS g");
    db.warm_up("credentials:test");
    for (int part = 0; part < 20; ++part) {
        db.exec(fmt::format(
            R"(SET session_replication_role = replica;
               INSERT INTO messages_out (tenant_id, "to", body)
               SELECT 't' || 1 + g % 100, '+336' || lpad((g / 3)::text, 8, '0'), 'text'
               FROM generate_series({}, {}) AS g)",
            part * 10'000 + 1, (part + 1) * 10'000));
    }
    db.exec(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) "
        "SELECT seq, id, tenant_id, \"to\", now() FROM messages_out");
    db.exec(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) "
        "SELECT -g, 'gone', 't1', 'gone', now() - interval '1 h' FROM generate_series(1, 20000) AS "
        "g");
    db.exec("DELETE FROM outbox_queue WHERE seq < 0");
    // What a hundred claims may cost, many times over; one that scanned would take a second each.
    // Plans are made while the table is as it is, which the statistics do not know.
    const auto before = std::chrono::steady_clock::now();
    std::size_t claimed = 0;
    for (int i = 0; i < 100; ++i) claimed += claim(64).messages.size();
    const auto took = std::chrono::steady_clock::now() - before;
    BOOST_TEST(claimed == 6400);
    BOOST_TEST_MESSAGE(fmt::format("a claim of 64 among 200,000 takes {:.1f} ms",
                                   std::chrono::duration<double, std::milli>(took).count() / 100));
    BOOST_TEST((took < 60s));

    for (int generic = 0; generic < 2; ++generic) {
        const std::string lease = plan_of(sql::outbox::claim_lease,
                                          "('t', '{t1,t2}', '{32,32}', '{+33,+33}', 16, 30000, "
                                          "'i', '{f,f}', 'AC1', '{1,1}')");
        BOOST_TEST(lease.find("Seq Scan") == std::string::npos, lease);
        BOOST_TEST(lease.find("Index Scan using outbox_queue_tenant_idx") != std::string::npos,
                   lease);
        BOOST_TEST(
            lease.find("Index Scan using outbox_queue_conversation_idx") != std::string::npos,
            lease);
        BOOST_TEST(plan_of(sql::outbox::next_due, "('{t1,t2}', '{1,1}')")
                       .find("outbox_queue_due_at_idx") != std::string::npos);
        for (const char* mark : {"NULL, NULL", "1, 1"}) {
            const std::string lanes = plan_of(
                sql::outbox::lanes, fmt::format("(NULL, '', 256, 64, {}, '{{}}', 128, 16)", mark));
            BOOST_TEST(lanes.find("Seq Scan on outbox_queue") == std::string::npos, lanes);
            BOOST_TEST(lanes.find("Seq Scan on tenants") == std::string::npos, lanes);
            BOOST_TEST(lanes.find("Index Scan using outbox_queue_tenant_idx") != std::string::npos,
                       lanes);
        }
        const std::string settle = plan_of(sql::outbox::settle,
                                           "('{1}', '{t}', '{sent}', '{1}', '{SM}', '{+33}', "
                                           "'{null}', '{null}', '{null}', '{0}')");
        BOOST_TEST(settle.find("Seq Scan") == std::string::npos, settle);
        db.exec("ANALYZE outbox_queue, outbox_leases, messages_out, opt_outs");
    }
}

BOOST_FIXTURE_TEST_CASE(a_long_conversation_costs_the_others_nothing, Claims) {
    db.exec(fmt::format(R"(INSERT INTO messages_out (tenant_id, "to", body)
                           SELECT '{}', '{}', 'n' || g FROM generate_series(1, 5000) AS g)",
                        shop, kAnna));
    const std::string id = add(kBert);
    const auto before = std::chrono::steady_clock::now();
    int claims = 0;
    bool is_found = false;
    while (!is_found && claims < 100) {
        const Claim c = claim(64);
        ++claims;
        for (const Claimed& m : c.messages) is_found = is_found || m.id.value == id;
    }
    const auto took = std::chrono::steady_clock::now() - before;
    BOOST_TEST(is_found);
    BOOST_TEST_MESSAGE(fmt::format(
        "moving 5,000 messages of one conversation out of the way: {} claims, {:.0f} ms", claims,
        std::chrono::duration<double, std::milli>(took).count()));
    BOOST_TEST((took < 30s));
    // And they stay out of the way of later claims.
    const Claim next = claim(64);
    BOOST_TEST(next.put_behind == 0);
    BOOST_TEST(!next.saw_not_all);
}

// As many tenants have messages as one walk visits, so that the next one finds nobody.
BOOST_FIXTURE_TEST_CASE(a_walk_that_ends_with_nobody_begins_again, Claims) {
    db.exec(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) SELECT 't' || lpad(g::text, 2, "
        "'0'), 'shop', '+337111' || lpad(g::text, 5, '0') FROM generate_series(1, 64) AS g");
    db.warm_up("credentials:test");
    db.exec(R"(INSERT INTO messages_out (tenant_id, "to", body)
               SELECT 't' || lpad(t::text, 2, '0'), '+336' || lpad(g::text, 8, '0'), 'text'
               FROM generate_series(1, 64) AS t, generate_series(1, 6) AS g)");
    std::size_t claimed = 0;
    bool goes_on = true;
    for (int claims = 0; goes_on && claims < 20; ++claims) {
        const outbox::Exchanged exchanged = exchange.run(connection, {}, 64, token());
        claimed += exchanged.claim.messages.size();
        goes_on = exchanged.may_find_more;
    }
    BOOST_TEST(claimed == 6U * 64U);
    BOOST_TEST(!goes_on);
}

// What outcomes say of the provider counts once, also when a process gives them again: one of the
// messages is another's by then, and one is unknown.
BOOST_FIXTURE_TEST_CASE(what_a_commit_in_doubt_has_judged_is_not_judged_again, Claims) {
    add(kAnna);
    add(kBert);
    const Claim claimed = claim();
    BOOST_REQUIRE(claimed.messages.size() == 2);
    const std::vector<outbox::Done> done{
        {.message = claimed.messages[0], .outcome = twilio::ProviderDown{"busy", 20503, 503, {}}},
        {.message = claimed.messages[1], .outcome = twilio::OutcomeUnknown{"timeout", 0, 0}}};
    const auto failures = [&] {
        return db.query_value("SELECT failures FROM outbox_scopes WHERE scope = 'provider'");
    };
    test::DatabaseProxy between{db.options()};
    pg::Connection through{between.options()};
    between.proxy().lose_answer("COMMIT");
    BOOST_CHECK_THROW(exchange.run(through, done, 0, token()), pg::CommitUnknown);
    BOOST_TEST(failures() == "2");

    db.exec("UPDATE outbox_queue SET due_at = now()");
    BOOST_TEST(claim_elsewhere(connection).messages.size() == 1);
    BOOST_TEST(exchange.run(connection, done, 0, token()).settled.size() == 2);
    BOOST_TEST(failures() == "2");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'") == 1);
}

// The commit in doubt had not happened: its outcomes count, also when the message was swept before
// they could be told.
BOOST_FIXTURE_TEST_CASE(what_a_commit_in_doubt_has_lost_is_judged, Claims) {
    for (const bool is_swept : {false, true}) {
        BOOST_TEST_CONTEXT("swept: " << is_swept) {
            add(is_swept ? kAnna : kBert);
            const std::vector<outbox::Done> done{
                {.message = claim().messages.at(0),
                 .outcome = twilio::ProviderDown{"busy", 20503, 503, {}}}};
            const std::string id = done[0].message.id.value;
            pg::ConnectOptions options = db.options("in doubt");
            options.answer_timeout = 500ms;
            pg::Connection slow{options};
            pg::Connection locks = db.connect();
            {
                const pg::Transaction lock{locks};
                locks.exec_script("LOCK TABLE messages_out");
                BOOST_CHECK_THROW(exchange.run(slow, done, 0, token()), pg::CommitUnknown);
                BOOST_TEST(test::eventually([&] {
                    return db.count(
                               "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                               "WHERE application_name = 'pgcourier/in doubt'") == 0;
                }));
            }
            if (is_swept) {
                db.exec("UPDATE outbox_leases SET expires_at = now()");
                BOOST_TEST(outbox::sweep(connection) == 1);
            }
            BOOST_TEST(status(id) == (is_swept ? "unknown" : "sending"));
            exchange.run(connection, done, 0, token());
            BOOST_TEST(status(id) == "failed");
            BOOST_TEST(db.count("SELECT failures FROM outbox_scopes WHERE scope = 'provider'") ==
                       (is_swept ? 2 : 1));
        }
    }
}

// ---- Somebody else has a message locked

BOOST_FIXTURE_TEST_CASE(a_message_that_somebody_has_locked_keeps_no_other_waiting, Claims) {
    const std::string locked = add(kAnna, "good");
    add(kAnna, "behind it");
    const std::string other = add(kBert);
    pg::Connection person = db.connect("person");
    {
        pg::Transaction transaction{person};
        person.exec_script(
            fmt::format("UPDATE messages_out SET body = 'better' WHERE id = '{}'", locked).c_str());
        const Claim claimed = claim();
        BOOST_REQUIRE(claimed.messages.size() == 1);
        BOOST_TEST(claimed.messages[0].id.value == other);
        BOOST_TEST(settle(claimed.messages[0], Settled::sent) == 1);
        // Neither now nor when it is looked at again, nor what must come after it.
        BOOST_TEST(claim().messages.empty());
        db.exec("UPDATE outbox_queue SET due_at = now()");
        BOOST_TEST(claim().messages.empty());
        BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);
        BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 2);
        transaction.commit();
    }
    Claim claimed;
    BOOST_TEST(test::eventually([&] { return !(claimed = claim()).messages.empty(); }));
    BOOST_REQUIRE(claimed.messages.size() == 1);
    BOOST_TEST(claimed.messages[0].body == "better");
    BOOST_TEST(claimed.messages[0].attempt == 1);
    settle(claimed.messages[0], Settled::sent);
    BOOST_TEST(claim().messages.at(0).body == "behind it");
}

BOOST_FIXTURE_TEST_CASE(an_outcome_waits_while_somebody_has_its_message_locked, Claims) {
    const std::string locked = add(kAnna);
    const std::string other = add(kBert);
    std::vector<outbox::Done> done;
    for (const Claimed& m : claim().messages)
        done.push_back({m, twilio::Accepted{"SM" + m.id.value, "queued"}});
    BOOST_REQUIRE(done.size() == 2);
    pg::Connection person = db.connect("person");
    outbox::Done again;
    {
        const pg::Transaction transaction{person};
        person.exec_script(
            fmt::format("SELECT FROM messages_out WHERE id = '{}' FOR UPDATE", locked).c_str());
        const outbox::Exchanged exchanged = exchange.run(connection, done, 10, token());
        BOOST_TEST(status(other) == "sent");
        BOOST_TEST(status(locked) == "sending");
        BOOST_REQUIRE(exchanged.locked.size() == 1);
        const std::size_t place = done[0].message.seq == *exchanged.locked.begin() ? 0 : 1;
        BOOST_TEST(done[place].message.id.value == locked);
        again = done[place];
        again.judged = exchanged.settled[place];
        BOOST_TEST(exchange.run(connection, {&again, 1}, 10, token()).locked.size() == 1);
    }
    BOOST_TEST(exchange.run(connection, {&again, 1}, 0, token()).locked.empty());
    BOOST_TEST(status(locked) == "sent");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_leases") == 0);
}

// What it says of others counts once, and the person's wish too, though it is written late.
BOOST_FIXTURE_TEST_CASE(an_outcome_that_waits_is_judged_once_and_an_opt_out_recorded_with_it,
                        Claims) {
    add(kAnna);
    add(kBert);
    const Claim claimed = claim();
    std::vector<outbox::Done> done{
        {claimed.messages.at(0), twilio::ProviderDown{"busy", 20503, 503, {}}},
        {claimed.messages.at(1), twilio::Refused{.code = 21610,
                                                 .permanent = true,
                                                 .error_class = twilio::ErrorClass::permanent,
                                                 .reason = "twilio 21610"}}};
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script("SELECT FROM messages_out FOR UPDATE");
        const outbox::Exchanged exchanged = exchange.run(connection, done, 0, token());
        BOOST_TEST(exchanged.locked.size() == 2);
        for (std::size_t i = 0; i < 2; ++i) done[i].judged = exchanged.settled[i];
        exchange.run(connection, done, 0, token());
    }
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    exchange.run(connection, done, 0, token());
    BOOST_TEST(db.query_rows("SELECT status FROM messages_out ORDER BY seq") ==
                   (std::vector<std::string>{"failed", "dead"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_value("SELECT failures FROM outbox_scopes WHERE scope = 'provider'") ==
               "1");
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 1);
}

// Recording it may wait for the shop's row.
BOOST_FIXTURE_TEST_CASE(an_opt_out_that_must_wait_keeps_no_outcome_waiting, Claims) {
    const std::string id = add(kAnna);
    const outbox::Done done{claim().messages.at(0),
                            twilio::Refused{.code = 21610,
                                            .permanent = true,
                                            .error_class = twilio::ErrorClass::permanent,
                                            .reason = "twilio 21610"}};
    test::FakeClock clock;
    outbox::Exchange own{settings(), clock};
    pg::ConnectOptions options = db.options("impatient");
    options.statement_timeout = 300ms;
    pg::Connection impatient{options};
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script("SELECT FROM tenants FOR UPDATE");
        BOOST_CHECK_THROW(own.run(impatient, {&done, 1}, 0, token()), pg::Error);
        own.run(impatient, {&done, 1}, 0, token());
        BOOST_TEST(status(id) == "dead");
        BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    }
    own.run(impatient, {}, 0, token());
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    clock.advance(1min);
    own.run(impatient, {}, 0, token());
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 1);
}

// Somebody takes the next message of the conversation back, and does not commit.
BOOST_FIXTURE_TEST_CASE(after_a_wait_in_vain_the_next_message_is_left_for_later, Claims) {
    const std::string first = add(kAnna, "one");
    const std::string second = add(kAnna, "two");
    const outbox::Done done{claim().messages.at(0), twilio::Accepted{"SM1", "queued"}};
    pg::ConnectOptions options = db.options("impatient");
    options.statement_timeout = 300ms;
    pg::Connection impatient{options};
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script(fmt::format("SELECT ops.cancel_message('{}')", second).c_str());
        BOOST_CHECK_THROW(exchange.run(impatient, {&done, 1}, 10, token()), pg::Error);
        exchange.run(impatient, {&done, 1}, 10, token());
        BOOST_TEST(status(first) == "sent");
    }
    db.exec("UPDATE outbox_queue SET due_at = now()");
    BOOST_TEST(claim().messages.at(0).id.value == second);
}

// A row of another table that refers to a message locks it weakly.
BOOST_FIXTURE_TEST_CASE(who_refers_to_a_message_does_not_keep_its_outcome_waiting, Claims) {
    const std::string id = add(kAnna);
    const Claim claimed = claim();
    db.exec("CREATE TABLE replies (message_id text REFERENCES messages_out (id))");
    pg::Connection person = db.connect("person");
    const pg::Transaction transaction{person};
    person.exec_script(fmt::format("INSERT INTO replies VALUES ('{}')", id).c_str());
    BOOST_TEST(settle(claimed.messages.at(0), Settled::sent) == 1);
    BOOST_TEST(status(id) == "sent");
}

// Somebody's snapshot keeps what was claimed in the indexes: claims begin at marks then, and what
// comes in below one is found when the start is read, of which whoever looks is told.
BOOST_FIXTURE_TEST_CASE(what_falls_due_below_a_mark_is_found_from_the_start, Claims) {
    test::FakeClock clock;
    outbox::Exchange marked{settings(), clock};
    pg::Connection holder = test::connect_directly(db);
    holder.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    db.exec(fmt::format(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) "
        "SELECT -g, 'gone', '{}', 'gone', now() - interval '1 h' FROM generate_series(1, 200000) "
        "AS g",
        shop));
    db.exec("DELETE FROM outbox_queue WHERE seq < 0");
    const auto look = [&](std::chrono::milliseconds later) {
        clock.advance(later);
        return marked.run(connection, {}, 10, token()).claim;
    };
    look(0ms);  // from the start; that is read again in 120 times as long as it took
    look(outbox::Mark::kTrail);

    const std::string late = add(kAnna);
    const std::string fresh = add(kBert);
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '2 h' WHERE message_id = '" + late +
            "'");
    const Claim from_marks = look(outbox::Mark::kTrail);  // begins lower, but not so low
    BOOST_REQUIRE(from_marks.messages.size() == 1);
    BOOST_TEST(from_marks.messages[0].id.value == fresh);
    BOOST_REQUIRE(from_marks.next_due.has_value());
    BOOST_TEST((*from_marks.next_due > 0ms));
    BOOST_TEST((*from_marks.next_due <= outbox::Mark::kLongestPause));

    const Claim from_start = look(*from_marks.next_due);
    BOOST_REQUIRE(from_start.messages.size() == 1);
    BOOST_TEST(from_start.messages[0].id.value == late);
}
