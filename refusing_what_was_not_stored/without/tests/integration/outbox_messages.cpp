// links: outbox
// What a message can be: its rules, its times, its key; and taking it back.
#include "outbox/exchange.hpp"
#include "outbox/expiry.hpp"
#include "outbox/store.hpp"
#include "support/eventually.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <atomic>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33612345679";
constexpr const char* kTemplate = "HX0123456789abcdef0123456789abcdef";

struct Messages {
    test::TestDatabase db;
    pg::Connection connection = db.connect();
    std::string shop = db.add_tenant("shop", "+33700000001");
    outbox::Exchange exchange{
        {.scopes = {.credentials = "credentials:test"}, .instance_id = "test"}};
    int tokens = 0;

    Messages() { db.warm_up("credentials:test"); }

    /// An INSERT for the shop of these further columns, as SQL.
    std::string insert(const std::string& columns, const std::string& values,
                       const std::string& to = kAnna) const {
        return fmt::format(
            "INSERT INTO messages_out (tenant_id, \"to\", {}) VALUES ('{}', '{}', {})", columns,
            shop, to, values);
    }
    std::string add(const std::string& columns, const std::string& values,
                    const std::string& to = kAnna) const {
        return db.query_value(insert(columns, values, to) + " RETURNING id");
    }
    /// What the database says against it; empty: nothing.
    std::string refusal(const std::string& columns, const std::string& values) const {
        try {
            add(columns, values);
            return {};
        } catch (const pg::Error& e) {
            return e.what();
        }
    }
    std::string column(const std::string& id, const std::string& name) const {
        return db.query_value(fmt::format("SELECT {} FROM messages_out WHERE id = '{}'", name, id));
    }
    std::string status(const std::string& id) const { return column(id, "status"); }
    std::int64_t events(const std::string& id, const std::string& type) const {
        return db.count(fmt::format(
            "SELECT count(*) FROM event_log WHERE entity_id = '{}' AND event_type = '{}'", id,
            type));
    }
    outbox::Claim claim() {
        return exchange.run(connection, {}, 10, {fmt::format("token-{}", ++tokens)}).claim;
    }
    std::vector<std::string> claimed_ids() {
        std::vector<std::string> ids;
        for (const outbox::Claimed& m : claim().messages) ids.push_back(m.id.value);
        return ids;
    }
    std::size_t settle(const outbox::Claimed& m, outbox::Settled status,
                       std::chrono::milliseconds wait = 0ms) {
        const outbox::Settlement s{.id = m.id,
                                   .seq = m.seq,
                                   .lease = {m.tenant_id, m.to, m.token},
                                   .status = status,
                                   .attempts = m.attempt,
                                   .message_sid = "SM" + m.id.value,
                                   .wait = wait};
        return outbox::settle(connection, {&s, 1});
    }
    std::string cancel(const std::string& id) const {
        try {
            return db.query_value(
                fmt::format("SELECT ops.cancel_message('{}', 'a mistake', 'zoe')", id));
        } catch (const pg::Error& e) {
            return e.what();
        }
    }
    /// Some other session waits for a lock.
    bool somebody_waits() const {
        return db.count(
                   "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                   "wait_event_type = 'Lock'") > 0;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

// ---- Rules

BOOST_FIXTURE_TEST_CASE(what_cannot_be_sent_is_refused_at_the_insert_in_words, Messages) {
    const std::string two = "WhatsApp takes one media item a message";
    const struct {
        const char* columns;
        std::string values;
        std::string words;
    } cases[] = {
        {"media_url", "'https://a.test/1.jpg https://a.test/2.jpg'", two},
        {"media_url", "'https://a.test/1.jpg,https://a.test/2.jpg'", two},
        {"media_url", "'https://a.test/1.jpg, http://a.test/2.jpg'", two},
        {"media_url", "E'https://a.test/1.jpg\\nhttps://a.test/2.jpg'", two},
        {"media_url", R"('["https://a.test/1.jpg", "https://a.test/2.jpg"]')", two},
        {"media_url", "'ftp://a.test/1.jpg'", "not an http or https URL"},
        {"media_url", "'1.jpg'", "not an http or https URL"},
        {"media_url", "'https://a.test/my picture.jpg'", "not an http or https URL"},
        {"content_sid", "'HX123'", "not a template's id"},
        {"content_sid", "'SM0123456789abcdef0123456789abcdef'", "not a template's id"},
        {"content_sid, content_variables", fmt::format("'{}', '[1]'", kTemplate),
         "not a JSON object but a JSON array"},
        {"content_sid, content_variables", fmt::format("'{}', '{{1: x'", kTemplate),
         "not a JSON object but no JSON"},
        {"body, content_variables", R"('x', '{"1": "x"}')", "without a content_sid"},
        {"body", "repeat('x', 1601)", "1601 characters"},
        {"body", "''", "needs a body"},
        {"media_url, content_sid", "'', ''", "needs a body"},
        {"body, expires_at", "'x', now() - interval '1 s'", "not in the future"},
        {"body, send_at, expires_at", "'x', now() + interval '2 h', now() + interval '1 h'",
         "not after send_at"},
        {"body, on_duplicate", "'x', 'replace'", "expected refuse or ignore"},
        {"body, dedupe_key", "'x', repeat('k', 201)", "at most 200"},
    };
    for (const auto& c : cases) {
        const std::string said = refusal(c.columns, c.values);
        BOOST_TEST(has(said, c.words), c.values << " -> " << said);
    }
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_dedupe_keys") == 0);
}

BOOST_FIXTURE_TEST_CASE(what_can_be_sent_is_taken, Messages) {
    add("media_url", "' https://a.test/w_200,h_100/1.jpg?a=b '");
    add("body, media_url", "'with words', 'HTTP://a.test/1.jpg'");
    add("body, media_url, content_sid, content_variables", "'x', '', '', ''");
    add("content_sid", fmt::format("'{}'", kTemplate));
    add("content_sid, content_variables", fmt::format(R"('{}', '{{"1": "Zoé"}}')", kTemplate));
    add("body, send_at, expires_at", "'x', now() - interval '1 h', now() + interval '1 h'");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE due_at <= now()") == 6);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE media_url = "
                        "'https://a.test/w_200,h_100/1.jpg?a=b'") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_number_has_8_to_15_digits_and_a_body_1600_characters_of_any_size,
                        Messages) {
    for (const char* to : {"+12345678", "+123456789012345", "whatsapp:+12345678"}) {
        add("body", "'x'", to);
        BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 1, to);
        db.exec("DELETE FROM messages_out");
    }
    for (const char* to : {"+1234567", "+1234567890123456", "+01234567", "12345678", "+1234567a",
                           "+12345678+", "++12345678", "+", ""}) {
        try {
            add("body", "'x'", to);
            BOOST_ERROR(to << " was taken");
        } catch (const pg::Error& e) {
            BOOST_TEST(has(e.what(), "neither a phone number in E.164"), e.what());
        }
    }
    add("body", "repeat('é', 1600)");
    BOOST_TEST(has(refusal("body", "repeat('é', 1601)"), "1601 characters"));
}

BOOST_FIXTURE_TEST_CASE(rows_typed_by_hand_are_due_at_once_in_every_time_zone, Messages) {
    for (const char* zone : {"UTC", "America/New_York", "Asia/Tokyo"}) {
        db.exec(fmt::format(
            "SET TimeZone = '{}'; INSERT INTO messages_out (id, tenant_id, \"to\", body, status, "
            "attempts, correlation_id, created_at, updated_at, send_at, expires_at) VALUES "
            "(gen_random_uuid()::text, '{}', '{}', 'Test message', 'pending', 0, "
            "gen_random_uuid()::text, NOW(), NOW(), NOW(), NOW() + interval '1 minute')",
            zone, shop, kAnna));
        db.exec(fmt::format(
            "INSERT INTO messages_out (tenant_id, \"to\", body, created_at, updated_at) VALUES "
            "('{}', '{}', 'A plain message', NOW(), NOW())",
            shop, kAnna));
    }
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE due_at <= now() AND expires_at > "
                        "now()") == 3);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE abs(extract(epoch FROM created_at "
                        "- (now() AT TIME ZONE 'UTC'))) < 60 AND abs(extract(epoch FROM updated_at "
                        "- (now() AT TIME ZONE 'UTC'))) < 60") == 6);
}

// ---- Times

BOOST_FIXTURE_TEST_CASE(a_writer_with_a_search_path_of_its_own_is_checked_and_queued, Messages) {
    const auto add_elsewhere = [&](const std::string& to, const std::string& key) {
        db.exec(
            fmt::format("CREATE SCHEMA IF NOT EXISTS elsewhere; SET search_path = elsewhere; "
                        "INSERT INTO public.messages_out (tenant_id, \"to\", body, dedupe_key) "
                        "VALUES ('{}', '{}', 'x', {})",
                        shop, to, key));
    };
    add_elsewhere(kAnna, "NULL");
    add_elsewhere(fmt::format("whatsapp:{}", kBert), "'once'");
    BOOST_TEST(db.query_rows("SELECT recipient FROM outbox_queue ORDER BY seq") ==
                   (std::vector<std::string>{kAnna, kBert}),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_message_is_not_claimed_before_its_time_and_holds_up_nobody, Messages) {
    const std::string later = add("body, send_at", "'later', now() + interval '1 h'");
    const std::string tomorrow = add("body, next_attempt_at, send_at",
                                     "'tomorrow', (now() AT TIME ZONE 'UTC') + interval '1 day', "
                                     "now() + interval '1 h'");
    const std::string now = add("body", "'now'");
    const outbox::Claim first = claim();
    BOOST_REQUIRE(first.messages.size() == 1);
    BOOST_TEST(first.messages[0].id.value == now);
    BOOST_TEST(first.next_due.value().count() > 3'500'000);
    BOOST_TEST(first.next_due.value().count() <= 3'600'000);
    settle(first.messages[0], outbox::Settled::sent);
    db.exec("UPDATE outbox_queue SET due_at = now() WHERE message_id = '" + later + "'");
    BOOST_TEST(claimed_ids() == std::vector{later}, boost::test_tools::per_element());
    BOOST_TEST(db.count("SELECT round(extract(epoch FROM due_at - now()) / 3600) FROM outbox_queue "
                        "WHERE message_id = '" +
                        tomorrow + "'") == 24);
}

BOOST_FIXTURE_TEST_CASE(a_message_for_never_holds_up_nobody, Messages) {
    for (const char* never : {"infinity", "9999-12-31"}) {
        BOOST_TEST_CONTEXT(never) {
            add("body, send_at", fmt::format("'never', '{}'", never));
            const std::string now = add("body, send_at", "'now', '-infinity'");
            const outbox::Claim claimed = claim();
            BOOST_REQUIRE(claimed.messages.size() == 1);
            BOOST_TEST(claimed.messages[0].id.value == now);
            BOOST_TEST((claimed.next_due.value() > 144h));
            BOOST_TEST((claimed.next_due.value() <= 168h));
            settle(claimed.messages[0], outbox::Settled::sent);
            db.exec("DELETE FROM messages_out");
        }
    }
}

BOOST_FIXTURE_TEST_CASE(the_sender_is_woken_for_a_later_message_too_so_that_it_knows_until_when,
                        Messages) {
    pg::Connection listener = connect_directly(db);
    listener.exec_script("LISTEN messages_out");
    add("body, send_at", "'later', now() + interval '1 h'");
    bool is_told = false;
    BOOST_TEST(test::eventually([&] {
        listener.exec_script("SELECT 1");
        PGnotify* told = PQnotifies(listener.raw());
        is_told = told != nullptr;
        PQfreemem(told);
        return is_told;
    }));
}

BOOST_FIXTURE_TEST_CASE(what_waits_past_its_time_expires_and_its_conversation_goes_on, Messages) {
    const std::string late = add("body, expires_at", "'late', now() + interval '1 h'");
    const std::string next = add("body", "'next'");
    const std::string in_time = add("body, expires_at", "'in time', now() + interval '1 h'", kBert);
    // It failed, and is due again after its time: what stands behind it waits for it.
    for (const outbox::Claimed& m : claim().messages) settle(m, outbox::Settled::failed, 30min);
    BOOST_TEST(claim().messages.empty());
    BOOST_TEST(outbox::expire(connection) == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE expires_at IS NOT NULL") == 2);

    db.exec(
        fmt::format("UPDATE outbox_queue SET expires_at = now() WHERE message_id = '{}'", late));
    BOOST_TEST(outbox::expire(connection) == 1);
    BOOST_TEST(outbox::expire(connection) == 0);

    BOOST_TEST(status(late) == "expired");
    BOOST_TEST(column(late, "next_attempt_at IS NULL AND last_error IS NOT NULL") == "t");
    BOOST_TEST(events(late, "message_expired") == 1);
    BOOST_TEST(status(in_time) == "failed");
    BOOST_TEST(claimed_ids() == std::vector{next}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_somebody_has_locked_expires_later_and_keeps_nothing_from_expiring,
                        Messages) {
    const std::string locked = add("body, expires_at", "'locked', now() + interval '1 h'");
    const std::string late = add("body, expires_at", "'late', now() + interval '1 h'", kBert);
    db.exec("UPDATE outbox_queue SET expires_at = now()");
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script(
            fmt::format("SELECT FROM messages_out WHERE id = '{}' FOR UPDATE", locked).c_str());
        BOOST_TEST(outbox::expire(connection) == 1);
        BOOST_TEST(status(late) == "expired");
    }
    BOOST_TEST(outbox::expire(connection) == 1);
    BOOST_TEST(status(locked) == "expired");
}

// The next one of its conversation.
BOOST_FIXTURE_TEST_CASE(what_expires_does_not_wait_for_what_somebody_has_locked, Messages) {
    const std::string first = add("body, expires_at", "'first', now() + interval '1 h'");
    const std::string second = add("body", "'second'");
    settle(claim().messages.at(0), outbox::Settled::failed, 1h);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue WHERE is_behind") == 1);
    db.exec("UPDATE outbox_queue SET expires_at = now() WHERE NOT is_behind");
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script("SELECT FROM outbox_queue WHERE is_behind FOR UPDATE");
        BOOST_TEST(outbox::expire(connection) == 1);
        BOOST_TEST(status(first) == "expired");
    }
    db.exec("UPDATE outbox_queue SET due_at = now()");
    BOOST_TEST(claimed_ids() == std::vector{second}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_a_claim_finds_past_its_time_expires_and_the_next_one_goes_at_once,
                        Messages) {
    const std::string late = add("body, expires_at", "'late', now() + interval '1 h'");
    const std::string next = add("body", "'next'");
    db.exec("UPDATE outbox_queue SET expires_at = now() WHERE expires_at IS NOT NULL");
    std::vector<std::string> ids = claimed_ids();
    if (ids.empty()) ids = claimed_ids();
    BOOST_TEST(status(late) == "expired");
    BOOST_TEST(events(late, "message_expired") == 1);
    BOOST_TEST(ids == std::vector{next}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_retry_that_would_come_too_late_is_looked_at_when_the_message_expires,
                        Messages) {
    const std::string id = add("body, expires_at", "'x', now() + interval '1 min'");
    settle(claim().messages.at(0), outbox::Settled::failed, 1h);
    BOOST_TEST(db.query_value("SELECT due_at = expires_at AND due_at < now() + interval '61 s' "
                              "FROM outbox_queue") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_message_that_a_claim_has_locked_is_left_to_it, Messages) {
    const std::string id = add("body, expires_at", "'x', now() + interval '1 h'");
    db.exec("UPDATE outbox_queue SET expires_at = now()");
    auto other = db.connect();
    {
        pg::Transaction claiming{other};
        other.exec_script("SELECT FROM outbox_queue FOR UPDATE");
        BOOST_TEST(outbox::expire(connection) == 0);
    }
    BOOST_TEST(outbox::expire(connection) == 1);
    BOOST_TEST(status(id) == "expired");
}

// ---- Dedupe

BOOST_FIXTURE_TEST_CASE(a_second_row_with_the_same_key_is_refused_or_ignored_as_asked, Messages) {
    const std::string first = add("body, dedupe_key", "'one', 'order-7'");
    try {
        add("body, dedupe_key", "'two', 'order-7'");
        BOOST_ERROR("it was taken");
    } catch (const pg::Error& e) {
        BOOST_TEST(e.is_unique_violation());
        BOOST_TEST(has(e.what(), "by message " + first), e.what());
    }
    BOOST_TEST(add("body, dedupe_key, on_duplicate", "'two', 'order-7', 'ignore'").empty());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 1);

    // Another key, none, or another shop's: no second row of anything.
    add("body, dedupe_key", "'x', 'order-8'");
    add("body, dedupe_key", "'x', ''");
    add("body, dedupe_key", "'x', ''");
    const std::string other = db.add_tenant("other", "+33700000002");
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body, dedupe_key) VALUES "
                    "('{}', '{}', 'x', 'order-7')",
                    other, kAnna));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 5);
}

BOOST_FIXTURE_TEST_CASE(two_rows_of_one_insert_with_the_same_key_are_one, Messages) {
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body, dedupe_key, "
                    "on_duplicate) SELECT '{}', '{}', 'n' || g, 'k', 'ignore' FROM "
                    "generate_series(1, 3) AS g",
                    shop, kAnna));
    BOOST_TEST(db.query_value("SELECT string_agg(body, ',') FROM messages_out") == "n1");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 1);
}

BOOST_FIXTURE_TEST_CASE(the_primary_key_decides_about_the_same_row_inserted_again, Messages) {
    const std::string again =
        insert("id, body, dedupe_key", "'m1', 'x', 'k'") + " ON CONFLICT (id) DO NOTHING";
    db.exec(again);
    db.exec(again);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_writer_waits_for_the_one_that_has_the_key_and_is_refused_after_its_commit,
                        Messages) {
    pg::Transaction first{connection};
    connection.exec_script(insert("id, body, dedupe_key", "'first', 'x', 'k'").c_str());
    std::string said;
    std::jthread second{[&] { said = refusal("body, dedupe_key", "'y', 'k'"); }};
    BOOST_TEST(test::eventually([&] { return somebody_waits(); }));
    first.commit();
    second.join();
    BOOST_TEST(has(said, "by message first"), said);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 1);
}

BOOST_FIXTURE_TEST_CASE(after_a_rollback_of_the_first_the_key_is_the_seconds, Messages) {
    std::string said = "nothing yet";
    std::jthread second;
    {
        pg::Transaction first{connection};
        connection.exec_script(insert("id, body, dedupe_key", "'first', 'x', 'k'").c_str());
        second =
            std::jthread{[&] { said = refusal("id, body, dedupe_key", "'second', 'y', 'k'"); }};
        BOOST_TEST(test::eventually([&] { return somebody_waits(); }));
    }
    second.join();
    BOOST_TEST(said == "");
    BOOST_TEST(db.query_value("SELECT string_agg(id, ',') FROM messages_out") == "second");
    BOOST_TEST(has(refusal("body, dedupe_key", "'z', 'k'"), "by message second"));
}

BOOST_FIXTURE_TEST_CASE(of_many_writers_of_one_key_one_wins, Messages) {
    std::atomic<int> refused = 0;
    {
        std::vector<std::jthread> writers;
        for (int i = 0; i < 8; ++i) {
            writers.emplace_back([&] {
                for (int key = 0; key < 20; ++key) {
                    const std::string values = fmt::format("'x', 'key-{}'", key);
                    if (!refusal("body, dedupe_key", values).empty()) ++refused;
                }
            });
        }
    }
    BOOST_TEST(refused == 7 * 20);
    BOOST_TEST(db.count("SELECT count(DISTINCT dedupe_key) FROM messages_out") == 20);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 20);
}

BOOST_FIXTURE_TEST_CASE(a_key_is_free_after_a_day_or_when_its_message_was_deleted, Messages) {
    add("id, body, dedupe_key", "'old', 'x', 'k'");
    db.exec("UPDATE outbox_dedupe_keys SET taken_at = now() - interval '23 hours 59 minutes'");
    BOOST_TEST(!refusal("body, dedupe_key", "'y', 'k'").empty());
    BOOST_TEST(outbox::forget_dedupe_keys(connection) == 0);
    db.exec("UPDATE outbox_dedupe_keys SET taken_at = now() - interval '24 hours 1 second'");
    BOOST_TEST(refusal("id, body, dedupe_key", "'new', 'y', 'k'") == "");
    BOOST_TEST(has(refusal("body, dedupe_key", "'z', 'k'"), "by message new"));

    db.exec("DELETE FROM messages_out WHERE id = 'new'");
    BOOST_TEST(refusal("body, dedupe_key", "'z', 'k'") == "");
}

BOOST_FIXTURE_TEST_CASE(old_keys_are_forgotten, Messages) {
    db.exec(
        "INSERT INTO outbox_dedupe_keys SELECT 't', 'k' || g, 'm', now() - interval '25 hours' "
        "FROM generate_series(1, 2500) AS g");
    add("body, dedupe_key", "'x', 'k'");
    BOOST_TEST(outbox::forget_dedupe_keys(connection) == 2500);
    BOOST_TEST(db.query_value("SELECT string_agg(dedupe_key, ',') FROM outbox_dedupe_keys") == "k");
}

// ---- Cancel

BOOST_FIXTURE_TEST_CASE(a_message_that_waits_can_be_taken_back_and_the_next_one_goes, Messages) {
    const std::string first = add("body", "'one'");
    const std::string second = add("body", "'two'");
    settle(claim().messages.at(0), outbox::Settled::failed, 1h);
    BOOST_TEST(claim().messages.empty());
    BOOST_TEST(cancel(first) == "message " + first + " is canceled");
    BOOST_TEST(status(first) == "canceled");
    BOOST_TEST(db.query_value("SELECT payload ->> 'by' || '|' || (payload ->> 'reason') || '|' || "
                              "actor_type FROM event_log WHERE event_type = 'message_canceled'") ==
               "zoe|a mistake|operator");
    BOOST_TEST(claimed_ids() == std::vector{second}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_message_for_later_and_one_that_is_held_can_be_taken_back, Messages) {
    const std::string later = add("body, send_at", "'later', now() + interval '1 h'");
    const std::string held = add("body, held_reason", "'held', 'old'");
    cancel(later);
    cancel(held);
    BOOST_TEST(status(later) == "canceled");
    BOOST_TEST(column(held, "status || coalesce(held_reason, '')") == "canceled");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") == 0);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_taken_back_says_why, Messages) {
    const std::string sending = add("body", "'x'");
    const outbox::Claimed claimed = claim().messages.at(0);
    BOOST_TEST(has(cancel(sending), "it is being sent"));
    settle(claimed, outbox::Settled::unknown);
    BOOST_TEST(has(cancel(sending), "it may have been sent"));
    settle(claimed, outbox::Settled::sent);
    BOOST_TEST(has(cancel(sending), "it was sent"));
    const std::string dead = add("body, status", "'x', 'dead'");
    BOOST_TEST(has(cancel(dead), "discard its dead letter"));
    const std::string canceled = add("body, status", "'x', 'canceled'");
    BOOST_TEST(has(cancel(canceled), "it is canceled"));
    BOOST_TEST(has(cancel("nothing"), "no outgoing message has the id nothing"));
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_canceled'") ==
               0);
}

BOOST_FIXTURE_TEST_CASE(a_cancel_that_meets_a_claim_waits_for_it_and_comes_too_late, Messages) {
    const std::string id = add("body", "'x'");
    auto other = db.connect();
    std::string said;
    std::jthread canceling;
    {
        pg::Transaction claiming{other};
        other.exec_script(
            "DELETE FROM outbox_queue; UPDATE messages_out SET status = 'sending', lease_token = "
            "'t'");
        canceling = std::jthread{[&] { said = cancel(id); }};
        BOOST_TEST(test::eventually([&] { return somebody_waits(); }));
        claiming.commit();
    }
    canceling.join();
    BOOST_TEST(has(said, "it is being sent"), said);
    BOOST_TEST(status(id) == "sending");
}
