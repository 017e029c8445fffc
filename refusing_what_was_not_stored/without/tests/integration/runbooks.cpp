// Each runbook is walked in the situation that it speaks of: its statements and commands run, they
// print what the page shows, and the program logs the lines that it quotes.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/error_codes.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kRunbooks[] = {"twilio-down", "bad-credentials", "dead-letters-growing",
                                     "unknown-outcomes"};

Page runbook(const std::string& name) {
    return read_page("docs/runbooks/" + name + ".md");
}

/// The service with the shops of the runbooks, and Twilio.
struct System {
    TestDatabase db;
    pg::Connection watching = db.connect();
    sim::Simulator twilio;
    std::uint16_t port = free_port();
    Variables variables;
    std::unique_ptr<Process> service;
    std::string log;  // of the processes before this one

    System() {
        BOOST_REQUIRE(twilio.start());
        db.exec(
            fmt::format("INSERT INTO tenants (id, name, whatsapp_phone_number) VALUES "
                        "('demo-shop', 'Demo shop', '{}'), ('zoe', 'Chez Zoé', '+33700000002')",
                        kShop));
        variables = service_variables(db.url(), port, twilio.base_url());
        variables["OUTBOX_POLL_INTERVAL_MS"] = "100";
        variables["OUTBOX_BACKOFF_MAX_MS"] = "100";
    }
    void start() {
        service = std::make_unique<Process>(std::vector<std::string>{"serve"}, variables);
        BOOST_REQUIRE_MESSAGE(service->wait_for_output("Worker started successfully"),
                              service->output());
    }
    void stop() {
        service->signal(SIGTERM);
        BOOST_TEST(service->wait() == 0);
        log += service->output();
        service.reset();
    }
    void script(const std::string& rules) {
        const auto read = sim::read_rules(rules);
        BOOST_REQUIRE(read);
        for (const sim::Rule& rule : *read) twilio.script().add(rule);
    }
    /// Messages to `count` people, whose numbers end in the first one and those after it.
    void write(const std::string& tenant, const std::string& body, int first, int count = 1) const {
        db.exec(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '{}', "
                        "'+336' || lpad(g::text, 8, '0'), '{}' FROM generate_series({}, {}) "
                        "AS g",
                        tenant, body, first, first + count - 1));
    }
    bool eventually_count(const std::string& of_what, std::int64_t count) {
        const std::string query = "SELECT count(*) FROM " + of_what;
        return eventually([&] { return watching.exec_script(query.c_str())[0].int64(0) == count; },
                          std::chrono::seconds{60});
    }
    Situation situation() {
        return {.variables = variables, .names = {}, .log = [this] {
                    return log + (service ? service->output() : std::string{});
                }};
    }
    /// As if two minutes had passed since the messages that wait were due.
    void let_them_wait() const {
        db.exec("UPDATE outbox_queue SET due_at = due_at - interval '2 min'");
    }
};

void check(const Complaints& complaints) {
    BOOST_TEST(complaints.empty(), first_of(complaints));
}

}  // namespace

BOOST_AUTO_TEST_CASE(there_are_no_others_and_each_has_the_same_sections) {
    std::vector<std::string> found;
    for (const auto& file :
         std::filesystem::directory_iterator{PGCOURIER_SOURCE_DIR "/docs/runbooks"})
        found.push_back(file.path().stem());
    BOOST_TEST(std::is_permutation(found.begin(), found.end(), std::begin(kRunbooks),
                                   std::end(kRunbooks)));
    const std::vector<std::string> sections{"You see", "It means",        "By itself",
                                            "You do",  "It is over when", "Never"};
    for (const char* name : kRunbooks)
        BOOST_TEST(runbook(name).sections == sections, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_error_code_in_their_tables_is_one_that_the_program_knows) {
    static const std::regex code{"\\b[1-9][0-9]{4}\\b"};
    int found = 0;
    for (const char* name : kRunbooks) {
        std::ifstream file{fmt::format("{}/docs/runbooks/{}.md", PGCOURIER_SOURCE_DIR, name)};
        for (std::string line; std::getline(file, line);) {
            if (!line.starts_with("| ")) continue;
            for (std::sregex_iterator match{line.begin(), line.end(), code}, end; match != end;
                 ++match) {
                ++found;
                BOOST_TEST(twilio::find_error(std::stoi(match->str())) != nullptr, line);
            }
        }
    }
    BOOST_TEST(found > 10);
}

BOOST_FIXTURE_TEST_CASE(twilio_is_down, System) {
    start();
    write("demo-shop", "Bonjour", 1, 3);
    BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'sent'", 3));
    script(R"({"call": "any", "status": 500, "code": 20500, "times": 1}
              {"call": "any", "status": 503, "code": 20503})");
    write("demo-shop", "Votre commande", 101, 150);
    BOOST_REQUIRE(eventually_count("ops.breakers WHERE state = 'open'", 1));
    BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'sending'", 0));
    // No probe comes between the steps.
    db.exec(
        "UPDATE outbox_scopes SET probe_at = now() + interval '1 hour' WHERE scope = 'provider'");
    db.exec("UPDATE outbox_leases SET look_at = now()");
    let_them_wait();

    Walk walk{runbook("twilio-down"), situation()};
    walk.situation().names["message id"] = [this] {
        return db.query_value(
            "SELECT id FROM ops.outbox WHERE status = 'pending' ORDER BY seq DESC LIMIT 1");
    };
    check(walk.section("You see"));
    check(walk.section("You do"));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'canceled'") == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM ops.pauses") == 0);

    twilio.script().clear();
    db.exec("UPDATE outbox_scopes SET probe_at = now() WHERE scope = 'provider'");
    BOOST_REQUIRE(eventually_count("outbox_queue", 0));
    check(walk.section("It is over when"));
    check(walk.unwalked());
}

BOOST_FIXTURE_TEST_CASE(bad_credentials, System) {
    start();
    write("demo-shop", "Bonjour", 1, 3);
    // Their callbacks too: with the wrong token they would be the first that are refused.
    BOOST_REQUIRE(eventually_count("messages_out WHERE delivery_status = 'delivered'", 3));
    stop();
    const std::string right_token = variables["TWILIO_AUTH_TOKEN"];
    variables["TWILIO_AUTH_TOKEN"] = "0123456789abcdef0123456789abcdef";
    write("demo-shop", "Votre commande", 101, 120);
    start();
    BOOST_REQUIRE(eventually_count("ops.breakers WHERE state = 'open'", 1));
    let_them_wait();
    const std::string webhook = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
    BOOST_TEST(post_signed(webhook, inbound_form(1, "+33698765432", kShop, "Bonjour")).status ==
               401);

    Walk walk{runbook("bad-credentials"), situation()};
    check(walk.section("You see"));
    check(walk.section("You do"));

    stop();
    variables["TWILIO_AUTH_TOKEN"] = right_token;
    start();
    BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'sent'", 123));
    walk.situation().variables = variables;
    check(walk.section("It is over when"));
    check(walk.unwalked());
}

BOOST_FIXTURE_TEST_CASE(dead_letters_are_growing, System) {
    script(R"({"body_prefix": "Promo", "status": 400, "code": 63016}
              {"to": "+33600000201", "status": 400, "code": 21211}
              {"to": "+33600000202", "last": "undelivered", "error_code": 63024}
              {"to": "+33600000203", "status": 400, "code": 63010})");
    start();
    write("zoe", "Promo", 101, 30);
    write("demo-shop", "Votre commande", 201, 3);
    BOOST_REQUIRE(eventually_count("ops.dead_letters", 33));
    twilio.script().clear();

    Walk walk{runbook("dead-letters-growing"), situation()};
    // Shown and retried is the one that Twilio had taken, discarded the one that it refused.
    const std::string some =
        " FROM ops.dead_letters WHERE code IN (63024, 21211) ORDER BY code DESC";
    walk.situation().names["dead letter id"] = [&, asked = 0]() mutable {
        return db.query_value(fmt::format("SELECT id{} OFFSET {}", some, ++asked == 3 ? 1 : 0));
    };
    walk.situation().names["message id"] = [&] {
        return db.query_value("SELECT entity_id" + some);
    };
    check(walk.section("You see"));
    check(walk.section("You do"));
    BOOST_TEST(db.count("SELECT count(*) FROM ops.pauses") == 0);
    BOOST_REQUIRE(eventually_count("outbox_queue", 0));
    BOOST_TEST(db.count("SELECT count(*) FROM ops.dead_letters") == 0);
    BOOST_TEST(eventually_count("messages_out WHERE status = 'sent'", 3));
    check(walk.section("It is over when"));
    check(walk.unwalked());
}

BOOST_FIXTURE_TEST_CASE(unknown_outcomes, System) {
    twilio.set_progress({.callbacks = false});
    start();
    // What Twilio lists and nobody here knows.
    write("demo-shop", "Votre commande est ici: https://wa.example/x1", 4, 2);
    BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'sent'", 2));
    db.exec("DELETE FROM messages_out");
    script(R"({"to": "+33600000002", "answer": "reset", "times": 1}
              {"to": "+33600000003", "status": 502, "times": 1}
              {"to": "+33600000004", "status": 500, "code": 20500, "times": 1}
              {"to": "+33600000005", "status": 500, "code": 20500, "times": 1})");
    for (int person = 2; person <= 5; ++person) {
        write("demo-shop",
              fmt::format("Votre commande est ici: https://shop.example.com/c/{}", person), person);
        BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'unknown'", person - 1));
        // A success between them, so that no breaker opens.
        write("demo-shop", "ok", 100 + person);
        BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'sent'", person - 1));
    }
    Walk walk{runbook("unknown-outcomes"), situation()};
    check(walk.section("You see"));

    // The two looks, at once.
    db.exec("UPDATE outbox_leases SET look_at = now()");
    BOOST_REQUIRE(eventually_count("outbox_leases WHERE looks = 1", 3));
    db.exec("UPDATE outbox_leases SET look_at = now()");
    BOOST_REQUIRE(eventually_count("messages_out WHERE held_reason IS NOT NULL", 2));
    check(walk.section("By itself"));

    const std::string newest =
        " FROM ops.outbox WHERE status = 'unknown' ORDER BY seq DESC LIMIT 1";
    walk.situation().names["message id"] = [&] { return db.query_value("SELECT id" + newest); };
    walk.situation().names["sid"] = [&] {
        return db.query_value("SELECT substring(held_reason FROM 'SM[0-9a-f]{32}')" + newest);
    };
    check(walk.section("You do"));
    BOOST_REQUIRE(eventually_count("messages_out WHERE status = 'sent'", 8));
    // All but the one that a person took for sent had their text delivered, once.
    for (const char* person : {"+33600000002", "+33600000003"})
        BOOST_TEST(twilio.ledger().accepted_to(person) == 1);
    check(walk.section("It is over when"));
    check(walk.unwalked());
}

BOOST_AUTO_TEST_CASE(a_walk_finds_what_does_not_exist_and_what_is_not_printed) {
    const TestDatabase db;
    Page page{.path = "page", .sections = {}, .blocks = {}};
    const auto add = [&](const std::string& section, const std::string& language,
                         const std::string& text) {
        page.blocks.push_back({.section = section, .language = language, .text = text, .line = 1});
    };
    add("right", "sql", "SELECT 1 AS one, 'a b' AS two;\n");
    add("right", "text", " one | two \n-----+-----\n   7 | a b\n(1 row)\n");
    add("right", "sh", "pgcourier outbox list\n");
    add("right", "text", "Nothing waits, nothing is dead.\n");
    add("right", "log", "[2026-02-08T10:00:00.123Z] [INFO] [Worker] Sent {\"attempt\":1}\n");
    add("no view", "sql", "TABLE ops.breaker;\n");
    add("no column", "sql", "SELECT scopes FROM ops.breakers;\nSELECT 1;\n");
    add("no function", "sql", "SELECT ops.resume_sending('all', NULL, NULL, 'zoe', 1);\n");
    add("no option", "sh", "pgcourier outbox list --state dead\npgcourier --version\n");
    add("no row", "sql", "SELECT 'a' AS one;\n");
    add("no row", "text", " one \n-----\n b\n(1 row)\n");
    add("no header", "sql", "SELECT 'a' AS one;\n");
    add("no header", "text", " two \n-----\n a\n(1 row)\n");
    add("no log line", "log", "[2026-02-08T10:00:00.123Z] [WARN] [Worker] Sent {\"attempt\":1}\n");
    add("no name", "sql", "SELECT '<message id>';\n");
    add("no language", "bash", "true\n");
    Situation situation{.variables = {{"DATABASE_URL", db.url().reveal()}},
                        .names = {},
                        .log =
                            [] {
                                return "[2026-11-25T14:00:28.267Z] [INFO] [Worker] Sent "
                                       "{\"attempt\":25}\n";
                            },
                        .patience = std::chrono::milliseconds{100}};
    Walk walk{page, std::move(situation)};
    check(walk.section("right"));
    BOOST_TEST(walk.unwalked().size() == 11);
    for (const char* wrong : {"no view", "no column", "no function", "no option", "no row",
                              "no header", "no log line", "no name", "no language", "no section"})
        BOOST_TEST(walk.section(wrong).size() == 1, wrong);
    BOOST_TEST(walk.unwalked().empty());
}

}  // namespace pgcourier
