// The commands that look: status, top, show, events, and what is said when something goes wrong.
#include "support/eventually.hpp"
#include "support/process.hpp"
#include "support/tcp_proxy.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kPerson = "+33612345678";

struct Cli {
    TestDatabase db;
    std::string tenant = db.add_tenant("Shop", "+33700000001");

    Variables variables() const { return {{"DATABASE_URL", db.url().reveal()}}; }
    Ran run(std::vector<std::string> arguments) const {
        return run_program(std::move(arguments), variables());
    }
    rapidjson::Document json(std::vector<std::string> arguments) const {
        arguments.emplace_back("--json");
        const Ran ran = run(std::move(arguments));
        rapidjson::Document document;
        document.Parse(ran.output);
        BOOST_REQUIRE_MESSAGE(!document.HasParseError(), ran.output);
        return document;
    }
    /// Written by the shop. returns its id
    std::string write(const std::string& body = "Secret words") const {
        return db.query_value(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', "
                        "'{}') RETURNING id",
                        tenant, kPerson, body));
    }
    void log(const std::string& type, const std::string& correlation) const {
        db.exec(
            fmt::format("INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, "
                        "correlation_id, actor_type) VALUES ('{}', '{}', 'message_out', 'm', "
                        "'{}', 'system')",
                        tenant, type, correlation));
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string text(const rapidjson::Value& value) {
    return value.GetString();
}

int count_of(const std::string& part, const std::string& all) {
    int count = 0;
    for (std::size_t at = all.find(part); at != std::string::npos; at = all.find(part, at + 1))
        ++count;
    return count;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(status_tells_scripts_by_its_exit_code_and_people_by_a_sentence, Cli) {
    const Ran well = run({"status"});
    BOOST_TEST(well.exit_code == 0);
    BOOST_TEST(well.output.starts_with("All is well.\n\nfigure "), well.output);

    db.exec("INSERT INTO dead_letter_jobs (job_type, payload) VALUES ('webhook_event', '{}')");
    const Ran warning = run({"status"});
    BOOST_TEST(warning.exit_code == 3);
    BOOST_TEST(warning.output.starts_with("Warning: unresolved dead letters 1.\n"), warning.output);
    // What to do is told of what is not ok, below the table and whole.
    BOOST_TEST(has(warning.output, "\n\nunresolved dead letters: SELECT * FROM ops.dead_letter"),
               warning.output);
    BOOST_TEST(!has(warning.output, "ROUTER_THREADS"), warning.output);
    BOOST_TEST(!has(well.output, "SELECT"), well.output);

    write();
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '2 min'");
    const Ran alert = run({"status"});
    BOOST_TEST(alert.exit_code == 4);
    BOOST_TEST(alert.output.starts_with("Alert: oldest due message 1"), alert.output);
    BOOST_TEST(has(alert.output, " s. Warning: unresolved dead letters 1.\n"), alert.output);

    const rapidjson::Document figures = json({"status"});
    BOOST_TEST(figures.Size() == 13u);
    BOOST_TEST(!figures[0].HasMember("words"));
    BOOST_TEST(run({"status", "--json"}).exit_code == 4);
    BOOST_TEST(run({"status", "--watch", "0"}).exit_code == 2);
}

BOOST_FIXTURE_TEST_CASE(top_shows_what_the_views_say, Cli) {
    const std::string id = write();
    for (int i = 0; i < 3; ++i) log("message_sent", "c");
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES ('i', 'h1', 7, '0.1.0', "
        "'sender')");
    run({"pause", "--tenant", "Shop", "--reason", "wrong prices"});
    const rapidjson::Document seen = json({"top"});
    BOOST_TEST(text(seen["queues"][1]["queue"]) == "messages_out");
    BOOST_TEST(seen["queues"][1]["waiting"].GetInt() == 1);
    const rapidjson::Value* sent = nullptr;
    for (const auto& flow : seen["flows"].GetArray())
        if (text(flow["flow"]) == "out: sent") sent = &flow;
    BOOST_REQUIRE(sent != nullptr);
    BOOST_TEST((*sent)["last_hour"].GetInt() == 3);
    BOOST_TEST((*sent)["per_second"].GetDouble() > 0);
    BOOST_TEST(text(seen["paused"][0]["reason"]) == "wrong prices");
    BOOST_TEST(text(seen["instances"][0]["host"]) == "h1");
    BOOST_TEST(text(seen["tenants"][0]["name"]) == "Shop");
    BOOST_TEST(seen["tenants"][0]["waiting"].GetInt() == 1);

    // Not a terminal: once.
    const Ran ran = run({"top"});
    BOOST_TEST(ran.exit_code == 0);
    for (const char* word : {"pgcourier ", "webhook-processing", "out: sent", "wrong prices", "h1"})
        BOOST_TEST(has(ran.output, word), word);
    BOOST_TEST(!has(ran.output, "q ends"));
}

BOOST_FIXTURE_TEST_CASE(a_message_is_shown_with_what_becomes_of_it_and_what_happened, Cli) {
    const std::string id = write();
    const std::string correlation = db.query_value("SELECT correlation_id FROM messages_out");
    for (const std::string& name : {id, correlation}) {
        const Ran ran = run({"show", name});
        BOOST_TEST(ran.exit_code == 0);
        BOOST_TEST(ran.output.starts_with("Outgoing message\n"), ran.output);
        for (const char* word :
             {"+336…78", "body_characters      12", "is due since", "written to messages_out"})
            BOOST_TEST(has(ran.output, word), word);
        BOOST_TEST(!has(ran.output, kPerson));
        BOOST_TEST(!has(ran.output, "Secret"));
    }
    const rapidjson::Document shown = json({"show", id});
    BOOST_TEST(text(shown["found"][0]["kind"]) == "message_out");
    BOOST_TEST(text(shown["found"][0]["fields"]["status"]) == "pending");
    BOOST_TEST(has(text(shown["explanation"]), "is due since"));
    BOOST_TEST(shown["trace"].Size() == 1u);
    const std::string at = text(shown["trace"][0]["at"]);
    BOOST_TEST(at.size() >= 20u);
    BOOST_TEST(at.substr(10, 1) == "T");
    BOOST_TEST(at.ends_with("Z"), at);

    const Ran unknown = run({"show", "nothing"});
    BOOST_TEST(unknown.exit_code == 1);
    BOOST_TEST(has(unknown.output, "Nothing is known of nothing"));
}

BOOST_FIXTURE_TEST_CASE(a_persons_messages_are_shown_by_the_whole_number, Cli) {
    const std::string id = write();
    const Ran ran = run({"show", kPerson});
    BOOST_TEST(ran.exit_code == 0);
    BOOST_TEST(has(ran.output, id), ran.output);
    BOOST_TEST(!has(ran.output, "Secret words"));
    BOOST_TEST(text(json({"show", kPerson})["messages"][0]["direction"]) == "out");
    const Ran nobody = run({"show", "whatsapp:+33600000000"});
    BOOST_TEST(nobody.exit_code != 0);
    BOOST_TEST(has(nobody.output, "No message is to or from this number"), nobody.output);
}

BOOST_FIXTURE_TEST_CASE(what_came_in_is_shown_without_who_wrote_what, Cli) {
    db.exec(fmt::format(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", \"to\", "
        "correlation_id) VALUES ('msg:SM1', 'inbound', 'form', 'Body=Secret', "
        "'{{\"Body\": \"Secret\"}}', '{0}', '+33700000001', 'c1');"
        "INSERT INTO messages_in (id, tenant_id, provider_message_id, \"from\", \"to\", body, "
        "correlation_id, event_id, message_type, details) SELECT 'in1', '{1}', 'SM1', '{0}', "
        "'+33700000001', 'Secret', 'c1', id, 'client', '{{\"button\": \"Secret\"}}' FROM "
        "webhook_events;"
        "INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type) "
        "VALUES ('webhook_received', 'message_in', 'in1', 'c1', 'system')",
        kPerson, tenant));
    for (const char* id : {"in1", "SM1", "c1"}) {
        const Ran ran = run({"show", id});
        BOOST_TEST(ran.exit_code == 0);
        BOOST_TEST(has(ran.output, "Incoming message\n"), id);
        BOOST_TEST(has(ran.output, "+336…78"));
        BOOST_TEST(!has(ran.output, kPerson));
        BOOST_TEST(!has(ran.output, "Secret"));
    }
    const rapidjson::Document event =
        json({"show", db.query_value("SELECT id FROM webhook_events")});
    BOOST_TEST(text(event["found"][0]["kind"]) == "webhook_event");
    BOOST_TEST(event["found"][0]["fields"]["body_bytes"].GetInt() == 11);
}

BOOST_FIXTURE_TEST_CASE(a_dead_letter_is_shown_with_its_message_and_a_shop_with_its_load, Cli) {
    const std::string id = write();
    db.exec(
        fmt::format("INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, "
                    "error_message) VALUES ('letter', '{}', 'message_out', '{{\"message_out_id\": "
                    "\"{}\", \"to\": \"{}\"}}', 'not to {}')",
                    tenant, id, kPerson, kPerson));
    const Ran letter = run({"show", "letter"});
    BOOST_TEST(letter.exit_code == 0);
    BOOST_TEST(letter.output.starts_with("Dead letter\n"));
    BOOST_TEST(has(letter.output, "\nOutgoing message\n"));
    BOOST_TEST(has(letter.output, "not to +336…78"));
    BOOST_TEST(!has(letter.output, kPerson));
    BOOST_TEST(!has(run({"dlq", "show", "letter"}).output, kPerson));

    for (const char* shop : {"Shop", "+33700000001", "whatsapp:+33700000001"}) {
        const rapidjson::Document shown = json({"show", shop});
        BOOST_TEST(text(shown["found"][0]["kind"]) == "tenant");
        BOOST_TEST(shown["found"][0]["fields"]["waiting"].GetInt() == 1);
        BOOST_TEST(shown["explanation"].IsNull());
    }
}

BOOST_FIXTURE_TEST_CASE(the_newest_events_are_listed_and_followed, Cli) {
    BOOST_TEST(run({"events"}).output == "Nothing happened.\n");
    for (int i = 1; i <= 5; ++i) log(fmt::format("event_{}", i), "c");
    // All in one millisecond.
    db.exec(
        "UPDATE event_log SET id = event_type, created_at = (now() - interval '1 s') AT TIME ZONE "
        "'UTC'");
    const rapidjson::Document newest = json({"events", "--limit", "2"});
    BOOST_REQUIRE(newest.Size() == 2u);
    BOOST_TEST(text(newest[0]["what"]) == "event_4");
    BOOST_TEST(text(newest[1]["what"]) == "event_5");
    BOOST_TEST(json({"events", "--tenant", "Shop"}).Size() == 5u);
    BOOST_TEST(run({"events", "--tenant", "Shop", "--correlation", "c"}).exit_code == 2);

    Process following{{"events", "--follow", "--limit", "2", "--json"}, variables()};
    BOOST_REQUIRE(following.wait_for_output("event_5"));
    log("event_6", "c");
    BOOST_REQUIRE(following.wait_for_output("event_6"));
    // Another transaction wrote before that one, and commits after it.
    db.exec(
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, created_at) "
        "SELECT 'event_late', 'message_out', 'c', 'system', max(created_at) - interval '1 ms' FROM "
        "event_log");
    BOOST_REQUIRE(following.wait_for_output("event_late"));
    following.signal(SIGINT);
    BOOST_TEST(following.wait() == 0);
    for (const char* once : {"event_4", "event_5", "event_6", "event_late"})
        BOOST_TEST(count_of(once, following.output()) == 1, once);
    BOOST_TEST(count_of("event_3", following.output()) == 0);
    BOOST_TEST(count_of("\n", following.output()) == 4);
}

BOOST_FIXTURE_TEST_CASE(following_goes_on_when_the_database_was_away, Cli) {
    // postgresql://postgres@127.0.0.1:<port>/<database>
    std::string url = db.url().reveal();
    const std::size_t port = url.rfind(':') + 1;
    const std::size_t slash = url.find('/', port);
    TcpProxy proxy{static_cast<std::uint16_t>(std::stoi(url.substr(port, slash - port)))};
    url.replace(port, slash - port, std::to_string(proxy.port()));
    const Variables through{{"DATABASE_URL", url}};
    const std::string id = write();
    const std::string correlation = db.query_value("SELECT correlation_id FROM messages_out");
    Process one{{"events", "--follow", "--correlation", id}, through};
    Process all{{"events", "--follow"}, through};
    BOOST_REQUIRE(one.wait_for_output("written to messages_out"));
    log("event_before", correlation);
    BOOST_REQUIRE(one.wait_for_output("event_before"));
    BOOST_REQUIRE(all.wait_for_output("event_before"));
    proxy.cut();
    log("event_after", correlation);
    for (Process* process : {&one, &all}) {
        BOOST_TEST(process->wait_for_output("event_after"), process->output());
        process->signal(SIGTERM);
        BOOST_TEST(process->wait() == 0);
        BOOST_TEST(has(process->output(), "the connection to the database was lost"));
        for (const char* once : {"event_before", "event_after"})
            BOOST_TEST(count_of(once, process->output()) == 1, once);
    }
    // One head, and no event twice.
    BOOST_TEST(count_of("what ", one.output()) == 1);
    BOOST_TEST(count_of("written to messages_out", one.output()) == 1);
}

BOOST_FIXTURE_TEST_CASE(following_ends_when_nobody_reads_it, Cli) {
    log("event_1", "c");
    const std::string script = fmt::format("{} events --follow | head -n 1", PGCOURIER_BINARY);
    Process pipe{{"-c", script}, variables(), {}, "/bin/sh"};
    BOOST_REQUIRE(pipe.wait_for_output("what"));
    for (int i = 2; i < 30 && pipe.is_running(); ++i) {
        log(fmt::format("event_{}", i), "c");
        eventually([&] { return !pipe.is_running(); }, std::chrono::seconds{1});
    }
    BOOST_TEST(!pipe.is_running());
}

BOOST_FIXTURE_TEST_CASE(errors_are_what_postgresql_said_and_advises, Cli) {
    const Ran resumed = run({"outbox", "release", "nothing"});
    BOOST_TEST(resumed.exit_code == 1);
    BOOST_TEST(!has(resumed.output, "cli."), resumed.output);
    BOOST_TEST(has(resumed.output, "\n  "), resumed.output);  // the hint

    const Ran time = run({"dlq", "list", "--since", "yesterdy"});
    BOOST_TEST(time.exit_code == 2);
    BOOST_TEST(time.output ==
                   "pgcourier: --since: found \"yesterdy\", expected a time, as '2026-02-08 10:00' "
                   "(UTC)\n",
               time.output);

    const Ran taken = run({"tenant", "add", "Other", "--number", "+33700000001"});
    BOOST_TEST(taken.exit_code == 1);
    BOOST_TEST(has(taken.output, "another tenant has this number"));
    BOOST_TEST(!has(taken.output, "33700000001"));
}

BOOST_FIXTURE_TEST_CASE(what_acts_answers_in_json_too, Cli) {
    const std::string id = write();
    const std::vector<std::vector<std::string>> acts{
        {"seller", "add", kPerson, "--tenant", "Shop"},
        {"seller", "remove", kPerson, "--tenant", "Shop"},
        {"optout", "add", kPerson, "--tenant", "Shop"},
        {"optout", "remove", kPerson, "--tenant", "Shop"},
        {"pause"},
        {"resume"},
        {"outbox", "release", "--all"}};
    for (const auto& act : acts) BOOST_TEST(!text(json(act)["result"]).empty(), act[0]);
    const std::string another = write();
    BOOST_TEST(has(text(json({"outbox", "cancel", another})["result"]), "is canceled"));
}

}  // namespace pgcourier
