// Upkeep on the command line, and by the running service: prune, erase, optout, config.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/routing.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <fstream>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kPerson = "+33612345678";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

struct Cli {
    TestDatabase db;
    std::string tenant = db.add_tenant("Shop", kShop);

    Variables variables(const Variables& more = {}) const {
        Variables all{{"DATABASE_URL", db.url().reveal()}};
        for (const auto& [name, value] : more) all[name] = value;
        return all;
    }
    Ran run(std::vector<std::string> arguments, const Variables& more = {}) const {
        return run_program(std::move(arguments), variables(more));
    }
    rapidjson::Document json(std::vector<std::string> arguments, int exit_code = 0) const {
        arguments.emplace_back("--json");
        const Ran ran = run(std::move(arguments));
        BOOST_TEST(ran.exit_code == exit_code, ran.output);
        rapidjson::Document document;
        // Behind a pooler it warns first.
        const bool warns = ran.output.find("A pooler stands before") < ran.output.find('\n');
        document.Parse(ran.output.substr(warns ? ran.output.find('\n') : 0));
        BOOST_REQUIRE_MESSAGE(!document.HasParseError(), ran.output);
        return document;
    }
    void add_messages(int count) const {
        db.exec(
            fmt::format("INSERT INTO messages_in (tenant_id, provider_message_id, \"from\", "
                        "body, correlation_id, created_at, handled_at) SELECT '{}', 'SM' || n, "
                        "'{}', 'Secret words', 'c', now() - interval '40 d', CASE WHEN n > 1 "
                        "THEN now() - interval '40 d' END FROM generate_series(1, {}) AS n",
                        tenant, kPerson, count));
    }
    std::int64_t messages() const { return db.count("SELECT count(*) FROM messages_in"); }
    std::string opted_out() const {
        return db.query_value(
            "SELECT coalesce(string_agg(phone_number, ' ' ORDER BY phone_number), '') FROM "
            "opt_outs");
    }
};

/// The service on this database, with quick ticks.
struct Serving {
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::unique_ptr<Process> process;

    explicit Serving(const Cli& cli) {
        BOOST_REQUIRE(twilio.start());
        Variables variables = service_variables(cli.db.url(), free_port(), twilio.base_url());
        variables["OUTBOX_POLL_INTERVAL_MS"] = "100";
        process = std::make_unique<Process>(std::vector<std::string>{"serve"}, variables);
        BOOST_REQUIRE_MESSAGE(process->wait_for_output("Worker started successfully"),
                              process->output());
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(prune_counts_deletes_and_says_what_it_kept, Cli) {
    add_messages(10);
    const Ran counted = run({"prune", "--dry-run"});
    BOOST_TEST(counted.exit_code == 0);
    BOOST_TEST(has(counted.output, "would be deleted"));
    BOOST_TEST(has(counted.output, "1 of messages_in are kept: the shop has not handled them"));
    BOOST_TEST(messages() == 10);
    const rapidjson::Document pruned = json({"prune"});
    BOOST_TEST(std::string{pruned[1]["table"].GetString()} == "messages_in");
    BOOST_TEST(pruned[1]["deleted"].GetInt() == 9);
    BOOST_TEST(pruned[1]["kept"].GetInt() == 1);
    BOOST_TEST(pruned[5]["older_than_days"].GetInt() == 365);
    BOOST_TEST(messages() == 1);
    BOOST_TEST(run({"prune", "--dry-run"}, {{"RETENTION_DAYS", "0"}}).exit_code == 2);
}

BOOST_FIXTURE_TEST_CASE(prune_keeps_what_retention_days_says, Cli) {
    add_messages(10);
    BOOST_TEST(run({"prune"}, {{"RETENTION_DAYS", "41"}}).exit_code == 0);
    BOOST_TEST(messages() == 10);
    BOOST_TEST(run({"prune"}, {{"RETENTION_DAYS", "39"}}).exit_code == 0);
    BOOST_TEST(messages() == 1);
}

BOOST_FIXTURE_TEST_CASE(prune_deletes_what_it_can_and_says_what_it_could_not, Cli) {
    add_messages(10);
    db.exec(
        "CREATE TABLE orders (message_id text REFERENCES messages_in (id)); INSERT INTO orders "
        "SELECT id FROM messages_in WHERE provider_message_id = 'SM5'");
    const Ran ran = run({"prune"});
    BOOST_TEST(ran.exit_code == 0, ran.output);
    BOOST_TEST(has(ran.output, "Old rows could not be deleted"), ran.output);
    BOOST_TEST(has(ran.output, "violates foreign key constraint"), ran.output);
    BOOST_TEST(messages() == 2);
}

BOOST_FIXTURE_TEST_CASE(prune_fails_when_all_else_is_done_where_a_table_cannot_be_pruned, Cli) {
    add_messages(10);
    db.exec(
        "INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, "
        "created_at) VALUES ('old', 'x', 'x', 'c', 'system', now() - interval '400 d');"
        "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'messages are kept here'; END $$; CREATE TRIGGER forbid BEFORE DELETE ON messages_in FOR "
        "EACH STATEMENT EXECUTE FUNCTION forbid()");
    const Ran ran = run({"prune"});
    BOOST_TEST(ran.exit_code == 1, ran.output);
    BOOST_TEST(has(ran.output, "messages are kept here"), ran.output);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE id = 'old'") == 0);
}

BOOST_FIXTURE_TEST_CASE(the_running_service_prunes_by_itself, Cli) {
    add_messages(10);
    db.exec("UPDATE retention_passes SET due_at = now()");
    const Serving serving{*this};
    BOOST_TEST(eventually([&] { return messages() == 1; }, std::chrono::seconds{30}));
    BOOST_TEST(serving.process->wait_for_output("Old rows were deleted"));
}

BOOST_FIXTURE_TEST_CASE(erase_shows_first_then_erases_and_shows_no_number, Cli) {
    add_messages(3);
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', "
                    "'Secret answer')",
                    tenant, kPerson));
    const rapidjson::Document counted = json({"erase", "--phone", kPerson, "--dry-run"});
    BOOST_TEST(counted["would_be_erased"]["messages_in"].GetInt() == 3);
    BOOST_TEST(counted["would_be_erased"]["messages_out"].GetInt() == 1);
    BOOST_TEST(std::string{counted["addresses"][0].GetString()} == "+336…78");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE body = ''") == 0);

    const Ran erased =
        run({"erase", "--phone", kPerson, "--by", "zoe", "--reason", "asked by mail"});
    BOOST_TEST(erased.exit_code == 0, erased.output);
    BOOST_TEST(has(erased.output, "Erased; event_log says so"));
    BOOST_TEST(!has(erased.output, "12345678"));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE body = '' AND \"from\" = "
                        "'erased'") == 3);
    BOOST_TEST(db.query_value("SELECT status || body FROM messages_out") == "canceled");
    BOOST_TEST(db.query_value("SELECT payload ->> 'by' FROM event_log WHERE event_type = "
                              "'person_erased'") == "zoe");
    const Ran again = run({"erase", "--phone", kPerson});
    BOOST_TEST(has(again.output, "There was nothing of this person, or it is erased already"));
    BOOST_TEST(!has(again.output, "Erased;"), again.output);
    BOOST_TEST(
        has(run({"erase", "--phone", kPerson, "--dry-run"}).output, "\nNothing was changed.\n"));
}

BOOST_FIXTURE_TEST_CASE(erase_refuses_what_is_no_person, Cli) {
    db.add_seller(tenant, "+33698765432");
    BOOST_TEST(run({"erase"}).exit_code == 2);
    BOOST_TEST(run({"erase", "--phone", "0612345678"}).exit_code == 2);
    const Ran shop = run({"erase", "--phone", kShop});
    BOOST_TEST(shop.exit_code == 1);
    BOOST_TEST(has(shop.output, "the number of the shop Shop itself"));
    const Ran seller = run({"erase", "--phone", "+33698765432"});
    BOOST_TEST(seller.exit_code == 1);
    BOOST_TEST(has(seller.output, "pgcourier seller remove"));
}

BOOST_FIXTURE_TEST_CASE(erase_that_was_killed_is_finished_by_the_service, Cli) {
    add_messages(3);
    // Received, and known by a user id: without what was found out before, nobody would know it
    // after the first events are empty.
    receive(db,
            an_inbound(1, kPerson, kShop, {{"Body", "x"}, {"ExternalUserId", "whatsapp:FR.1349"}}));
    db.exec(
        "DELETE FROM webhook_queue;"
        "UPDATE messages_in SET \"from\" = 'FR.1349' WHERE provider_message_id = 'SM3'");
    Process killed{{"erase", "--phone", kPerson},
                   variables({{"FAULT_POINT", "erase:maintenance.erasure_note:before_commit"},
                              {"FAULT_AT", "7"}}),
                   {},
                   PGCOURIER_FAULTY_BINARY};
    BOOST_TEST(killed.wait() == 128 + SIGKILL);
    BOOST_TEST(db.count("SELECT count(*) FROM erasures") == 1);
    const Serving serving{*this};
    BOOST_TEST(eventually(
        [&] {
            db.exec("UPDATE erasures SET due_at = now()");  // not to wait for each next step
            return db.count("SELECT count(*) FROM erasures") == 0;
        },
        std::chrono::seconds{120}));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_in WHERE \"from\" = 'erased'") == 3);
    BOOST_TEST(db.query_value("SELECT payload FROM webhook_events") == "{\"erased\": true}");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'person_erased'") == 1);
}

BOOST_FIXTURE_TEST_CASE(erase_says_what_it_had_to_leave, Cli) {
    receive(db, an_inbound(1, kPerson, kShop, {{"Body", "Not routed"}}));
    const Ran ran = run({"erase", "--phone", kPerson, "--wait", "0"});
    BOOST_TEST(ran.exit_code == 1);
    BOOST_TEST(has(ran.output, "1 rows of this person are left"));
    const rapidjson::Document again = json({"erase", "--phone", kPerson, "--wait", "0"}, 1);
    BOOST_TEST(!again["done"].GetBool());
    BOOST_TEST(again["left_for_now"].GetInt() == 1);
}

BOOST_FIXTURE_TEST_CASE(optout_blocks_lists_and_takes_back, Cli) {
    db.exec(
        fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ('m', '{}', "
                    "'{}', 'x')",
                    tenant, kPerson));
    const Ran added = run({"optout", "add", "whatsapp:+33612345678", "--tenant", "Shop", "--by",
                           "zoe", "--reason", "by phone"});
    BOOST_TEST(added.exit_code == 0, added.output);
    BOOST_TEST(has(added.output, "1 messages were waiting"));
    BOOST_TEST(opted_out() == kPerson);
    BOOST_TEST(db.query_value("SELECT status FROM messages_out") == "blocked");
    BOOST_TEST(db.query_value("SELECT payload ->> 'by' FROM event_log WHERE event_type = "
                              "'opt_out_recorded'") == "zoe");
    BOOST_TEST(db.query_value("SELECT entity_type || ' ' || entity_id FROM event_log WHERE "
                              "event_type = 'opt_out_recorded'") == "opt_out +336…78");
    const rapidjson::Document list = json({"optout", "list"});
    BOOST_REQUIRE(list.Size() == 1);
    BOOST_TEST(std::string{list[0]["person"].GetString()} == "+336…78");
    BOOST_TEST(std::string{list[0]["source"].GetString()} == "operator");
    BOOST_TEST(json({"optout", "list", "--phone", kPerson}).Size() == 1);
    BOOST_TEST(json({"optout", "list", "--phone", "FR.1349"}).Size() == 0);

    BOOST_TEST(run({"optout", "remove", kPerson, "--tenant", "Shop"}).exit_code == 0);
    BOOST_TEST(opted_out() == "");
    const Ran twice = run({"optout", "remove", kPerson, "--tenant", "Shop"});
    BOOST_TEST(twice.exit_code == 1);
    BOOST_TEST(has(twice.output, "is not opted out"));
    BOOST_TEST(db.count("SELECT count(*) FROM opt_out_history") == 2);
    BOOST_TEST(run({"optout", "add", "0612345678", "--tenant", "Shop"}).exit_code == 2);
    BOOST_TEST(run({"optout", "add", kPerson, "--tenant", "Nobody"}).exit_code == 1);
}

BOOST_FIXTURE_TEST_CASE(an_erased_person_is_still_found_among_those_who_opted_out, Cli) {
    run({"optout", "add", kPerson, "--tenant", "Shop"});
    BOOST_TEST(run({"erase", "--phone", kPerson}).exit_code == 0);
    const rapidjson::Document list = json({"optout", "list", "--phone", kPerson});
    BOOST_REQUIRE(list.Size() == 1);
    BOOST_TEST(std::string{list[0]["person"].GetString()} == "erased");
    BOOST_TEST(run({"optout", "remove", kPerson, "--tenant", "Shop"}).exit_code == 0);
    BOOST_TEST(opted_out() == "");
}

BOOST_AUTO_TEST_CASE(config_shows_what_is_in_force_and_hides_secrets) {
    const std::string file = scratch_directory() + "/config.env";
    std::ofstream{file}
        << "# ours\nexport TWILIO_AUTH_TOKEN='s3cret-token-of-32-characters-xx'\r\n\nPORT=9000\n";
    const Variables variables{{"PGCOURIER_CONFIG_FILE", file},
                              {"DATABASE_URL", "postgresql://shop:s3cret@db.example.com/shop"},
                              {"TWILIO_ACCOUNT_SID", "AC00000000000000000000000000005151"},
                              {"TWILIO_WHATSAPP_NUMBER", "+33700000001"},
                              {"PORT", "1"},
                              {"RETENTION_DAYS", "400"}};
    const Ran ran = run_program({"config", "--json"}, variables);
    BOOST_TEST(ran.exit_code == 0, ran.output);
    BOOST_TEST(!has(ran.output, "s3cret"));
    BOOST_TEST(!has(ran.output, "+33700000001"));
    rapidjson::Document all;
    all.Parse(ran.output);
    BOOST_REQUIRE_MESSAGE(!all.HasParseError(), ran.output);
    const auto shown = [&](const std::string& name) {
        for (const auto& setting : all.GetArray()) {
            if (setting["name"].GetString() == name)
                return fmt::format("{} from {}", setting["value"].GetString(),
                                   setting["source"].GetString());
        }
        return std::string{"nothing"};
    };
    BOOST_TEST(shown("PORT") == "9000 from " + file + " line 4");
    BOOST_TEST(shown("TWILIO_AUTH_TOKEN") == "(set, not shown) from " + file + " line 2");
    BOOST_TEST(has(shown("DATABASE_URL"), "db.example.com"));
    BOOST_TEST(shown("RETENTION_DAYS") == "400 from environment");
    BOOST_TEST(shown("EVENT_LOG_RETENTION_DAYS") == "400 from default");
    BOOST_TEST(shown("TWILIO_WHATSAPP_NUMBER") == "+337…01 from environment");
    BOOST_TEST(shown("LOG_LEVEL") == "info from default");
    BOOST_TEST(has(run_program({"config"}, variables).output, "PORT"));
}

BOOST_AUTO_TEST_CASE(config_says_why_serve_would_not_start) {
    const Ran incomplete = run_program({"config"}, {{"DATABASE_URL", "postgresql://h/shop"}});
    BOOST_TEST(incomplete.exit_code == 2);
    BOOST_TEST(has(incomplete.output, "serve would not start: 2 values are wrong\n"));
    BOOST_TEST(has(incomplete.output, "\n  TWILIO_AUTH_TOKEN: found nothing"));
    BOOST_TEST(has(incomplete.output, "RETENTION_DAYS"));
    BOOST_TEST(has(incomplete.output, "(missing, see below)"));
    BOOST_TEST(!has(incomplete.output, "(wrong"));
    const Ran wrong =
        run_program({"config"}, {{"DATABASE_URL", "postgresql://h/shop"}, {"PORT", "http"}});
    BOOST_TEST(wrong.exit_code == 2);
    BOOST_TEST(has(wrong.output, "\n  PORT: found \"http\""), wrong.output);
    // The others are shown all the same, and what is wrong is marked.
    BOOST_TEST(has(wrong.output, "(wrong, see below)"), wrong.output);
    BOOST_TEST(has(wrong.output, "RETENTION_DAYS"), wrong.output);
    const Ran one = run_program({"config", "--json"},
                                {{"DATABASE_URL", "postgresql://h/shop"},
                                 {"TWILIO_AUTH_TOKEN", "51510000000000000000000000005151"},
                                 {"TWILIO_ACCOUNT_SID", "s3cret"}});
    BOOST_TEST(one.exit_code == 2);
    BOOST_TEST(has(one.output, "serve would not start: TWILIO_ACCOUNT_SID: found 6 characters"),
               one.output);
    BOOST_TEST(!has(one.output, "s3cret"));
    BOOST_TEST(has(one.output, "\"wrong\":\"found 6 characters"), one.output);
    const Ran no_file = run_program({"config"}, {{"PGCOURIER_CONFIG_FILE", "/nowhere/x.env"}});
    BOOST_TEST(no_file.exit_code == 2);
    BOOST_TEST(has(no_file.output, "/nowhere/x.env, which cannot be read (No such file"));
}

}  // namespace pgcourier
