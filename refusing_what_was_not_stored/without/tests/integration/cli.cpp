// The command line as a person or a script uses it.
#include "support/eventually.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <thread>

namespace pgcourier {
namespace {

using namespace test;

struct Cli {
    TestDatabase db;
    Ran run(std::vector<std::string> arguments) const {
        return run_program(std::move(arguments), {{"DATABASE_URL", db.url().reveal()}});
    }
    rapidjson::Document json(std::vector<std::string> arguments) const {
        arguments.emplace_back("--json");
        const Ran ran = run(std::move(arguments));
        BOOST_TEST(ran.exit_code == 0, ran.output);
        rapidjson::Document document;
        document.Parse(ran.output);
        BOOST_REQUIRE_MESSAGE(!document.HasParseError(), ran.output);
        return document;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(wrong_words_and_missing_configuration_are_exit_2) {
    BOOST_TEST(run_program({}, {}).exit_code == 2);
    BOOST_TEST(run_program({"sevre"}, {}).exit_code == 2);
    BOOST_TEST(run_program({"tenant", "add"}, {}).exit_code == 2);
    const Ran ran = run_program({"status"}, {});
    BOOST_TEST(ran.exit_code == 2);
    BOOST_TEST(has(ran.output, "DATABASE_URL"));
}

BOOST_AUTO_TEST_CASE(a_database_that_is_not_there_is_exit_1_without_its_password) {
    const Ran ran =
        run_program({"status"}, {{"DATABASE_URL", "postgresql://shop:s3cret@127.0.0.1:1/shop"}});
    BOOST_TEST(ran.exit_code == 1);
    BOOST_TEST(has(ran.output, "127.0.0.1:1/shop"));
    BOOST_TEST(!has(ran.output, "s3cret"));
}

BOOST_AUTO_TEST_CASE(a_tenant_and_its_sellers) {
    const Cli cli;
    const rapidjson::Document added =
        cli.json({"tenant", "add", "Chez Zoé", "--number", "whatsapp:+33700000001"});
    BOOST_TEST(std::string{added["number"].GetString()} == "+33700000001");
    BOOST_TEST(cli.run({"tenant", "add", "x", "--number", "0612345678"}).exit_code == 2);
    BOOST_TEST(cli.run({"tenant", "add", "Other", "--number", "+33700000001"}).exit_code == 1);
    BOOST_TEST(cli.run({"seller", "add", "+33612345678", "--tenant", "Chez Zoé"}).exit_code == 0);
    BOOST_TEST(
        has(cli.run({"seller", "add", "whatsapp:+33612345678", "--tenant", "+33700000001"}).output,
            "there already"));
    BOOST_TEST(cli.json({"seller", "list"}).Size() == 1);
    BOOST_TEST(cli.json({"tenant", "list"})[0]["sellers"].GetInt() == 1);
    BOOST_TEST(cli.run({"seller", "remove", "+33612345678", "--tenant", added["id"].GetString()})
                   .exit_code == 0);
    BOOST_TEST(cli.run({"seller", "remove", "+33612345678", "--tenant", "Chez Zoé"}).exit_code ==
               1);
    BOOST_TEST(cli.run({"seller", "add", "+33612345678", "--tenant", "nobody"}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(a_tenant_is_changed_and_one_that_did_nothing_is_removed) {
    Cli cli;
    const std::string shop = cli.db.add_tenant("Shop", "+33700000001");
    cli.db.add_tenant("Other", "+33700000002");
    const rapidjson::Document changed = cli.json(
        {"tenant", "change", "Shop", "--name", "Chez Zoé", "--number", "whatsapp:+33700000003"});
    BOOST_TEST(changed["name"].GetString() == "Chez Zoé");
    BOOST_TEST(changed["number"].GetString() == "+33700000003");
    BOOST_TEST(cli.run({"tenant", "change", shop, "--number", "+33700000002"}).exit_code == 1);
    BOOST_TEST(cli.run({"tenant", "change", shop}).exit_code == 2);
    BOOST_TEST(cli.json({"tenant", "change", shop, "--no-number"})["number"].IsNull());

    BOOST_TEST(cli.run({"tenant", "remove", "Other"}).exit_code == 0);
    {
        // Somebody is just writing its first message: it stays, and so does the shop.
        const std::string busy = cli.db.add_tenant("Busy", "+33700000004");
        pg::Connection writer{cli.db.options("test-writer")};
        pg::Transaction writing{writer};
        writer.exec_script(("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('" + busy +
                            "', '+33612345678', 'x')")
                               .c_str());
        Ran removed;
        std::jthread removing{[&] { removed = cli.run({"tenant", "remove", busy}); }};
        BOOST_TEST(test::eventually([&] {
            return cli.db.count(
                       "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0;
        }));
        writing.commit();
        removing.join();
        BOOST_TEST(removed.exit_code == 1, removed.output);
        BOOST_TEST(cli.db.count("SELECT count(*) FROM messages_out") == 1);
        cli.db.exec("DELETE FROM tenants WHERE id = '" + busy + "'");
    }
    cli.db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('" + shop +
                "', '+33612345678', 'x')");
    const test::Ran refused = cli.run({"tenant", "remove", shop});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(has(refused.output, "the shop has messages"));
    BOOST_TEST(cli.db.query_rows("SELECT name FROM tenants") ==
               std::vector<std::string>{"Chez Zoé"});
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_tenant_that_is_gone_is_dealt_with_by_its_id) {
    Cli cli;
    const std::string shop = cli.db.add_tenant("Shop", "+33700000001");
    BOOST_TEST(cli.run({"pause", "--tenant", "Shop"}).exit_code == 0);
    cli.db.exec(
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload) VALUES ('letter', '" +
        shop + "', 'webhook_event', '{}')");
    BOOST_TEST(cli.run({"tenant", "remove", "Shop"}).exit_code == 0);
    BOOST_TEST(cli.run({"pause", "--tenant", shop}).exit_code == 1);
    BOOST_TEST(has(cli.run({"resume", "--tenant", shop}).output, "resumed"));
    BOOST_TEST(cli.run({"dlq", "discard", "--tenant", shop, "--yes"}).exit_code == 0);
    BOOST_TEST(has(cli.run({"dlq", "list"}).output, "No dead letters"));
    BOOST_TEST(cli.run({"resume", "--tenant", "nobody"}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(what_people_change_of_tenants_and_sellers_is_in_event_log_and_nothing_else) {
    const Cli cli;
    const std::string shop =
        cli.json({"tenant", "add", "Shop", "--number", "+33700000001", "--by", "zoe"})["id"]
            .GetString();
    const auto run = [&](std::vector<std::string> arguments, int expected = 0) {
        const Ran ran = cli.run(std::move(arguments));
        BOOST_TEST(ran.exit_code == expected, ran.output);
    };
    run({"tenant", "change", shop, "--name", "Ring +33612345678", "--number", "+33700000002",
         "--by", "zoe +33612345678"});
    run({"tenant", "change", shop, "--no-number"});
    run({"seller", "add", "+33612345678", "--tenant", shop, "--by", "zoe"});
    // Twice, in a spelling that was never put right: taken away together, and told of once.
    cli.db.exec(
        "ALTER TABLE seller_phones DISABLE TRIGGER pgcourier_normalise;"
        "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ('" +
        shop +
        "', 'whatsapp:+33612345678');"
        "ALTER TABLE seller_phones ENABLE TRIGGER pgcourier_normalise");
    run({"seller", "remove", "+33612345678", "--tenant", shop, "--by", "zoe"});
    run({"tenant", "remove", shop, "--by", "zoe"});

    // Nothing changes, or nothing may.
    const std::string other =
        cli.json({"tenant", "add", "Other", "--number", "+33700000003", "--by", "zoe"})["id"]
            .GetString();
    cli.db.exec("UPDATE tenants SET updated_at = '2026-01-01'");
    const rapidjson::Document same =
        cli.json({"tenant", "change", "Other", "--name", "Other", "--number", "+33700000003"});
    BOOST_TEST(same["number"].GetString() == "+33700000003");
    BOOST_TEST(cli.db.count("SELECT count(*) FROM tenants WHERE updated_at = '2026-01-01'") == 1);
    run({"tenant", "add", "Third", "--number", "+33700000003"}, 1);
    run({"seller", "remove", "+33612345678", "--tenant", other}, 1);
    run({"seller", "add", "+33612345678", "--tenant", other, "--by", "zoe"});
    run({"seller", "add", "+33612345678", "--tenant", other});
    cli.db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('" + other +
                "', '+33612345678', 'x')");
    run({"tenant", "remove", other}, 1);

    const auto told = [&](const std::string& tenant) {
        return cli.db.query_rows(
            "SELECT concat_ws('|', event_type, by, detail) FROM ops.log(only_people => true, "
            "tenant => '" +
            tenant + "') WHERE entity_type = 'tenant' AND entity_id = tenant_id ORDER BY at, id");
    };
    const std::string user = cli.db.query_value("SELECT session_user");
    const std::vector<std::string> expected{
        "tenant_added|zoe|what: name Shop, number +337…01",
        "tenant_changed|zoe +336…78|what: name Shop → Ring +336…78, number +337…01 → +337…02",
        "tenant_changed|" + user + "|what: number +337…02 → none",
        "seller_added|zoe|what: +336…78",
        "seller_removed|zoe|what: +336…78",
        "tenant_removed|zoe|what: name Ring +336…78, number none"};
    BOOST_TEST(told(shop) == expected, boost::test_tools::per_element());
    const std::vector<std::string> expected_of_other{
        "tenant_added|zoe|what: name Other, number +337…03", "seller_added|zoe|what: +336…78"};
    BOOST_TEST(told(other) == expected_of_other, boost::test_tools::per_element());
    BOOST_TEST(cli.db.count("SELECT count(*) FROM event_log WHERE payload::text ~ '[0-9]{6}'") ==
               0);
    BOOST_TEST(has(cli.run({"events"}).output, "tenant_removed"));
}

BOOST_AUTO_TEST_CASE(a_message_is_added_listed_and_shown_without_number_or_body) {
    const Cli cli;
    cli.db.add_tenant("Shop", "+33700000001");
    const rapidjson::Document added = cli.json(
        {"outbox", "add", "--tenant", "Shop", "--to", "+33612345678", "--body", "Secret words"});
    BOOST_TEST(std::string{added["status"].GetString()} == "pending");
    const std::string id = added["id"].GetString();
    for (const Ran& ran : {cli.run({"outbox", "list"}), cli.run({"outbox", "show", id}),
                           cli.run({"events", "--correlation", id})}) {
        BOOST_TEST(ran.exit_code == 0, ran.output);
        BOOST_TEST(has(ran.output, id));
        BOOST_TEST(!has(ran.output, "33612345678"));
        BOOST_TEST(!has(ran.output, "Secret words"));
    }
    BOOST_TEST(cli.json({"outbox", "show", id})["attempts"].GetInt() == 0);
    // As the predecessor's errors quote numbers, and people do in their reasons.
    cli.db.exec(
        "UPDATE messages_out SET last_error = 'not +33612345678', held_reason = 'for 0612345678'");
    const Ran shown = cli.run({"outbox", "show", id});
    BOOST_TEST(has(shown.output, "not +336…78"), shown.output);
    BOOST_TEST(!has(shown.output, "612345678"), shown.output);
    const Ran refused =
        cli.run({"outbox", "add", "--tenant", "Shop", "--to", "0612345678", "--body", "x"});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(has(refused.output, "E.164"));
    BOOST_TEST(cli.run({"outbox", "show", "nothing"}).exit_code == 1);
    BOOST_TEST(cli.run({"events", "--correlation", "nothing"}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(an_empty_list_says_what_of_and_a_status_that_is_none_is_refused) {
    const Cli cli;
    BOOST_TEST(cli.run({"outbox", "list"}).output == "Nothing waits, nothing is dead.\n");
    const Ran unknown = cli.run({"outbox", "list", "--status", "unknown"});
    BOOST_TEST(unknown.exit_code == 0);
    BOOST_TEST(unknown.output == "Of what is not finished, nothing is unknown.\n");
    const Ran misspelt = cli.run({"outbox", "list", "--status", "unknwon"});
    BOOST_TEST(misspelt.exit_code == 2);
    BOOST_TEST(has(misspelt.output, "unknwon"));
    BOOST_TEST(has(misspelt.output, "pending"));
    BOOST_TEST(has(cli.run({"outbox", "list", "--status", "sent"}).output,
                   "Nothing was sent and could not be delivered."));
}

BOOST_AUTO_TEST_CASE(a_command_that_there_is_not_is_named_with_the_one_that_was_meant) {
    const Cli cli;
    const Ran misspelt_option = cli.run({"dlq", "list", "--jsn"});
    BOOST_TEST(misspelt_option.output ==
               "pgcourier: pgcourier dlq list has no option --jsn: did you mean `--json`?\n");
    const Ran misspelt = cli.run({"dlq", "retyr"});
    BOOST_TEST(misspelt.exit_code == 2);
    BOOST_TEST(misspelt.output ==
               "pgcourier: pgcourier dlq has no command retyr: did you mean `pgcourier dlq "
               "retry`?\n");
    BOOST_TEST(cli.run({"nosuch"}).exit_code == 2);
    BOOST_TEST(cli.run({"outbox", "add"}).output.starts_with("pgcourier: --"));
}

BOOST_AUTO_TEST_CASE(a_time_that_is_none_is_told_with_its_option) {
    const Cli cli;
    cli.db.add_tenant("Shop", "+33700000001");
    const auto refused = [&cli](const std::vector<std::string>& arguments,
                                const std::string& option) {
        const Ran ran = cli.run(arguments);
        BOOST_TEST(ran.exit_code == 2, ran.output);
        BOOST_TEST(ran.output == "pgcourier: " + option +
                                     ": found \"bogus\", expected a time, as '2026-02-08 10:00' "
                                     "(UTC)\n");
    };
    refused({"dlq", "list", "--since", "bogus"}, "--since");
    refused({"dlq", "retry", "--until", "bogus"}, "--until");
    refused({"dlq", "discard", "--since", "bogus"}, "--since");
    refused({"outbox", "add", "--tenant", "Shop", "--to", "+33612345678", "--body", "x",
             "--send-at", "bogus"},
            "--send-at");
}

BOOST_AUTO_TEST_CASE(a_held_message_is_released_and_a_dead_letter_retried_and_discarded) {
    const Cli cli;
    const std::string tenant = cli.db.add_tenant("Shop", "+33700000001");
    cli.db.exec(fmt::format(
        "INSERT INTO messages_out (id, tenant_id, \"to\", body, held_reason) VALUES ('held', "
        "'{0}', '+33612345678', 'x', 'old');"
        "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, attempts) VALUES "
        "('dead-1', '{0}', '+33612345678', 'x', 'dead', 5),"
        " ('dead-2', '{0}', '+33612345678', 'x', 'dead', 5);"
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, attempts) VALUES"
        " ('letter-1', '{0}', 'message_out', '{{\"message_out_id\": \"dead-1\"}}', 5),"
        " ('letter-2', '{0}', 'message_out', '{{\"message_out_id\": \"dead-2\"}}', 5)",
        tenant));
    BOOST_TEST(cli.db.count("SELECT count(*) FROM outbox_queue") == 0);
    BOOST_TEST(cli.run({"outbox", "release"}).exit_code == 2);
    BOOST_TEST(cli.run({"outbox", "release", "held", "--by", "zoe"}).exit_code == 0);
    BOOST_TEST(cli.db.query_value("SELECT payload ->> 'by' FROM event_log WHERE event_type = "
                                  "'message_released'") == "zoe");
    BOOST_TEST(cli.run({"outbox", "release", "held"}).exit_code == 1);
    BOOST_TEST(cli.db.query_value("SELECT message_id FROM outbox_queue") == "held");
    BOOST_TEST(cli.json({"dlq", "list"}).Size() == 2);
    BOOST_TEST(has(cli.run({"dlq", "show", "dead-1"}).output, "letter-1"));
    BOOST_TEST(cli.run({"dlq", "retry", "dead-1"}).exit_code == 0);
    BOOST_TEST(has(cli.run({"dlq", "retry", "letter-1"}).output, "already resolved"));
    BOOST_TEST(
        cli.db.query_value("SELECT status || attempts FROM messages_out WHERE id = 'dead-1'") ==
        "pending0");
    BOOST_TEST(cli.run({"dlq", "discard", "letter-2", "--reason", "too old"}).exit_code == 0);
    BOOST_TEST(cli.db.query_value("SELECT status FROM messages_out WHERE id = 'dead-2'") == "dead");
    BOOST_TEST(has(cli.run({"dlq", "list"}).output, "No dead letters"));
    BOOST_TEST(cli.json({"dlq", "show", "letter-2"})["payload"]["message_out_id"].GetString() ==
               std::string{"dead-2"});
}

BOOST_AUTO_TEST_CASE(a_message_has_times_a_key_or_a_template_and_is_taken_back) {
    const Cli cli;
    cli.db.add_tenant("Shop", "+33700000001");
    const std::vector<std::string> to{"outbox", "add", "--tenant", "Shop", "--to", "+33612345678"};
    const auto add = [&](std::vector<std::string> further) {
        std::vector<std::string> all = to;
        all.insert(all.end(), further.begin(), further.end());
        return cli.run(all);
    };
    BOOST_TEST(add({"--body", "x", "--send-at", "2199-01-01 10:00", "--expires-at",
                    "2199-01-01 11:00", "--dedupe-key", "order-7"})
                   .exit_code == 0);
    BOOST_TEST(cli.db.query_value("SELECT due_at AT TIME ZONE 'UTC' FROM outbox_queue") ==
               "2199-01-01 10:00:00");
    const Ran again = add({"--body", "x", "--dedupe-key", "order-7"});
    BOOST_TEST(again.exit_code == 1);
    BOOST_TEST(has(again.output, "used within 24 hours, by message"));
    BOOST_TEST(has(add({"--body", "x", "--expires-at", "2020-01-01"}).output, "not in the future"));
    BOOST_TEST(
        add({"--template", "HX0123456789abcdef0123456789abcdef", "--variables", R"({"1": "Zoé"})"})
            .exit_code == 0);

    const std::string id = cli.db.query_value("SELECT id FROM messages_out WHERE body = 'x'");
    BOOST_TEST(has(cli.run({"outbox", "show", id}).output, "2199-01-01 11:00"));
    BOOST_TEST(
        cli.run({"outbox", "cancel", id, "--reason", "a mistake", "--by", "zoe"}).exit_code == 0);
    BOOST_TEST(cli.db.query_value("SELECT payload ->> 'by' FROM event_log") == "zoe");
    const Ran twice = cli.run({"outbox", "cancel", id});
    BOOST_TEST(twice.exit_code == 1);
    BOOST_TEST(has(twice.output, "it is canceled"));
}

BOOST_AUTO_TEST_CASE(many_dead_letters_are_retried_and_discarded_by_filter) {
    const Cli cli;
    const std::string tenant = cli.db.add_tenant("Shop", "+33700000001");
    cli.db.exec(fmt::format(
        "INSERT INTO messages_out (id, tenant_id, \"to\", body, status, error_code) SELECT 'm' || "
        "g, '{0}', '+33612345678', 'x', 'dead', 63000 + g % 3 FROM generate_series(1, 9) AS g;"
        "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload) SELECT 'l' || g, '{0}', "
        "'message_out', jsonb_build_object('message_out_id', 'm' || g) FROM generate_series(1, 9) "
        "AS g",
        tenant));
    BOOST_TEST(cli.run({"dlq", "retry"}).exit_code == 2);
    BOOST_TEST(cli.run({"dlq", "retry", "l1", "--all"}).exit_code == 2);
    BOOST_TEST(cli.json({"dlq", "list", "--code", "63001"}).Size() == 3);
    BOOST_TEST(cli.json({"dlq", "list", "--until", "2020-01-01"}).Size() == 0);
    const Ran shown = cli.run({"dlq", "retry", "--code", "63001", "--dry-run"});
    BOOST_TEST(has(shown.output, "l4"));
    BOOST_TEST(cli.json({"dlq", "list"}).Size() == 9);
    BOOST_TEST(has(cli.run({"dlq", "retry", "--code", "63001", "--tenant", "Shop", "--per-second",
                            "0.1", "--by", "zoe"})
                       .output,
                   "3 retried, 0 left as they were."));
    BOOST_TEST(cli.db.count("SELECT count(*) FROM outbox_queue WHERE due_at > now()") == 2);
    BOOST_TEST(cli.json({"dlq", "discard", "--all", "--reason", "too old", "--by", "zoe"}).Size() ==
               6);
    BOOST_TEST(cli.db.count("SELECT count(*) FROM event_log WHERE payload ->> 'by' = 'zoe'") == 9);
    BOOST_TEST(has(cli.run({"dlq", "retry", "--all"}).output, "0 retried"));
}

BOOST_AUTO_TEST_CASE(a_message_is_explained_and_traced) {
    const Cli cli;
    cli.db.add_tenant("Shop", "+33700000001");
    const rapidjson::Document added =
        cli.json({"outbox", "add", "--tenant", "Shop", "--to", "+33612345678", "--body", "x"});
    const std::string id = added["id"].GetString();
    const Ran explained = cli.run({"explain", id});
    BOOST_TEST(explained.exit_code == 0);
    BOOST_TEST(explained.output.starts_with("Message " + id + " is due since "), explained.output);
    BOOST_TEST(has(explained.output, "no sender is running"));
    const rapidjson::Document as_json = cli.json({"explain", id});
    BOOST_TEST(as_json["is_known"].GetBool());
    BOOST_TEST(has(as_json["explanation"].GetString(), "no sender is running"));

    // What happened, and below it what happens next.
    const Ran traced = cli.run({"trace", added["correlation_id"].GetString()});
    BOOST_TEST(traced.exit_code == 0);
    BOOST_TEST(has(traced.output, "written to messages_out"));
    BOOST_TEST(has(traced.output, "no sender is running"));
    BOOST_TEST(cli.json({"trace", id}).Size() == 1);

    for (const char* command : {"explain", "trace"}) {
        const Ran unknown = cli.run({command, "nothing"});
        BOOST_TEST(unknown.exit_code == 1);
        BOOST_TEST(has(unknown.output, "Nothing is known of nothing"));
        BOOST_TEST(cli.run({command}).exit_code == 2);
    }
}

BOOST_AUTO_TEST_CASE(an_unmigrated_database_says_which_command_to_run) {
    const TestDatabase empty{TestDatabase::Content::empty};
    const Variables variables{{"DATABASE_URL", empty.url().reveal()}};
    const Ran before = run_program({"tenant", "add", "Shop"}, variables);
    BOOST_TEST(before.exit_code == 1);
    BOOST_TEST(has(before.output, "relation \"tenants\" does not exist"));
    BOOST_TEST(has(before.output, "pgcourier migrate up"));
    BOOST_TEST(run_program({"migrate", "up"}, variables).exit_code == 0);
    BOOST_TEST(has(run_program({"migrate", "up"}, variables).output, "up to date"));
    BOOST_TEST(run_program({"tenant", "add", "Shop"}, variables).exit_code == 0);
}

}  // namespace pgcourier
