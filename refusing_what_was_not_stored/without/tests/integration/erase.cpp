// links: maintenance router outbox
// One person is taken out of the database, whatever happens meanwhile.
#include "base/log.hpp"
#include "base/wake.hpp"
#include "maintenance/erasure.hpp"
#include "outbox/delivery.hpp"
#include "outbox/exchange.hpp"
#include "router/worker.hpp"
#include "sql/maintenance.hpp"
#include "support/plans.hpp"
#include "support/routing.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace pgcourier::maintenance {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kPerson = "+33612345678";
constexpr const char* kUserId = "FR.1349AbC";
constexpr const char* kOther = "+33698765432";
// Begins like the person's.
constexpr const char* kLonger = "+336123456789";

// As maintenance.plan, for the session.
constexpr const char* kPlanning =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET "
    "enable_mergejoin = off; SET plan_cache_mode = force_generic_plan";

struct Erase {
    TestDatabase db;
    Wake wake;
    std::string shop = db.add_tenant("Shop", kShop);
    pg::Connection connection = db.connect("erase");
    outbox::Exchange exchange{
        {.scopes = {.credentials = "credentials:test"}, .instance_id = "test"}};
    int tokens = 0;
    int number = 0;

    Erase() { db.warm_up("credentials:test"); }

    void write(const std::string& from, const std::string& body, twilio::Params further = {}) {
        further.emplace_back("Body", body);
        further.emplace_back("ProfileName", "Zoe of " + from);
        receive(db, an_inbound(++number, from, kShop, further));
    }
    /// Who writes is known by number and user id.
    static twilio::Params known(const std::string& number_of, const std::string& user_id) {
        return {{"WaId", number_of.substr(1)}, {"ExternalUserId", "whatsapp:" + user_id}};
    }
    void route() {
        router::Worker worker{db.options("router"), wake, {}, system_clock(), 1};
        while (worker.run_once() > 0) {
        }
    }
    void add(const std::string& id, const std::string& to, const std::string& further = "") const {
        db.exec(
            fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body{3}) VALUES "
                        "('{0}', '{1}', '{2}', 'Answer to {2}'{4})",
                        id, shop, to, further.empty() ? "" : ", dedupe_key",
                        further.empty() ? "" : ", '" + further + "'"));
    }
    outbox::Claim claim() {
        return exchange.run(connection, {}, 10, {fmt::format("token-{}", ++tokens)}).claim;
    }
    /// As after Twilio took it, or gave it up.
    void finish(const std::string& id, const std::string& status) const {
        db.exec(fmt::format(
            "ALTER TABLE messages_out DISABLE TRIGGER USER;"
            "UPDATE messages_out SET status = '{1}', lease_token = NULL WHERE id = '{0}';"
            "ALTER TABLE messages_out ENABLE TRIGGER USER;"
            "DELETE FROM outbox_queue WHERE message_id = '{0}'; DELETE FROM outbox_leases WHERE "
            "message_id = '{0}'",
            id, status));
    }
    std::string ask(const std::string& address = kPerson) {
        return ask_erasure(connection, address, "zoe", std::nullopt);
    }
    /// Steps until it is done, or has to leave something behind. returns whether it is done
    bool work(const std::string& id) {
        while (true) {
            const ErasureStep step = erase_step(connection, id);
            if (step == ErasureStep::left_some) return false;
            if (step == ErasureStep::none) return erasure_state(connection, id).value().is_done;
        }
    }
    bool erase(const std::string& address = kPerson) { return work(ask(address)); }
    /// As the running service, as long as an erasure fits `condition`. What is due within a minute
    /// is due at once.
    void work_while(const std::string& condition) {
        for (int i = 0; i < 200 && db.count("SELECT count(*) FROM erasures WHERE " + condition) > 0;
             ++i) {
            db.exec("UPDATE erasures SET due_at = now() WHERE due_at < now() + interval '1 min'");
            erase_a_while(connection, system_clock());
        }
    }
    void refuse(const std::string& trigger) const {
        db.exec(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            "'never' USING ERRCODE = 'SH001'; END $$; CREATE TRIGGER refuse BEFORE UPDATE " +
            trigger + " EXECUTE FUNCTION refuse()");
    }
    std::vector<std::string> plan(const pg::Statement& statement, const std::string& parameters) {
        const std::string name = fmt::format("\"{}\"", statement.name);
        connection.exec_script(fmt::format("PREPARE {} AS {}", name, statement.text).c_str());
        return lines_of(connection.exec_script(
            fmt::format("EXPLAIN (COSTS OFF) EXECUTE {}({})", name, parameters).c_str()));
    }
    std::string status(const std::string& id) const {
        return db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'");
    }
    /// Every row of every table, as text.
    std::string everything() const {
        std::string all;
        for (const std::string& table :
             db.query_rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                           "'public'::regnamespace ORDER BY relname")) {
            for (const std::string& row :
                 db.query_rows(fmt::format("SELECT t FROM {} AS t", table)))
                all += table + " " + row + "\n";
        }
        // What was received stands there byte by byte.
        all +=
            db.query_value("SELECT string_agg(convert_from(raw, 'UTF8'), ' ') FROM webhook_events");
        return all;
    }
    std::vector<std::string> counts() const {
        return db.query_rows(
            "SELECT 'in', count(*), count(tenant_id) FROM messages_in UNION ALL SELECT 'out', "
            "count(*), count(*) FILTER (WHERE status = 'sent') FROM messages_out UNION ALL SELECT "
            "'events', count(*), count(*) FILTER (WHERE kind = 'inbound') FROM webhook_events "
            "UNION ALL SELECT 'letters', count(*), 0 FROM dead_letter_jobs UNION ALL SELECT "
            "'callbacks', count(*), 0 FROM delivery_events");
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(nothing_of_the_person_is_left_and_all_is_still_counted, Erase) {
    write(kPerson, "My secret words", known(kPerson, kUserId));
    write(kUserId, "My hidden words");  // with the number hidden
    write(kOther, "Their words");
    write(kLonger, "Longer words");
    route();
    add("sent", kPerson, "welcome-+33612345678");
    add("dead", kUserId);
    add("other", kOther);
    for (const char* id : {"sent", "other"}) finish(id, "sent");
    finish("dead", "dead");
    receive(db,
            twilio::encode_form({{"MessageSid", "SM00000000000000000000000000000099"},
                                 {"MessageStatus", "failed"},
                                 {"From", std::string{"whatsapp:"} + kShop},
                                 {"To", std::string{"whatsapp:"} + kPerson},
                                 {"ErrorMessage", "no way to 33612345678"}}),
            "m=sent&a=1");
    receive(db, "What=ever&Phone=%2B33612345678");
    route();
    db.exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload, error_message, error_stack) VALUES "
        "('ours', 'message_out', '{\"message_out_id\": \"dead\"}', 'twilio 63016', NULL),"
        "('theirs', 'message_out', '{\"message_out_id\": \"gone\", \"to\": "
        "\"whatsapp:+33612345678\", \"body\": \"Old words\"}', 'to +33612345678', 'at "
        "33612345678:1'),"
        "('another', 'message_out', '{\"message_out_id\": \"other\"}', 'x', NULL);"
        "INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, payload) "
        "VALUES ('typed', 'x', 'x', 'c', 'operator', '{\"reason\": \"called +33612345678\", "
        "\"phone\": 33612345678}')");
    BOOST_REQUIRE(has(everything(), "33612345678"));
    const std::vector<std::string> before = counts();

    BOOST_TEST(erase());

    const std::string all = everything();
    for (const char* trace : {"33612345678\"", "+33612345678,", "(33612345678", " 33612345678 ",
                              "%2B33612345678&", "33612345678:", "FR.1349AbC", "secret words",
                              "hidden words", "Old words", "Zoe of FR", "Zoe+of+FR", "welcome-"})
        BOOST_TEST(!has(all, trace), trace << " is still there:\n" << all);
    // The longer number is the only one that has these digits in it.
    for (std::size_t at = all.find("33612345678"); at != std::string::npos;
         at = all.find("33612345678", at + 1))
        BOOST_TEST(all.substr(at, 12) == "336123456789");
    for (const char* kept :
         {"Their words", "Longer words", "+33698765432", "+336123456789", "Answer to +33698765432"})
        BOOST_TEST(has(all, kept), kept);
    BOOST_TEST(counts() == before, boost::test_tools::per_element());
    BOOST_TEST(db.query_value("SELECT string_agg(id, ' ' ORDER BY id) FROM dead_letter_jobs WHERE "
                              "resolved_at IS NULL") == "another");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE handled_at IS NULL") == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM erasures") == 0);
}

BOOST_FIXTURE_TEST_CASE(that_it_was_done_is_written_down_once_without_the_number, Erase) {
    write(kPerson, "x");
    route();
    const std::string id =
        ask_erasure(connection, kPerson, "zoe", "asked by mail from +33612345678");
    BOOST_TEST(work(id));
    BOOST_TEST(db.query_rows("SELECT event_type, actor_type, payload ->> 'by', payload ->> "
                             "'reason', payload -> 'rows' ->> 'messages_in' FROM event_log WHERE "
                             "correlation_id = '" +
                             id + "'") ==
                   (std::vector<std::string>{"person_erased|operator|zoe|asked by mail from …|1"}),
               boost::test_tools::per_element());
    BOOST_TEST((erase_step(connection, id) == ErasureStep::none));
    // Of somebody who is not there it is done too.
    BOOST_TEST(erase(kOther));
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'person_erased'") == 2);
}

BOOST_FIXTURE_TEST_CASE(what_twilio_tells_later_is_erased_too, Erase) {
    add("sent", kPerson);
    finish("sent", "sent");
    const auto tell = [&](const char* state) {
        receive(db,
                twilio::encode_form({{"MessageSid", "SM00000000000000000000000000000099"},
                                     {"MessageStatus", state},
                                     {"From", std::string{"whatsapp:"} + kShop},
                                     {"To", std::string{"whatsapp:"} + kPerson}}),
                "m=sent&a=1");
        route();
    };
    const std::string id = ask();
    tell("delivered");
    BOOST_REQUIRE(has(everything(), "33612345678"));
    BOOST_TEST(work(id));
    BOOST_TEST(!has(everything(), "33612345678"));

    tell("read");
    BOOST_REQUIRE(has(everything(), "33612345678"));
    outbox::Delivery{db.options("delivery"), wake, 1}.run_once();
    BOOST_TEST(!has(everything(), "33612345678"));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE payload ? 'erased'") == 2);
}

BOOST_FIXTURE_TEST_CASE(it_ends_while_the_shop_goes_on_writing_to_the_person, Erase) {
    for (const char* id : {"named", "known"}) {
        add(id, kPerson);
        finish(id, "sent");
    }
    const std::string sid = fmt::format("SM{:032}", 77);
    db.exec("UPDATE messages_out SET provider_message_id = '" + sid + "' WHERE id = 'known'");
    const std::string id = ask();
    add("later", kPerson);
    finish("later", "sent");
    const auto tell = [&](const std::string& message_sid, const std::string& query) {
        receive(db,
                twilio::encode_form({{"MessageSid", message_sid},
                                     {"MessageStatus", "delivered"},
                                     {"From", std::string{"whatsapp:"} + kShop},
                                     {"To", std::string{"whatsapp:"} + kPerson}}),
                query);
        route();
    };
    tell(sid, "");
    tell(fmt::format("SM{:032}", 99), "m=named&a=1");
    int steps = 0;
    while (steps < 50 && erase_step(connection, id) == ErasureStep::went_on)
        tell(fmt::format("SM{:032}", 1000 + ++steps), "m=later&a=1");
    BOOST_TEST(erasure_state(connection, id)->is_done);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE payload ? 'erased'") == 2);
    BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out WHERE id = 'later'") == kPerson);
}

BOOST_FIXTURE_TEST_CASE(what_was_sent_is_not_sent_again_since_its_recipient_was_erased, Erase) {
    add("sent", kPerson, "order-17");
    finish("sent", "sent");
    BOOST_TEST(erase());
    BOOST_CHECK_THROW(add("again", kPerson, "order-17"), pg::Error);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_somebody_retries_is_left_to_the_next_round, Erase) {
    add("dead", kPerson);
    finish("dead", "dead");
    db.exec(
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload) SELECT 'ours', id, "
        "'message_out', '{\"message_out_id\": \"dead\"}' FROM tenants");
    const std::string id = ask();
    {
        pg::Connection retrying = db.connect("retrying");
        pg::Transaction transaction{retrying};
        retrying.exec_script("SELECT FROM dead_letter_jobs WHERE id = 'ours' FOR UPDATE");
        BOOST_TEST(!work(id));
        BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out") == kPerson);
    }
    BOOST_TEST(work(id));
    BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out") == "erased");
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs WHERE resolved_at IS NULL") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_user_id_leads_to_the_person_s_other_number, Erase) {
    write(kUserId, "first");  // before anybody knew whose it is
    write(kPerson, "second", known(kPerson, kUserId));
    write("+33611111111", "third", known("+33611111111", kUserId));
    route();
    const ErasureCounts counted = count_erasure(connection, kPerson, system_clock());
    BOOST_TEST(counted.addresses.size() == 3);
    BOOST_TEST(counted.erased.at("messages_in") == 3);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE \"from\" = 'erased'") == 0);
    BOOST_TEST(erase());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE \"from\" = 'erased'") == 3);
}

BOOST_FIXTURE_TEST_CASE(an_opt_out_holds_without_the_number, Erase) {
    write(kPerson, "START");
    write(kPerson, "STOP", known(kPerson, kUserId));
    write(kOther, "START");
    route();
    BOOST_TEST(erase());
    BOOST_TEST(!has(everything(), "33612345678"));
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs WHERE phone_number LIKE 'erased:%'") == 2);
    BOOST_TEST(db.query_value("SELECT string_agg(word, ' ' ORDER BY word) FROM opt_out_history "
                              "WHERE phone_number LIKE 'erased:%'") == "stop stop");
    BOOST_TEST(db.query_value("SELECT word FROM opt_out_history WHERE phone_number = "
                              "'+33698765432'") == "start");
    add("to-number", kPerson);
    add("to-id", kUserId);
    add("to-other", kOther);
    const outbox::Claim claimed = claim();
    BOOST_REQUIRE(claimed.messages.size() == 1);
    BOOST_TEST(claimed.messages[0].id.value == "to-other");
    BOOST_TEST(status("to-number") + status("to-id") == "blockedblocked");
}

BOOST_FIXTURE_TEST_CASE(an_erased_person_who_opted_out_can_opt_in_and_be_erased_again, Erase) {
    write(kPerson, "STOP", known(kPerson, kUserId));
    route();
    BOOST_TEST(erase());
    // An older word that comes late changes nothing.
    write(kPerson, "START");
    db.exec(
        "UPDATE webhook_events SET received_at = now() - interval '1 h' WHERE id IN (SELECT id "
        "FROM webhook_queue)");
    route();
    add("blocked", kPerson);
    claim();
    BOOST_TEST(status("blocked") == "blocked");
    write(kPerson, "STOP");
    route();
    BOOST_TEST(erase());
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 2);
    BOOST_TEST(!has(everything(), "33612345678"));
    write(kPerson, "START", known(kPerson, kUserId));
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    add("sent", kPerson);
    BOOST_TEST(claim().messages.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(words_to_a_shop_that_is_gone_are_erased_too, Erase) {
    write(kPerson, "STOP");
    route();
    db.exec("DELETE FROM tenants");
    BOOST_TEST(erase());
    BOOST_TEST(db.count("SELECT count(*) FROM opt_out_history") == 0);
    BOOST_TEST(!has(everything(), "33612345678"));
}

BOOST_FIXTURE_TEST_CASE(an_opt_out_in_the_predecessor_s_form_is_erased_too, Erase) {
    db.exec(
        fmt::format("INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('{}', '{}');"
                    "UPDATE opt_outs SET phone_number = 'whatsapp:' || phone_number",
                    shop, kPerson));
    BOOST_TEST(erase());
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs WHERE phone_number LIKE 'erased:%'") == 1);
}

// Of whom only the hash is left in one row, and something else in another.
BOOST_FIXTURE_TEST_CASE(an_erased_word_leads_to_the_address_that_came_with_it, Erase) {
    db.exec(
        fmt::format("INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, "
                    "source, event_id) SELECT '{0}', a, 'stop', now(), 'webhook', 1 FROM "
                    "unnest(ARRAY[pgcourier_erased_address('{0}', '{1}'), '{2}']) AS a",
                    shop, kPerson, kUserId));
    BOOST_TEST(erase());
    BOOST_TEST(!has(everything(), kUserId));
}

BOOST_FIXTURE_TEST_CASE(the_last_stop_is_kept_also_where_it_comes_a_round_later, Erase) {
    write(kPerson, "STOP");
    route();
    const std::string id = ask();
    {
        pg::Connection somebody = db.connect();
        const pg::Transaction open{somebody};
        somebody.exec_script("SELECT FROM opt_out_history FOR UPDATE");
        BOOST_TEST(!work(id));
        BOOST_TEST(db.count("SELECT count(*) FROM opt_outs WHERE phone_number LIKE 'erased:%'") ==
                   1);
    }
    BOOST_TEST(work(id));
    BOOST_TEST(db.query_value("SELECT string_agg(word, ' ') FROM opt_out_history WHERE "
                              "phone_number LIKE 'erased:%'") == "stop");
}

BOOST_FIXTURE_TEST_CASE(while_somebody_records_words_those_of_the_person_are_left_at_once, Erase) {
    write(kPerson, "STOP");
    route();
    const std::string id = ask();
    connection.set_statement_timeout(std::chrono::seconds{2});
    {
        pg::Connection somebody = db.connect();
        const pg::Transaction open{somebody};
        somebody.exec_script(
            fmt::format(
                "SELECT pg_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext('{}'))", shop)
                .c_str());
        BOOST_TEST(!work(id));
        BOOST_TEST(erasure_state(connection, id)->busy == 1);
        BOOST_TEST(db.query_value("SELECT phone_number FROM opt_outs") == kPerson);
        BOOST_TEST(db.query_value("SELECT \"from\" FROM messages_in") == "erased");
    }
    BOOST_TEST(work(id));
    BOOST_TEST(!has(everything(), "33612345678"));
}

BOOST_FIXTURE_TEST_CASE(what_waits_is_taken_back_and_what_is_written_later_goes_out, Erase) {
    add("waits", kPerson);
    const std::string id = ask();
    add("later", kPerson);
    BOOST_TEST(work(id));
    BOOST_TEST(status("waits") == "canceled");
    BOOST_TEST(db.query_value("SELECT \"to\" || body FROM messages_out WHERE id = 'waits'") ==
               "erased");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_canceled' AND "
                        "entity_id = 'waits'") == 1);
    const outbox::Claim claimed = claim();
    BOOST_REQUIRE(claimed.messages.size() == 1);
    BOOST_TEST(claimed.messages[0].id.value == "later");
}

BOOST_FIXTURE_TEST_CASE(what_is_in_flight_is_erased_when_it_is_settled, Erase) {
    add("in-flight", kPerson);
    BOOST_REQUIRE(claim().messages.size() == 1);
    write(kPerson, "x");
    route();
    const std::string id = ask();
    BOOST_TEST(!work(id));
    BOOST_TEST(erasure_state(connection, id)->busy == 1);
    BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out") == kPerson);
    BOOST_TEST(db.query_value("SELECT \"from\" FROM messages_in") == "erased");
    finish("in-flight", "sent");
    // By whoever runs, when it has its time.
    db.exec("UPDATE erasures SET due_at = now() + interval '1 h'");
    erase_a_while(connection, system_clock());
    BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out") == kPerson);
    db.exec("UPDATE erasures SET due_at = now()");
    for (int i = 0; i < 100 && db.count("SELECT count(*) FROM erasures") == 1; ++i) {
        db.exec("UPDATE erasures SET due_at = now()");
        erase_a_while(connection, system_clock());
    }
    BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out") == "erased");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'person_erased'") == 1);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_not_routed_yet_is_routed_first, Erase) {
    write(kPerson, "Received before");
    const std::string id = ask();
    BOOST_TEST(!work(id));
    BOOST_TEST(erasure_state(connection, id)->busy == 1);
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
    BOOST_TEST(work(id));
    BOOST_TEST(!has(everything(), "Received before"));
    BOOST_TEST(!has(everything(), kPerson));
}

BOOST_FIXTURE_TEST_CASE(what_the_person_writes_while_being_erased_is_kept, Erase) {
    write(kPerson, "Before");
    route();
    const std::string id = ask();
    write(kPerson, "After");
    route();
    BOOST_TEST(work(id));
    BOOST_TEST(db.query_value("SELECT string_agg(\"from\" || ' ' || body, ',' ORDER BY seq) FROM "
                              "messages_in WHERE handled_at IS NULL") == "+33612345678 After");
    BOOST_TEST(!has(everything(), "Before"));
}

BOOST_FIXTURE_TEST_CASE(a_repeated_webhook_of_an_erased_message_finds_its_key, Erase) {
    write(kPerson, "Once");
    route();
    BOOST_TEST(erase());
    BOOST_TEST(db.query_value("SELECT key FROM webhook_events") ==
               "msg:SM00000000000000000000000000000001");
    BOOST_TEST(db.query_value("SELECT provider_message_id FROM messages_in") ==
               "SM00000000000000000000000000000001");
}

BOOST_FIXTURE_TEST_CASE(an_erased_message_is_not_attributed_again, Erase) {
    receive(db, an_inbound(1, kPerson, "+33700000099", {{"Body", "To nobody"}}));
    route();
    BOOST_TEST(erase());
    db.add_tenant("Late", "+33700000099");
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE handled_at IS NULL") == 0);
}

BOOST_FIXTURE_TEST_CASE(an_erased_letter_cannot_be_retried, Erase) {
    add("dead", kPerson);
    finish("dead", "dead");
    db.exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload) VALUES ('l', 'message_out', "
        "'{\"message_out_id\": \"dead\"}')");
    BOOST_TEST(erase());
    BOOST_TEST(has(db.query_value("SELECT ops.retry_dead_letter('l')"), "already resolved"));
    BOOST_TEST(status("dead") == "dead");
}

BOOST_FIXTURE_TEST_CASE(a_row_that_the_shop_has_locked_comes_in_the_next_round, Erase) {
    write(kPerson, "x");
    route();
    const std::string id = ask();
    {
        pg::Connection application = db.connect();
        const pg::Transaction open{application};
        application.exec_script("SELECT FROM messages_in FOR UPDATE");
        BOOST_TEST(!work(id));
    }
    BOOST_TEST(work(id));
    BOOST_TEST(db.query_value("SELECT \"from\" FROM messages_in") == "erased");
}

BOOST_FIXTURE_TEST_CASE(what_somebody_has_locked_is_left_at_once_and_all_else_is_erased, Erase) {
    write(kPerson, "First words");
    write(kPerson, "STOP");
    route();
    add("waits", kPerson);
    db.exec(
        "INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, payload) "
        "SELECT 'typed-' || n, 'x', 'x', 'c', 'operator', '{\"reason\": \"called +33612345678\"}' "
        "FROM generate_series(1, 2) AS n");
    const std::string id = ask();
    connection.set_statement_timeout(std::chrono::seconds{2});
    {
        pg::Connection somebody = db.connect();
        const pg::Transaction open{somebody};
        somebody.exec_script(
            "SELECT FROM webhook_events WHERE id = (SELECT min(id) FROM webhook_events) FOR UPDATE;"
            "SELECT FROM event_log WHERE id = 'typed-1' FOR UPDATE;"
            "SELECT FROM messages_out FOR UPDATE;"
            "SELECT FROM opt_outs FOR UPDATE;"
            "SELECT FROM opt_out_history FOR UPDATE");
        BOOST_TEST(!work(id));
        BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE raw = ''") == 1);
        BOOST_TEST(db.query_value("SELECT payload FROM event_log WHERE id = 'typed-2'") ==
                   "{\"erased\": true}");
        BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE \"from\" = 'erased'") == 2);
        BOOST_TEST(status("waits") == "pending");
        BOOST_TEST(db.count("SELECT count(refusal) FROM erasures") == 0);
    }
    BOOST_TEST(work(id));
    BOOST_TEST(status("waits") == "canceled");
    BOOST_TEST(!has(everything(), "33612345678"));
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs WHERE phone_number LIKE 'erased:%'") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_row_that_cannot_be_changed_holds_up_nothing_else, Erase) {
    write(kPerson, "Words");
    write(kOther, "Their words");
    route();
    add("sent", kPerson);
    finish("sent", "sent");
    refuse("ON messages_in FOR EACH ROW WHEN (OLD.\"from\" = '+33612345678')");
    const std::string id = ask();
    const std::string other = ask(kOther);
    const LogCapture log;
    work_while("round = 0 OR id = '" + other + "'");
    BOOST_TEST(db.query_rows("SELECT busy, refusal, due_at BETWEEN now() + interval '9 min' AND "
                             "now() + interval '10 min' FROM erasures") ==
                   std::vector<std::string>{"1|maintenance.erase_messages_in: never|t"},
               boost::test_tools::per_element());
    BOOST_TEST(db.query_rows("SELECT \"from\" FROM messages_in ORDER BY seq") ==
                   (std::vector<std::string>{kPerson, "erased"}),
               boost::test_tools::per_element());
    BOOST_TEST(db.query_value("SELECT \"to\" FROM messages_out") == "erased");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE raw = ''") == 2);

    // In the next round it is no news.
    db.exec("UPDATE erasures SET due_at = now()");
    work_while("round = 1");
    BOOST_TEST(times(log.text(), "Rows of a person could not be erased") == 1u);
    db.exec("DROP TRIGGER refuse ON messages_in");
    BOOST_TEST(work(id));
    BOOST_TEST(!has(everything(), "33612345678"));
}

BOOST_FIXTURE_TEST_CASE(an_erasure_that_does_not_get_on_holds_up_no_other, Erase) {
    write(kPerson, "x");
    write(kOther, "x");
    route();
    const std::string id = ask();
    const std::string other = ask(kOther);
    refuse("OF step ON erasures FOR EACH ROW WHEN (OLD.id = '" + id + "')");
    const LogCapture log;
    work_while("id = '" + other + "'");
    BOOST_TEST(
        db.query_rows("SELECT id, due_at BETWEEN now() + interval '9 min' AND now() + "
                      "interval '10 min' FROM erasures") == std::vector<std::string>{id + "|t"},
        boost::test_tools::per_element());
    BOOST_TEST(times(log.text(), "Erasing a person did not get on") == 1u);
    db.exec("DROP TRIGGER refuse ON erasures");
    BOOST_TEST(work(id));
}

BOOST_FIXTURE_TEST_CASE(a_row_that_moved_to_a_page_that_was_read_comes_in_one_more_round, Erase) {
    write(kPerson, "x");
    route();
    add("sent", kPerson);
    finish("sent", "sent");
    for (const char* move : {"UPDATE messages_in SET \"from\" = '+33612345678'",
                             "UPDATE messages_out SET \"to\" = '+33612345678'"}) {
        const std::string id = ask();
        const auto at = [&] {
            return db.query_value("SELECT step || ' ' || changed FROM erasures");
        };
        // The last round has read all messages.
        for (int i = 0; i < 50 && at() != "webhook_events 0"; ++i) erase_step(connection, id);
        BOOST_REQUIRE(at() == "webhook_events 0");
        db.exec(move);
        BOOST_TEST(!work(id));
        BOOST_TEST(work(id));
        BOOST_TEST(!has(everything(), "33612345678"), move);
    }
}

BOOST_FIXTURE_TEST_CASE(when_the_database_s_clock_went_back_no_erasure_waits_for_it, Erase) {
    write(kPerson, "x");
    route();
    ask();
    db.exec("UPDATE erasures SET due_at = now() + interval '59 min'");
    erase_a_while(connection, system_clock());
    BOOST_TEST(db.query_value("SELECT step FROM erasures") == "find");
    db.exec("UPDATE erasures SET due_at = now() + interval '5 h'");
    erase_a_while(connection, system_clock());
    BOOST_TEST(db.query_value("SELECT coalesce((SELECT step FROM erasures), 'done')") != "find");
}

BOOST_FIXTURE_TEST_CASE(two_that_erase_the_same_person_do_it_once, Erase) {
    for (int i = 0; i < 20; ++i) write(kPerson, "x");
    route();
    const std::string id = ask();
    BOOST_TEST(ask() == id);
    {
        std::vector<std::jthread> people;
        for (int i = 0; i < 2; ++i) {
            people.emplace_back([&] {
                pg::Connection own = db.connect();
                while (db.count("SELECT count(*) FROM erasures") > 0) erase_step(own, id);
            });
        }
    }
    BOOST_TEST(db.query_rows("SELECT payload -> 'rows' ->> 'messages_in' FROM event_log WHERE "
                             "event_type = 'person_erased'") == std::vector<std::string>{"20"},
               boost::test_tools::per_element());
}

// Each step reads the pages that it is given, and looks few rows up by key, whatever the sizes.
BOOST_FIXTURE_TEST_CASE(no_step_reads_a_whole_table, Erase) {
    connection.exec_script(kPlanning);
    struct Case {
        const pg::Statement& statement;
        const char* further;
    };
    const Case cases[] = {
        {sql::maintenance::erase_find, "'{}'"},
        {sql::maintenance::erase_messages_out, "'{}', 1, false, 'x'"},
        {sql::maintenance::erase_messages_in, "'{}', 'now', false"},
        {sql::maintenance::erase_events, "'{}', 'now', false, 'x', 1"},
        {sql::maintenance::erase_deliveries, "false, 'x'"},
        {sql::maintenance::erase_dead_letters, "false, 'x'"},
        {sql::maintenance::erase_log, "false, 'x'"},
    };
    for (const Case& c : cases) {
        std::string whole;
        for (const std::string& line :
             plan(c.statement, std::string{"'(0,0)', '(64,0)', "} + c.further))
            whole += line + "\n";
        BOOST_TEST(whole.find("Tid Range Scan") != std::string::npos, whole);
        BOOST_TEST(whole.find("Seq Scan") == std::string::npos, whole);
        BOOST_TEST(whole.find("hashed SubPlan") == std::string::npos, whole);
    }
}

BOOST_FIXTURE_TEST_CASE(words_and_what_is_left_are_looked_up_by_tenant_and_address, Erase) {
    connection.exec_script(kPlanning);
    // Besides the first tenant of the history, and all tenants, of whom there are few.
    const auto reads_only = [&](const pg::Statement& statement, const std::string& tenants) {
        std::string whole;
        for (const std::string& line : scans_without_condition(plan(statement, "'{}'")))
            whole += line + "\n";
        BOOST_TEST(times(whole, " on opt_out_history ") == 1u, whole);
        BOOST_TEST(times(whole, " Scan ") == 1 + times(whole, tenants), whole);
    };
    reads_only(sql::maintenance::erase_words_of, " on tenants ");
    reads_only(sql::maintenance::erase_find_words, "nothing else");
    const std::vector<std::string> none;
    BOOST_TEST(scans_without_condition(
                   plan(sql::maintenance::erase_words, "'t', '{}', false, 100")) == none,
               boost::test_tools::per_element());
    BOOST_TEST(
        scans_without_condition(plan(sql::maintenance::erasure_left, "'{}', 'now', 1")) == none,
        boost::test_tools::per_element());
}

// More than one step forgets: the oldest go first, and the last STOP is left all the same.
BOOST_FIXTURE_TEST_CASE(who_has_said_thousands_of_words_is_forgotten_too, Erase) {
    db.exec(fmt::format(
        "INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source) "
        "SELECT '{0}', '{1}', 'stop', now() - n * interval '1 s', 'webhook' FROM "
        "generate_series(1, 25000) AS n;"
        "INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('{0}', '{1}')",
        shop, kPerson));
    BOOST_TEST(erase());
    BOOST_TEST(db.query_value("SELECT count(*) || ' ' || min(word) || ' ' || (max(occurred_at) > "
                              "now() - interval '1 min') || ' ' || bool_and(phone_number LIKE "
                              "'erased:%') FROM opt_out_history") == "1 stop true true");
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs WHERE phone_number LIKE 'erased:%'") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_shop_s_and_a_seller_s_number_is_refused, Erase) {
    db.add_seller(shop, kOther);
    BOOST_TEST(has(why_not_erased(connection, kShop).value(), "the shop Shop itself"));
    BOOST_TEST(has(why_not_erased(connection, kOther).value(), "pgcourier seller remove"));
    BOOST_TEST(!why_not_erased(connection, kPerson));
}

}  // namespace pgcourier::maintenance
