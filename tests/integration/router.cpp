// links: router
#include "sql/router.hpp"

#include "base/log.hpp"
#include "base/wake.hpp"
#include "router/worker.hpp"
#include "support/eventually.hpp"
#include "support/fake_clock.hpp"
#include "support/plans.hpp"
#include "support/pooler.hpp"
#include "support/routing.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <atomic>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::an_inbound;
using test::receive;

namespace {

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33612345678";
constexpr const char* kSeller = "+33698765432";

/// A database with a shop and its seller, and a worker on a clock that the test moves.
struct Router {
    test::TestDatabase db;
    test::FakeClock clock;
    Wake wake;
    std::string shop = db.add_tenant("shop", kShop);
    std::function<void(const router::Claimed&)> hook;
    router::Worker worker = a_worker({});

    Router() { db.add_seller(shop, kSeller); }

    router::Worker a_worker(router::Settings settings) {
        settings.before_decide = [this](const router::Claimed& event) {
            if (hook) hook(event);
        };
        return router::Worker{db.options("router"), wake, std::move(settings), clock, 1};
    }
    /// Everything that can be routed now. returns how many events were dealt with
    std::size_t route() {
        clock.advance(1s);
        std::size_t total = 0;
        while (const std::size_t count = worker.run_once()) total += count;
        return total;
    }
    /// As if the wait after a failed attempt had passed.
    void make_retries_due() const {
        db.exec("UPDATE webhook_queue SET due_at = now() WHERE due_at IS NOT NULL");
    }
    std::vector<std::string> messages(const std::string& columns) const {
        return db.query_rows("SELECT " + columns + " FROM messages_in ORDER BY seq");
    }
    std::vector<std::string> events() const {
        return db.query_rows(
            "SELECT event_type, count(*) FROM event_log GROUP BY event_type ORDER BY event_type");
    }
};

std::vector<std::string> rows(std::initializer_list<const char*> texts) {
    return {texts.begin(), texts.end()};
}

}  // namespace

#define TEST_ROWS(found, ...) \
    BOOST_TEST((found) == rows({__VA_ARGS__}), boost::test_tools::per_element())

// ---- What is stored
// ---------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_clients_text_is_stored_with_its_tenant_and_handed_to_the_shop, Router) {
    const auto id =
        receive(db, an_inbound(1, kClient, kShop,
                               {{"Body", "Ça coûte 1+1 € ? 🛍️"}, {"ProfileName", "Ana"}}));

    BOOST_TEST(route() == 1u);

    TEST_ROWS(messages("tenant_id = (SELECT id FROM tenants), provider_message_id, \"from\", "
                       "\"to\", body, message_type, "
                       "profile_name, media IS NULL, media_url IS NULL, handled_at IS NULL"),
              "t|SM00000000000000000000000000000001|+33612345678|+33700000001|Ça coûte 1+1 € ? "
              "🛍️|client|Ana|t|t|t");
    BOOST_TEST(db.count("SELECT event_id FROM messages_in") == id);
    BOOST_TEST(
        db.query_value(
            "SELECT m.correlation_id = e.correlation_id FROM messages_in m, webhook_events e") ==
        "t");
    BOOST_TEST(db.query_value("SELECT abs(extract(epoch FROM created_at - (clock_timestamp() AT "
                              "TIME ZONE 'UTC'))) < 60 "
                              "FROM messages_in") == "t");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    TEST_ROWS(
        db.query_rows(
            "SELECT l.event_type, l.entity_type, l.entity_id = m.id, l.tenant_id = m.tenant_id, "
            "l.correlation_id = m.correlation_id FROM event_log l, messages_in m"),
        "webhook_received|message_in|t|t|t");
}

BOOST_FIXTURE_TEST_CASE(media_buttons_lists_location_and_the_quoted_message_are_readable_with_sql,
                        Router) {
    receive(db, an_inbound(1, kClient, kShop,
                           {{"NumMedia", "2"},
                            {"MediaUrl0", "https://api.example.test/a"},
                            {"MediaContentType0", "image/jpeg"},
                            {"MediaUrl1", "https://api.example.test/\"b\""},
                            {"MediaContentType1", "audio/ogg"}}));
    receive(db, an_inbound(2, kClient, kShop,
                           {{"Body", "Oui"},
                            {"ButtonText", "Oui"},
                            {"ButtonPayload", "yes-1"},
                            {"ButtonType", "reply"}}));
    receive(db, an_inbound(3, kClient, kShop,
                           {{"Body", "Rouge"}, {"ListId", "red"}, {"ListTitle", "Rouge"}}));
    receive(db, an_inbound(4, kClient, kShop,
                           {{"Latitude", "48.85"}, {"Longitude", "2.35"}, {"Label", "Chez moi"}}));
    receive(db, an_inbound(5, kClient, kShop,
                           {{"Body", "celui-ci"},
                            {"OriginalRepliedMessageSid", "SM000000000000000000000000000000aa"},
                            {"OriginalRepliedMessageSender", "whatsapp:+33700000001"}}));

    BOOST_TEST(route() == 5u);

    TEST_ROWS(
        messages(
            "media_url, media->0->>'content_type', media->1->>'url', media->1->>'content_type', "
            "details->'button'->>'payload', details->'list'->>'id', "
            "details->'location'->>'latitude', "
            "details->'location'->>'label', details->'quoted'->>'message_sid'"),
        "https://api.example.test/a|image/jpeg|https://api.example.test/\"b\"|audio/ogg|||||",  //
        "||||yes-1||||",                                                                        //
        "|||||red|||",                                                                          //
        "||||||48.85|Chez moi|",                                                                //
        "||||||||SM000000000000000000000000000000aa");
}

BOOST_FIXTURE_TEST_CASE(numbers_compare_with_and_without_the_prefix, Router) {
    const std::string other = db.add_tenant("other", "whatsapp:+33700000002");
    db.add_seller(other, "whatsapp:+33611111111");
    receive(db, an_inbound(1, kSeller, kShop));
    receive(db, an_inbound(2, "+33611111111", "+33700000002"));
    receive(db,
            an_inbound(3, kSeller, "+33700000002"));  // a seller of another shop is a client here
    receive(db, an_inbound(4, kClient, kShop));
    LogCapture log;

    BOOST_TEST(route() == 4u);

    TEST_ROWS(messages("message_type"), "seller", "seller", "client", "client");
    BOOST_TEST(log.text().find("Message type determined messageType: \"seller\" {") !=
               std::string::npos);
    BOOST_TEST(log.text().find("Message type determined messageType: \"client\" {") !=
               std::string::npos);
    BOOST_TEST(log.text().find("\"from\":\"+336…78\"") != std::string::npos);
    BOOST_TEST(log.text().find(kClient) == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_person_who_hides_the_number_is_stored_and_a_seller_is_known_all_the_same,
                        Router) {
    db.add_seller(shop, "FR.999");
    receive(db, an_inbound(1, "FR.1349", kShop));
    receive(db, an_inbound(2, "FR.1349", kShop, {{"WaId", "33698765432"}}));
    receive(db, an_inbound(3, "+33644444444", kShop, {{"ExternalUserId", "whatsapp:FR.999"}}));

    BOOST_TEST(route() == 3u);

    TEST_ROWS(messages("\"from\", message_type"), "FR.1349|client", "FR.1349|seller",
              "+33644444444|seller");
}

BOOST_FIXTURE_TEST_CASE(a_message_to_an_unknown_number_is_attributed_when_a_tenant_gets_that_number,
                        Router) {
    receive(db, an_inbound(1, kClient, "+33700000009", {{"Body", "STOP"}}));
    receive(db, an_inbound(2, kSeller, "+33700000009", {{"Body", "STOP"}}));
    BOOST_TEST(route() == 2u);
    TEST_ROWS(messages("tenant_id IS NULL, message_type IS NULL, \"to\""), "t|t|+33700000009",
              "t|t|+33700000009");
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    db.exec("UPDATE messages_in SET handled_at = now()");
    clock.advance(1min);
    BOOST_TEST(route() == 0u);

    db.exec(
        "INSERT INTO tenants (id, name) VALUES ('late', 'late');"
        "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('late', '+33698765432');"
        "UPDATE tenants SET whatsapp_phone_number = 'whatsapp:+33700000009' WHERE id = 'late'");
    clock.advance(1min);
    wake.notify();
    std::jthread thread{[&](std::stop_token stop) { worker.run(stop); }};
    BOOST_TEST(
        test::eventually([&] { return db.count("SELECT count(*) FROM webhook_queue") == 0; }));
    thread.request_stop();
    thread.join();

    TEST_ROWS(messages("tenant_id, message_type, handled_at IS NULL"), "late|client|t",
              "late|seller|t");
    TEST_ROWS(db.query_rows("SELECT tenant_id, phone_number FROM opt_outs"), "late|+33612345678");
    TEST_ROWS(db.query_rows(
                  "SELECT h.occurred_at = e.received_at FROM opt_out_history h, webhook_events e "
                  "WHERE e.id = h.event_id"),
              "t");
    TEST_ROWS(db.query_rows("SELECT event_type, count(*) FROM event_log WHERE tenant_id = 'late' "
                            "GROUP BY 1 ORDER BY 1"),
              "opt_out_recorded|1", "webhook_received|2");
}

// Its owner may have answered them long ago.
BOOST_FIXTURE_TEST_CASE(what_was_routed_to_a_shop_is_not_its_next_owners, Router) {
    receive(db, an_inbound(1, kClient, kShop));
    receive(db, an_inbound(2, kSeller, kShop, {{"Body", "STOP"}}));
    BOOST_TEST(route() == 2u);
    db.exec("UPDATE messages_in SET handled_at = now(); DELETE FROM tenants");
    db.add_tenant("next", kShop);

    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM ops.unrouted") == 0);
    BOOST_TEST(db.query_value(fmt::format("SELECT ops.reroute('{}')", kShop))
                   .starts_with("no stored message to this number is unrouted"));
    BOOST_TEST(db.query_value("SELECT ops.explain(id) FROM messages_in WHERE message_type = "
                              "'client'")
                   .find("from a client of a tenant that has been deleted since") !=
               std::string::npos);
    // Nor when somebody queues its event by hand, or Twilio sends it once more.
    db.exec("INSERT INTO webhook_queue (id) SELECT id FROM webhook_events");
    BOOST_TEST(route() == 2u);
    TEST_ROWS(messages("tenant_id IS NULL, message_type, handled_at IS NULL"), "t|client|f",
              "t|seller|f");
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
}

// ---- Somebody else's locks
// ---------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_shop_that_somebody_has_locked_keeps_no_other_waiting, Router) {
    db.add_tenant("other", "+33700000002");
    const auto stored = [&](const char* number) {
        return db.count(
            fmt::format("SELECT count(*) FROM messages_in WHERE \"to\" = '{}'", number));
    };
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script("SELECT FROM tenants WHERE name = 'shop' FOR UPDATE");
        for (int i = 1; i <= 3; ++i) receive(db, an_inbound(i, kClient, kShop));
        for (int i = 11; i <= 30; ++i) receive(db, an_inbound(i, kClient, "+33700000002"));
        route();
        BOOST_TEST(stored("+33700000002") == 20);
        BOOST_TEST(stored(kShop) == 0);
        TEST_ROWS(db.query_rows("SELECT attempts, due_at > now() + interval '5 s' FROM "
                                "webhook_queue ORDER BY id"),
                  "0|t", "0|t", "0|t");
        // When they are due again it is still locked.
        receive(db, an_inbound(31, kClient, "+33700000002"));
        clock.advance(router::kPostponed);
        make_retries_due();
        route();
        BOOST_TEST(stored("+33700000002") == 21);
        BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue WHERE attempts = 0 AND due_at > "
                            "now()") == 3);
    }
    clock.advance(router::kPostponed);
    make_retries_due();
    route();
    BOOST_TEST(stored(kShop) == 3);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
}

// Of one person, whose opt-out somebody has locked.
BOOST_FIXTURE_TEST_CASE(one_event_that_waits_for_a_lock_holds_up_no_other, Router) {
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "STOP"}}));
    BOOST_TEST(route() == 1u);
    pg::Connection person = db.connect("person");
    {
        const pg::Transaction transaction{person};
        person.exec_script("SELECT FROM opt_outs FOR UPDATE");
        receive(db, an_inbound(2, kClient, kShop, {{"Body", "STOP"}}));
        receive(db, an_inbound(3, "+33612345670", kShop));
        for (int looks = 0; looks < 2; ++looks) {
            route();
            BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 2);
            BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue WHERE is_postponed AND "
                                "attempts = 0") == 1);
            clock.advance(router::kPostponed);
            make_retries_due();
        }
    }
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 3);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_status_callback_is_handed_to_the_outbox, Router) {
    const auto id = receive(
        db,
        "MessageSid=SM00000000000000000000000000000009&MessageStatus=undelivered&ErrorCode=63016"
        "&ErrorMessage=Outside+window&From=whatsapp%3A%2B33700000001&To=whatsapp%3A%2B33612345678",
        "m=out-1&a=3");
    receive(db,
            "MessageSid=SM00000000000000000000000000000008&MessageStatus=sent&From=whatsapp%3A%"
            "2B33700000001");

    BOOST_TEST(route() == 2u);

    TEST_ROWS(db.query_rows("SELECT provider_message_id, message_id, attempt, status, error_code, "
                            "error_message, settled_at IS NULL "
                            "FROM delivery_events ORDER BY id"),
              "SM00000000000000000000000000000009|out-1|3|undelivered|63016|Outside window|t",
              "SM00000000000000000000000000000008|||sent|||t");
    BOOST_TEST(
        db.query_value(fmt::format(
            "SELECT d.correlation_id = e.correlation_id AND d.received_at = e.received_at "
            "FROM delivery_events d JOIN webhook_events e ON e.id = d.event_id WHERE e.id = {}",
            id)) == "t");
    TEST_ROWS(db.query_rows("SELECT event_type, entity_type, tenant_id = (SELECT id FROM tenants), "
                            "payload FROM event_log LIMIT 1"),
              "webhook_received|webhook_event|t|{\"kind\": \"status\"}");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 0);
}

BOOST_FIXTURE_TEST_CASE(what_nobody_knows_is_only_recorded, Router) {
    receive(db, "Something=Else&EventType=onMessageAdded");

    BOOST_TEST(route() == 1u);

    TEST_ROWS(events(), "webhook_received|1");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_message_whose_raw_event_was_pruned_is_still_stored_only_once, Router) {
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "STOP"}}));
    BOOST_TEST(route() == 1u);
    const std::string first = db.query_value("SELECT correlation_id FROM messages_in");
    db.exec(
        "UPDATE messages_in SET handled_at = now(); DELETE FROM opt_outs; DELETE FROM "
        "webhook_events");
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "STOP"}}));
    receive(db, an_inbound(2, kClient, kShop));
    LogCapture log;

    BOOST_TEST(route() == 2u);

    TEST_ROWS(messages("provider_message_id, handled_at IS NULL"),
              "SM00000000000000000000000000000001|f", "SM00000000000000000000000000000002|t");
    BOOST_TEST(
        db.query_value(
            "SELECT correlation_id FROM event_log WHERE event_type = 'idempotent_ignored'") ==
        first);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    TEST_ROWS(events(), "idempotent_ignored|1", "opt_out_recorded|1", "webhook_received|2");
    BOOST_TEST(log.text().find("Duplicate message detected") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_queued_again_has_no_second_effect, Router) {
    const auto id = receive(db, an_inbound(1, kClient, kShop));
    BOOST_TEST(route() == 1u);
    db.exec(fmt::format("INSERT INTO webhook_queue (id) VALUES ({})", id));

    BOOST_TEST(route() == 1u);

    TEST_ROWS(events(), "idempotent_ignored|1", "webhook_received|1");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_message_to_a_number_that_still_nobody_has_stays_as_it_is, Router) {
    const auto id = receive(db, an_inbound(1, kClient, "+33700000009"));
    BOOST_TEST(route() == 1u);
    db.exec(fmt::format(
        "UPDATE messages_in SET handled_at = now(); INSERT INTO webhook_queue (id) VALUES ({})",
        id));

    BOOST_TEST(route() == 1u);

    TEST_ROWS(messages("tenant_id IS NULL, handled_at IS NULL"), "t|f");
    TEST_ROWS(events(), "idempotent_ignored|1", "webhook_received|1");
}

// ---- Opt-out
// ----------------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(the_newest_word_of_a_person_wins_whatever_the_order_of_routing, Router) {
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "START"}}), "", "2026-02-08 12:00:00+00");
    BOOST_TEST(route() == 1u);
    receive(db, an_inbound(2, kClient, kShop, {{"Body", "STOP"}}), "", "2026-02-08 11:00:00+00");
    BOOST_TEST(route() == 1u);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);

    receive(db, an_inbound(3, kClient, kShop, {{"Body", "Stop."}}), "", "2026-02-08 13:00:00+00");
    receive(db, an_inbound(4, kSeller, kShop, {{"Body", "STOP"}}), "", "2026-02-08 13:00:00+00");
    receive(db, an_inbound(5, "FR.1349", kShop, {{"Body", "arrêt svp"}, {"WaId", "33655555555"}}));
    BOOST_TEST(route() == 3u);
    TEST_ROWS(
        db.query_rows("SELECT phone_number FROM opt_outs ORDER BY phone_number COLLATE \"C\""),
        "+33612345678", "+33655555555", "FR.1349");

    receive(db, an_inbound(6, kClient, kShop, {{"Body", "start"}}), "", "2026-02-08 14:00:00+00");
    BOOST_TEST(route() == 1u);
    TEST_ROWS(
        db.query_rows("SELECT phone_number FROM opt_outs ORDER BY phone_number COLLATE \"C\""),
        "+33655555555", "FR.1349");
    TEST_ROWS(
        db.query_rows("SELECT event_type, payload->>'is_opted_out', actor_type FROM event_log "
                      "WHERE event_type LIKE 'opt_out%' ORDER BY created_at, entity_id"),
        "opt_out_revoked|false|client", "opt_out_recorded|false|client",
        "opt_out_recorded|true|client", "opt_out_recorded|true|client",
        "opt_out_revoked|false|client");
}

BOOST_FIXTURE_TEST_CASE(stop_and_start_in_one_batch_count_in_the_order_in_which_they_were_said,
                        Router) {
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "STOP"}}), "", "2026-02-08 12:00:02+00");
    receive(db, an_inbound(2, kClient, kShop, {{"Body", "START"}}), "", "2026-02-08 12:00:01+00");

    BOOST_TEST(route() == 2u);

    TEST_ROWS(db.query_rows("SELECT phone_number, opted_out_at FROM opt_outs"),
              "+33612345678|2026-02-08 12:00:02");
}

// What somebody answers is said to the shops that wrote from that number, whoever has it.
BOOST_FIXTURE_TEST_CASE(a_word_to_a_common_number_is_said_to_the_shops_that_wrote_from_it, Router) {
    db.exec(
        "INSERT INTO tenants (id, name) VALUES ('answered', 'a'), ('waits', 'w'), ('another', "
        "'n'), ('sells', 's'), ('elsewhere', 'e');"
        "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('sells', '+33612345678');"
        "INSERT INTO instances (id, host, pid, version, roles, default_sender) VALUES "
        "(gen_random_uuid(), 'h', 1, '1', 'sender', '+33700000009');"
        "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT id, '+33612345678', 'x' FROM "
        "tenants WHERE id IN ('answered', 'waits', 'sells', 'elsewhere');"
        "UPDATE messages_out SET sent_from = '+33700000009' WHERE tenant_id IN ('answered', "
        "'sells');"
        "UPDATE messages_out SET sent_from = '+33700000008' WHERE tenant_id = 'elsewhere';"
        "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('another', '+33655555555', "
        "'x')");
    const auto opted_out = [this] {
        return db.query_rows("SELECT tenant_id, phone_number FROM opt_outs ORDER BY 1, 2");
    };
    receive(db,
            an_inbound(1, "FR.1349", "+33700000009", {{"Body", "STOP"}, {"WaId", "33612345678"}}));
    receive(db, an_inbound(5, "+33655555555", "+33700000009", {{"Body", "STOP"}}));
    BOOST_TEST(route() == 2u);
    TEST_ROWS(messages("tenant_id IS NULL, message_type IS NULL"), "t|t", "t|t");
    TEST_ROWS(opted_out(), "another|+33655555555", "answered|+33612345678", "answered|FR.1349",
              "waits|+33612345678", "waits|FR.1349");
    TEST_ROWS(db.query_rows("SELECT tenant_id, event_type FROM event_log WHERE event_type LIKE "
                            "'opt_out%' ORDER BY 1"),
              "another|opt_out_recorded", "answered|opt_out_recorded", "waits|opt_out_recorded");
    TEST_ROWS(db.query_rows("SELECT status FROM messages_out WHERE tenant_id = 'waits'"),
              "blocked");

    receive(db, an_inbound(2, kClient, "+33700000009", {{"Body", "START"}}));
    BOOST_TEST(route() == 1u);
    TEST_ROWS(opted_out(), "another|+33655555555");

    // Also where a shop has that number: of its seller's word the others hear, of its client's
    // both.
    db.exec(fmt::format("UPDATE tenants SET whatsapp_phone_number = '+33700000009' WHERE id = '{}'",
                        shop));
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body, sent_from) SELECT id, "
                    "'{}', 'x', '+33700000009' FROM tenants WHERE id = 'answered'",
                    kSeller));
    route();  // what had come to that number before
    db.exec("DELETE FROM opt_outs");
    receive(db, an_inbound(3, kSeller, "+33700000009", {{"Body", "STOP"}}));
    BOOST_TEST(route() == 1u);
    TEST_ROWS(opted_out(), "answered|+33698765432");
    receive(db, an_inbound(4, kClient, "+33700000009", {{"Body", "STOP"}}));
    BOOST_TEST(route() == 1u);
    TEST_ROWS(db.query_rows(fmt::format("SELECT tenant_id = '{}', tenant_id = 'answered' FROM "
                                        "opt_outs WHERE phone_number = '{}' ORDER BY 1, 2",
                                        shop, kClient)),
              "f|f", "f|t", "t|f");
}

BOOST_FIXTURE_TEST_CASE(what_another_shop_refuses_costs_this_one_neither_message_nor_word, Router) {
    db.exec(
        "INSERT INTO tenants (id, name) VALUES ('refuses', 'r');"
        "ALTER TABLE opt_outs ADD CONSTRAINT its_own CHECK (tenant_id <> 'refuses')");
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body, sent_from) VALUES "
                    "('refuses', '{}', 'x', '{}')",
                    kClient, kShop));
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "STOP"}}));
    BOOST_TEST(route() == 1u);
    TEST_ROWS(messages("tenant_id IS NOT NULL, message_type"), "t|client");
    TEST_ROWS(db.query_rows("SELECT tenant_id <> 'refuses', phone_number FROM opt_outs"),
              "t|+33612345678");
    TEST_ROWS(events(), "opt_out_recorded|1", "webhook_received|1");
}

BOOST_FIXTURE_TEST_CASE(a_stop_blocks_what_waits_for_that_person_in_the_same_transaction, Router) {
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{0}', '{1}', "
                    "'x'), ('{0}', '{2}', 'y')",
                    shop, kClient, "+33655555555"));
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "STOP"}}));

    BOOST_TEST(route() == 1u);

    TEST_ROWS(db.query_rows("SELECT \"to\", status FROM messages_out ORDER BY seq"),
              "+33612345678|blocked", "+33655555555|pending");
    BOOST_TEST(
        db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_blocked_optout'") ==
        1);
}

// ---- Poison
// -----------------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_poison_event_is_tried_three_times_alone_while_its_batch_goes_through,
                        Router) {
    for (int i = 1; i <= 9; ++i) receive(db, an_inbound(i, kClient, kShop));
    const auto poison = db.count("SELECT id FROM webhook_events WHERE key LIKE 'msg:%5'");
    int tries = 0;
    hook = [&](const router::Claimed& event) {
        if (event.id == poison) {
            ++tries;
            throw std::logic_error{"an impossible branch"};
        }
    };

    BOOST_TEST(route() == 9u);  // once in the batch, once alone
    BOOST_TEST(tries == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 8);
    TEST_ROWS(db.query_rows("SELECT attempts, due_at > now() + '1 s' AND due_at <= now() + '2 s' "
                            "FROM webhook_queue"),
              "1|t");

    BOOST_TEST(route() == 0u);  // not due yet
    make_retries_due();
    clock.advance(2s);
    BOOST_TEST(route() == 1u);
    TEST_ROWS(db.query_rows("SELECT attempts, due_at > now() + '3 s' AND due_at <= now() + '4 s' "
                            "FROM webhook_queue"),
              "2|t");
    make_retries_due();
    clock.advance(4s);
    BOOST_TEST(route() == 1u);

    BOOST_TEST(tries == 4);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    TEST_ROWS(
        db.query_rows(
            "SELECT job_type, payload->>'webhook_event_id' = '" + std::to_string(poison) +
            "', error_message, attempts, tenant_id = (SELECT id FROM tenants), resolved_at IS NULL "
            "FROM dead_letter_jobs"),
        "webhook_event|t|an impossible branch|3|t|t");
    TEST_ROWS(events(), "webhook_dead_lettered|1", "webhook_received|8");

    hook = nullptr;
    db.exec("SELECT ops.retry_dead_letter(id) FROM dead_letter_jobs");
    clock.advance(1min);
    wake.notify();
    std::jthread thread{[&](std::stop_token stop) { worker.run(stop); }};
    BOOST_TEST(test::eventually([&] { return db.count("SELECT count(*) FROM messages_in") == 9; }));
}

BOOST_FIXTURE_TEST_CASE(a_row_that_the_database_refuses_is_poison_too, Router) {
    db.exec("ALTER TABLE messages_in ADD CONSTRAINT no_red CHECK (body <> 'red')");
    receive(db, an_inbound(1, kClient, kShop, {{"Body", "blue"}}));
    receive(db, an_inbound(2, kClient, kShop, {{"Body", "red"}}));
    receive(db, an_inbound(3, kClient, kShop, {{"Body", "green"}}));

    BOOST_TEST(route() == 3u);
    TEST_ROWS(messages("body"), "blue", "green");
    for (int i = 0; i < 2; ++i) {
        make_retries_due();
        clock.advance(10s);
        BOOST_TEST(route() == 1u);
    }

    BOOST_TEST(db.query_value("SELECT error_message FROM dead_letter_jobs")
                   .find("violates check constraint \"no_red\"") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_missing_table_is_no_poison_and_no_event_is_given_up, Router) {
    receive(db, an_inbound(1, kClient, kShop));
    db.exec("ALTER TABLE messages_in RENAME TO away");

    for (int i = 0; i < 5; ++i) {
        BOOST_CHECK_EXCEPTION(route(), pg::Error, [](const pg::Error& e) {
            return std::string_view{e.what()}.find("relation \"messages_in\" does not exist") !=
                   std::string_view::npos;
        });
    }
    TEST_ROWS(db.query_rows("SELECT attempts, due_at IS NULL FROM webhook_queue"), "0|t");

    db.exec("ALTER TABLE away RENAME TO messages_in");
    BOOST_TEST(route() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_attempt_that_the_database_ended_does_not_count, Router) {
    receive(db, an_inbound(1, kClient, kShop));
    hook = [&](const router::Claimed&) { throw std::logic_error{"poison"}; };
    BOOST_TEST(route() == 1u);
    make_retries_due();
    clock.advance(10s);
    hook = [&](const router::Claimed&) {
        db.exec(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
            "'pgcourier/router'");
    };

    BOOST_CHECK_THROW(route(), pg::Error);

    TEST_ROWS(db.query_rows("SELECT attempts FROM webhook_queue"), "2");
    hook = nullptr;
    std::jthread thread{[&](std::stop_token stop) {
        worker.run(stop);
    }};  // makes a new connection after the first error
    BOOST_TEST(test::eventually([&] { return db.count("SELECT count(*) FROM messages_in") == 1; }));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
}

namespace {

/// Routes in a process of its own, which an event kills when the hook says so. returns whether it
/// was killed
bool route_in_child(Router& router, bool is_after_unclean_end, std::int64_t killer) {
    const pid_t child = fork();
    if (child == 0) {
        router.hook = [killer](const router::Claimed& event) {
            if (event.id == killer) raise(SIGKILL);
        };
        router::Worker worker = router.a_worker(
            {.batch_size = 500, .threads = 2, .is_after_unclean_end = is_after_unclean_end});
        try {
            while (worker.run_once() > 0) {
            }
        } catch (...) {
            _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    BOOST_TEST((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(
    an_event_that_kills_the_process_is_dead_lettered_after_three_crashes_and_all_others_get_through,
    Router) {
    for (int i = 1; i <= 20; ++i) receive(db, an_inbound(i, kClient, kShop));
    const auto killer = db.count("SELECT id FROM webhook_events WHERE key LIKE 'msg:%10'");

    BOOST_TEST(route_in_child(*this, false, killer));
    BOOST_TEST(
        db.count("SELECT count(*) FROM webhook_queue WHERE attempts = 0 AND due_at IS NULL") == 20);

    for (int crash = 1; crash <= 3; ++crash) {
        BOOST_TEST(route_in_child(*this, true, killer));
        TEST_ROWS(db.query_rows("SELECT attempts FROM webhook_queue WHERE due_at IS NOT NULL"),
                  std::to_string(crash).c_str());
        make_retries_due();
        if (crash == 1) {
            // The killer comes first when it is due: what waits behind it gets through while it is
            // not.
            db.exec("UPDATE webhook_queue SET due_at = now() + '1 h' WHERE due_at IS NOT NULL");
            BOOST_TEST(!route_in_child(*this, true, killer));
            BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 19);
            make_retries_due();
        }
    }
    BOOST_TEST(!route_in_child(*this, true, killer));

    TEST_ROWS(db.query_rows("SELECT payload->>'webhook_event_id' = '" + std::to_string(killer) +
                            "', attempts FROM dead_letter_jobs"),
              "t|3");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 19);
}

// A process has half a minute for its end.
BOOST_FIXTURE_TEST_CASE(events_that_are_routed_one_by_one_are_left_when_the_process_is_to_end,
                        Router) {
    for (int i = 1; i <= 5; ++i) receive(db, an_inbound(i, kClient, kShop));
    std::stop_source stop;
    hook = [&](const router::Claimed&) { stop.request_stop(); };
    router::Worker careful = a_worker({.is_after_unclean_end = true});

    BOOST_TEST(careful.run_once(stop.get_token()) == 1u);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue WHERE attempts = 0") == 4);
}

// ---- Workers beside each other
// ----------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(two_workers_route_each_of_5000_events_exactly_once, Router) {
    test::receive_many(db, 5000, kClient, kShop);
    std::atomic<std::size_t> routed = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 2; ++i) {
            threads.emplace_back([&] {
                router::Worker one = a_worker({.batch_size = 100, .threads = 2});
                while (const std::size_t count = one.run_once()) routed += count;
            });
        }
    }

    BOOST_TEST(routed == 5000u);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    TEST_ROWS(
        db.query_rows(
            "SELECT count(*), count(DISTINCT event_id), count(DISTINCT seq) FROM messages_in"),
        "5000|5000|5000");
    TEST_ROWS(events(), "webhook_received|5000");
}

BOOST_FIXTURE_TEST_CASE(an_idle_worker_says_nothing_until_it_is_woken, Router) {
    router::Worker live{direct_options(db, "router"), wake, {}, system_clock(), 1};
    std::jthread thread{[&](std::stop_token stop) { live.run(stop); }};
    const auto last_statement = [&] {
        return db.query_value(
            "SELECT state || ' since ' || state_change FROM pg_stat_activity "
            "WHERE application_name = 'pgcourier/router'");
    };
    // It has begun, and has nothing more to do.
    std::string before;
    BOOST_TEST(test::eventually([&] {
        before = last_statement();
        std::this_thread::sleep_for(500ms);
        return before.starts_with("idle since") && last_statement() == before;
    }));
    std::this_thread::sleep_for(2500ms);  // two sweeps' time
    BOOST_TEST(last_statement() == before);

    receive(db, an_inbound(1, kClient, kShop));
    wake.notify();

    BOOST_TEST(test::eventually([&] { return db.count("SELECT count(*) FROM messages_in") == 1; },
                                1000ms));
}

BOOST_FIXTURE_TEST_CASE(the_shop_and_the_outbox_are_told_once_a_batch, Router) {
    pg::Connection listener = connect_directly(db);
    listener.exec_script("LISTEN messages_in; LISTEN delivery_events");
    for (int i = 1; i <= 3; ++i) receive(db, an_inbound(i, kClient, kShop));
    for (int i = 1; i <= 3; ++i) {
        receive(
            db,
            fmt::format(
                "MessageSid=SM{:032}&MessageStatus=sent&From=%2B33700000001&To=%2B33612345678", i));
    }

    BOOST_TEST(route() == 6u);

    std::vector<std::string> told;
    BOOST_TEST(test::eventually([&] {
        listener.exec_script("SELECT 1");
        while (PGnotify* notify = PQnotifies(listener.raw())) {
            told.emplace_back(notify->relname);
            PQfreemem(notify);
        }
        return told.size() >= 2;
    }));
    TEST_ROWS(told, "messages_in", "delivery_events");
}

// ---- Plans --------------------------------------------------------------------------------------

namespace {

bool has(const std::vector<std::string>& plan, std::string_view text) {
    return std::ranges::any_of(
        plan, [text](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

// A prepared statement keeps its plan: these are made on empty tables and then meet a backlog.
BOOST_FIXTURE_TEST_CASE(no_statement_walks_a_table_also_when_its_plan_is_older_than_the_rows,
                        Router) {
    pg::Connection session = connect_directly(db);
    session.exec_script("ANALYZE; BEGIN");
    session.exec(sql::router::plan);
    struct Case {
        const pg::Statement& statement;
        std::string arguments;
    };
    const Case cases[] = {
        {sql::router::claim, "(200000, 500)"},
        {sql::router::waiting, "(200000, 500)"},
        {sql::router::claim_one, "(399000)"},
        {sql::router::begin_attempt, "(399001)"},
        {sql::router::begin_due_attempt, ""},
        {sql::router::give_back_attempt, "(399001, 1, 0, false)"},
        {sql::router::return_postponed, ""},
        {sql::router::postpone, "('{}', '{}')"},
        {sql::router::dead_letter, "(399002, '', 3)"},
        {sql::router::record, "('{399003}', '{c}')"},
        {sql::router::store_messages,
         "('{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}')"},
    };
    const auto name = [](const Case& c) { return fmt::format("\"{}\"", c.statement.name); };
    for (const Case& c : cases) {
        session.exec_script(fmt::format("PREPARE {} AS {}", name(c), c.statement.text).c_str());
        session.exec_script(fmt::format("EXECUTE {}{}", name(c), c.arguments).c_str());
    }
    db.exec(
        "INSERT INTO webhook_queue (id) SELECT n FROM generate_series(1, 400000) AS n;"
        "DELETE FROM webhook_queue WHERE id <= 200000");

    for (const Case& c : cases) {
        const std::vector<std::string> plan = test::lines_of(
            session.exec_script(fmt::format("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE {}{}",
                                            name(c), c.arguments)
                                    .c_str()));
        BOOST_TEST_CONTEXT(fmt::format("{}\n{}", c.statement.name, fmt::join(plan, "\n"))) {
            BOOST_TEST(test::scans_without_condition(plan).empty());
            BOOST_TEST(!has(plan, "Sort Key: q.id"));
        }
        if (&c.statement == &sql::router::claim) {
            BOOST_TEST(has(plan, "Index Scan using webhook_queue_pkey on webhook_queue q"));
            BOOST_TEST(has(plan, "Index Cond: (id > "));
            BOOST_TEST(has(plan, "Index Scan using webhook_events_pkey"));
        }
    }
}

// A queue of some length makes a plan for the values at hand look cheaper; making it took a third
// of a claim.
BOOST_FIXTURE_TEST_CASE(a_claim_is_not_planned_anew_however_long_the_queue_is, Router) {
    if (test::test_pooler() != nullptr) return;  // nothing is prepared there
    pg::Connection connection{db.options("router")};
    db.exec("INSERT INTO webhook_queue (id) SELECT n FROM generate_series(1, 200000) AS n");
    for (int i = 0; i < 8; ++i) router::Claim{connection, 0, 100};
    const pg::Rows rows = connection.exec_script(
        "SELECT custom_plans, generic_plans FROM pg_prepared_statements "
        "WHERE name = 'router.claim'");
    BOOST_REQUIRE(rows.size() == 1);
    BOOST_TEST(rows[0].int64(0) == 0);
    BOOST_TEST(rows[0].int64(1) == 8);
}
