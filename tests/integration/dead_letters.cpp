// links: outbox
// What a person does about dead letters, one by one and many at once.
#include "outbox/exchange.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace pgcourier;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33612345679";

struct Letters {
    test::TestDatabase db;
    pg::Connection connection = db.connect();
    std::string shop = db.add_tenant("shop", "+33700000001");
    outbox::Exchange exchange{
        {.scopes = {.credentials = "credentials:test"}, .instance_id = "test"}};
    int tokens = 0;

    Letters() { db.warm_up("credentials:test"); }
    outbox::Claim claim() {
        return exchange.run(connection, {}, 10, {fmt::format("token-{}", ++tokens)}).claim;
    }
    /// A message that was given up, with its dead letter; both have `id`.
    void add_dead(const std::string& id, int code = 63016, const std::string& to = kAnna,
                  const std::string& tenant = {}) const {
        db.exec(fmt::format(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, attempts, deferrals, "
            "error_code, last_error) VALUES ('{0}', '{1}', '{2}', '{0}', 'dead', 5, 3, {3}, "
            "'twilio {3}'); "
            "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, error_message, "
            "attempts) VALUES ('{0}', '{1}', 'message_out', '{{\"message_out_id\": \"{0}\"}}', "
            "'twilio {3}', 5)",
            id, tenant.empty() ? shop : tenant, to, code));
    }
    /// One that Twilio took and could not deliver.
    void add_undelivered(const std::string& id) const {
        db.exec(fmt::format(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, media_url, status, attempts, "
            "error_code, delivery_status, undelivered_at, provider_message_id, correlation_id) "
            "VALUES ('{0}', '{1}', '{2}', 'words', 'https://a.test/1.jpg', 'sent', 1, 63016, "
            "'undelivered', now(), 'SM1', 'c-{0}'); "
            "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, attempts) VALUES "
            "('{0}', '{1}', 'message_out', '{{\"message_out_id\": \"{0}\"}}', 1)",
            id, shop, kAnna));
    }
    std::string ask(const std::string& call) const {
        try {
            return db.query_value("SELECT " + call);
        } catch (const pg::Error& e) {
            return e.what();
        }
    }
    /// What a function that returns rows did to each, as `id:is_done`.
    std::string ids(const std::string& call) const {
        return db.query_value(
            "SELECT string_agg(dead_letter_id || CASE WHEN is_done THEN '' ELSE '-' END, ' ') "
            "FROM " +
            call);
    }
    std::string status(const std::string& id) const {
        return db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'");
    }
    std::string open_letters() const {
        return db.query_value(
            "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') FROM ops.dead_letters");
    }
    /// Claims, sends and settles until nothing is due. returns the ids in their order
    std::string send_all() {
        std::string sent;
        while (true) {
            const outbox::Claim found = claim();
            if (found.messages.empty() && found.put_behind == 0) return sent;
            for (const outbox::Claimed& m : found.messages) {
                sent += (sent.empty() ? "" : " ") + m.id.value;
                const outbox::Settlement s{.id = m.id,
                                           .seq = m.seq,
                                           .lease = {m.tenant_id, m.to, m.token},
                                           .status = outbox::Settled::sent,
                                           .attempts = m.attempt,
                                           .message_sid = "SM" + m.id.value};
                outbox::settle(connection, {&s, 1});
            }
        }
    }
    /// Time passes until the first `count` of what waits are due.
    void make_due(int count) const {
        db.exec(
            fmt::format("UPDATE outbox_queue SET due_at = now() WHERE seq IN (SELECT seq FROM "
                        "outbox_queue ORDER BY due_at, seq LIMIT {})",
                        count));
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(one_is_retried_from_the_start_and_who_did_it_is_kept, Letters) {
    add_dead("a");
    BOOST_TEST(ask("ops.retry_dead_letter('a', by => 'zoe', reason => 'window is open')") ==
               "message out a is pending again");
    BOOST_TEST(db.query_value("SELECT status || attempts || deferrals || coalesce(error_code, 0) "
                              "FROM messages_out") == "pending000");
    BOOST_TEST(open_letters() == "");
    BOOST_TEST(db.query_rows("SELECT event_type, entity_type, entity_id, actor_type, payload ->> "
                             "'by', payload ->> 'reason', payload ->> 'dead_letter_id' FROM "
                             "event_log") ==
                   std::vector<std::string>{
                       "dead_letter_retried|message_out|a|operator|zoe|window is open|a"},
               boost::test_tools::per_element());
    BOOST_TEST(has(ask("ops.retry_dead_letter('a')"), "already resolved"));
    BOOST_TEST(has(ask("ops.retry_dead_letter('nothing')"), "no dead letter has the id"));
    BOOST_TEST(send_all() == "a");
}

BOOST_FIXTURE_TEST_CASE(without_a_name_the_database_user_did_it, Letters) {
    add_dead("a");
    add_dead("b");
    ask("ops.retry_dead_letter('a')");
    ask("ops.discard_dead_letter('b', 'too old')");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE payload ->> 'by' = session_user") ==
               2);
    BOOST_TEST(status("b") == "dead");
    BOOST_TEST(db.query_value("SELECT payload ->> 'reason' FROM event_log WHERE event_type = "
                              "'dead_letter_discarded'") == "too old");
}

BOOST_FIXTURE_TEST_CASE(one_that_was_sent_and_not_delivered_is_written_anew, Letters) {
    add_undelivered("a");
    const std::string said = ask("ops.retry_dead_letter('a')");
    const std::string anew = db.query_value("SELECT id FROM messages_out WHERE status = 'pending'");
    BOOST_REQUIRE(!anew.empty());
    BOOST_TEST(has(said, "written again as message " + anew), said);
    BOOST_TEST(status("a") == "sent");
    BOOST_TEST(
        db.query_value("SELECT \"to\" || '|' || body || '|' || media_url || '|' || correlation_id "
                       "FROM messages_out WHERE id = '" +
                       anew + "'") == "+33612345678|words|https://a.test/1.jpg|c-a");
    BOOST_TEST(db.query_value("SELECT payload ->> 'new_message_id' FROM event_log WHERE entity_id "
                              "= 'a'") == anew);
    BOOST_TEST(open_letters() == "");
    BOOST_TEST(send_all() == anew);
}

BOOST_FIXTURE_TEST_CASE(one_that_arrived_after_all_is_not_written_again, Letters) {
    add_undelivered("a");
    db.exec("UPDATE messages_out SET delivered_at = now(), delivery_status = 'read'");
    BOOST_TEST(has(ask("ops.retry_dead_letter('a')"), "was delivered after all"));
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true)") == "a-");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 1);
}

BOOST_FIXTURE_TEST_CASE(two_letters_of_one_message_write_it_again_once, Letters) {
    add_undelivered("a");
    db.exec(
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, attempts) SELECT 'b', "
        "tenant_id, job_type, payload, attempts FROM dead_letter_jobs");
    ids("ops.retry_dead_letters(everything => true)");
    BOOST_TEST(open_letters() == "");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'pending'") == 1);
    BOOST_TEST(has(ask("ops.retry_dead_letter('b')"), "already resolved"));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 2);
}

BOOST_FIXTURE_TEST_CASE(one_that_would_be_sent_too_late_is_left_and_says_so, Letters) {
    add_dead("a");
    db.exec("UPDATE messages_out SET expires_at = now()");
    BOOST_TEST(has(ask("ops.retry_dead_letter('a')"), "it would be sent too late"));
    BOOST_TEST(open_letters() == "a");
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true)") == "a-");
    BOOST_TEST(status("a") == "dead");
}

BOOST_FIXTURE_TEST_CASE(an_event_is_routed_again_and_one_that_is_gone_is_left, Letters) {
    db.exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id) VALUES "
        "('msg:1', 'inbound', 'form', '', '{}', 'c');"
        "INSERT INTO dead_letter_jobs (id, job_type, payload) SELECT 'e', 'webhook_event', "
        "jsonb_build_object('webhook_event_id', id) FROM webhook_events;"
        "INSERT INTO dead_letter_jobs (id, job_type, payload) VALUES ('gone', 'webhook_event', "
        "'{\"webhook_event_id\": 999}')");
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true)") == "e gone-");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 1);
    BOOST_TEST(open_letters() == "gone");
}

// The shop whose number it was has another one: its clients' messages are no business of the next
// one's.
BOOST_FIXTURE_TEST_CASE(an_event_is_not_routed_to_the_shop_that_has_the_number_by_now, Letters) {
    db.exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, \"to\", correlation_id) "
        "VALUES "
        "('msg:1', 'inbound', 'form', '', '{}', '+33700000001', 'c'), ('status:1', 'status', "
        "'form', '', '{}', '+33700000001', 'c');"
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload) SELECT key, '" +
        shop +
        "', 'webhook_event', jsonb_build_object('webhook_event_id', id) FROM webhook_events;");
    const auto event = db.query_value("SELECT id FROM webhook_events WHERE key = 'msg:1'");
    db.exec("UPDATE tenants SET whatsapp_phone_number = NULL");
    for (const bool has_next : {false, true}) {
        if (has_next) db.add_tenant("next", "+33700000001");
        db.exec("DELETE FROM webhook_queue");
        for (const std::string& call : {std::string{"ops.retry_dead_letter('msg:1')"},
                                        fmt::format("ops.reroute(event => {})", event)}) {
            const std::string said = ask(call);
            BOOST_TEST(said.find("which does not have that number any more") != std::string::npos,
                       said);
        }
        BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    }
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true)") == "msg:1- status:1");

    db.exec("DELETE FROM tenants WHERE name = 'next'");
    db.exec("UPDATE tenants SET whatsapp_phone_number = '+33700000001'");
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true)") == "msg:1");
    BOOST_TEST(open_letters() == "");
}

BOOST_FIXTURE_TEST_CASE(one_that_is_not_as_we_write_them_holds_up_none_of_the_others, Letters) {
    add_dead("a");
    db.exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload) VALUES "
        "('b', 'webhook_event', '{\"webhook_event_id\": \"seven\"}'), ('c', 'webhook_event', "
        "'{\"webhook_event_id\": 1e30}'), ('d', 'message_out', '[]')");
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true, dry_run => true)") == "a- b- c- d-");
    BOOST_TEST(ids("ops.retry_dead_letters(everything => true)") == "a b- c- d-");
    BOOST_TEST(open_letters() == "b c d");
    BOOST_TEST(ids("ops.discard_dead_letters(everything => true)") == "b c d");
    BOOST_TEST(open_letters().empty());
}

BOOST_FIXTURE_TEST_CASE(of_very_many_the_oldest_are_done_at_once_and_the_newest_are_shown,
                        Letters) {
    db.exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload, created_at) SELECT "
        "'l' || g, 'webhook_event', '{}', timestamp '2026-01-01' + g * interval '1 s' FROM "
        "generate_series(1, 10005) AS g");
    const std::string one_call =
        "SELECT count(*) || ' ' || bool_or(dead_letter_id = 'l1') || ' ' || "
        "bool_or(dead_letter_id = 'l10001') FROM ops.{}(everything => true, dry_run => true)";
    for (const char* function : {"retry_dead_letters", "discard_dead_letters"})
        BOOST_TEST(db.query_value(fmt::format(fmt::runtime(one_call), function)) ==
                   "10000 true false");
    BOOST_TEST(db.query_value("SELECT count(*) || ' ' || min(created_at) FROM ops.dead_letters") ==
               "10000 2026-01-01 00:00:06");
}

BOOST_FIXTURE_TEST_CASE(many_are_chosen_by_shop_code_and_time, Letters) {
    const std::string other = db.add_tenant("other", "+33700000002");
    add_dead("a", 63016);
    add_dead("b", 63018);
    add_dead("c", 63016, kAnna, other);
    add_dead("d", 63018);
    db.exec(
        "UPDATE dead_letter_jobs SET created_at = created_at - interval '2 hours' WHERE id = "
        "'d'");
    const auto would = [&](const std::string& filter) {
        return ids("ops.retry_dead_letters(dry_run => true, " + filter + ")");
    };
    BOOST_TEST(would("code => 63016") == "a- c-");
    BOOST_TEST(would("tenant => '" + other + "'") == "c-");
    BOOST_TEST(would("code => 63018, since => now() - interval '1 hour'") == "b-");
    BOOST_TEST(would("until => now() - interval '1 hour'") == "d-");
    BOOST_TEST(would("everything => true") == "a- b- c- d-");
    BOOST_TEST(has(ask("ops.retry_dead_letters()"), "no filter was given"));
    BOOST_TEST(has(ask("ops.discard_dead_letters()"), "no filter was given"));
    BOOST_TEST(db.count("SELECT count(*) FROM event_log") == 0);
    BOOST_TEST(open_letters() == "a b c d");

    BOOST_TEST(ids("ops.discard_dead_letters(code => 63018, by => 'zoe', dry_run => true)") ==
               "b- d-");
    BOOST_TEST(ids("ops.discard_dead_letters(code => 63018, by => 'zoe')") == "b d");
    BOOST_TEST(open_letters() == "a c");
    BOOST_TEST(ids("ops.retry_dead_letters(tenant => '" + other + "', by => 'zoe')") == "c");
    BOOST_TEST(open_letters() == "a");
    BOOST_TEST(db.query_value("SELECT string_agg(event_type || ':' || (payload ->> 'by'), ' ' "
                              "ORDER BY created_at) FROM event_log") ==
               "dead_letter_discarded:zoe dead_letter_discarded:zoe dead_letter_retried:zoe");
}

BOOST_FIXTURE_TEST_CASE(many_at_a_rate_are_due_one_after_the_other_and_keep_their_order, Letters) {
    for (const char* id : {"a1", "a2", "a3"}) add_dead(id);
    add_dead("b1", 63016, kBert);
    const std::string new_one = db.query_value(
        fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('a4', '{}', "
                    "'{}', 'x') RETURNING id",
                    shop, kAnna));
    db.exec("UPDATE messages_out SET seq = 1000 - seq WHERE id IN ('a1', 'a2')");  // a2 before a1
    BOOST_TEST(has(ask("ops.retry_dead_letters(everything => true, per_second => 0)"),
                   "expected more than 0"));

    BOOST_TEST(ids("ops.retry_dead_letters(everything => true, per_second => 0.01)") ==
               "a3 b1 a2 a1");

    BOOST_TEST(db.query_value("SELECT string_agg(message_id || ' ' || round(extract(epoch FROM "
                              "due_at - first) / 100), ', ' ORDER BY due_at) FROM outbox_queue, "
                              "(SELECT min(due_at) AS first FROM outbox_queue WHERE is_retry) AS f "
                              "WHERE is_retry") == "a3 0, b1 1, a2 2, a1 3");
    // What is later in its conversation waits for it, whether it was retried too or is new.
    BOOST_TEST(send_all() == "a3 a4");
    make_due(1);
    BOOST_TEST(send_all() == "b1");
    make_due(2);
    BOOST_TEST(send_all() == "a2 a1");
    BOOST_TEST(new_one == "a4");
}

BOOST_FIXTURE_TEST_CASE(a_new_message_waits_for_the_retry_of_an_earlier_one, Letters) {
    add_dead("b1", 63016, kBert);
    add_dead("a1");
    db.exec(
        fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('a2', "
                    "'{}', '{}', 'x')",
                    shop, kAnna));
    ids("ops.retry_dead_letters(everything => true, per_second => 0.001)");
    BOOST_TEST(send_all() == "b1");
    make_due(2);
    BOOST_TEST(send_all() == "a1 a2");
}

BOOST_FIXTURE_TEST_CASE(a_retry_while_a_later_message_is_in_flight_waits_for_it, Letters) {
    add_dead("a1");
    db.exec(
        fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('a2', "
                    "'{0}', '{1}', 'x'), ('a3', '{0}', '{1}', 'x')",
                    shop, kAnna));
    const outbox::Claim found = claim();
    BOOST_REQUIRE(found.messages.size() == 1);
    BOOST_TEST(found.messages[0].id.value == "a2");
    ask("ops.retry_dead_letter('a1')");
    BOOST_TEST(send_all() == "");
    const outbox::Claimed& m = found.messages[0];
    const outbox::Settlement s{.id = m.id,
                               .seq = m.seq,
                               .lease = {m.tenant_id, m.to, m.token},
                               .status = outbox::Settled::sent,
                               .attempts = 1,
                               .message_sid = "SM2"};
    outbox::settle(connection, {&s, 1});
    BOOST_TEST(send_all() == "a1 a3");
}
