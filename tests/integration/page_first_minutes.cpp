// docs/first-five-minutes.md and README.md, walked as a new user does: on what `pgcourier dev`
// starts, then on a database of one's own.
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

void check(const Complaints& complaints) {
    for (const std::string& complaint : complaints) BOOST_TEST(complaint.empty(), complaint);
}

/// The ports that the pages name are others here.
struct Ports {
    std::uint16_t service = free_port();
    std::uint16_t twilio = free_port();
    std::uint16_t postgres = free_port();

    std::vector<std::pair<std::string, std::string>> replaced() const {
        const std::string url = fmt::format(" --url http://127.0.0.1:{}", twilio);
        std::vector<std::pair<std::string, std::string>> all{
            {"127.0.0.1:54329", fmt::format("127.0.0.1:{}", postgres)},
            {"127.0.0.1:8089", fmt::format("127.0.0.1:{}", twilio)},
            {"127.0.0.1:8080", fmt::format("127.0.0.1:{}", service)},
            {"$PWD/build/release/pgcourier", PGCOURIER_BINARY}};
        for (const char* command : {"inbound", "script", "ledger"}) {
            const std::string words = std::string{"twilio-sim "} + command;
            all.emplace_back(words, words + url);
        }
        return all;
    }
};

std::string first_value(const Secret& url, const std::string& query) {
    pg::Connection db{{.target = *pg::parse_url(url), .role = "test"}};
    const pg::Rows rows = db.exec_script(query.c_str());
    return rows.empty() ? "" : rows[0].string(0);
}

constexpr const char* kDelivered = "delivery_status = 'delivered'";

/// The newest message, once it is so.
std::string newest_message(const Secret& url, const std::string& condition) {
    std::string id;
    const auto is_so = [&] {
        id = first_value(url,
                         "SELECT id FROM (SELECT * FROM messages_out ORDER BY seq DESC LIMIT 1) AS "
                         "m WHERE " +
                             condition);
        return !id.empty();
    };
    BOOST_REQUIRE_MESSAGE(eventually(is_so, std::chrono::seconds{60}),
                          "the newest message does not become " << condition);
    return id;
}

struct NewUser {
    Ports ports;
    std::string directory = scratch_directory() + "/first-minutes";
    std::unique_ptr<Process> dev;
    std::unique_ptr<Process> twilio;
    std::unique_ptr<Process> service;

    Secret dev_url() const {
        return Secret{fmt::format("postgresql://postgres@127.0.0.1:{}/pgcourier", ports.postgres)};
    }
    Secret own_url() const { return test_server().url("pgcourier"); }

    void start_dev() {
        std::filesystem::create_directories(directory);
        dev = std::make_unique<Process>(
            std::vector<std::string>{"dev"},
            Variables{{"PORT", std::to_string(ports.service)},
                      {"DEV_TWILIO_PORT", std::to_string(ports.twilio)},
                      {"DEV_POSTGRES_PORT", std::to_string(ports.postgres)}},
            directory);
        BOOST_REQUIRE_MESSAGE(dev->wait_for_output("Three things to try"), dev->output());
    }
    void stop_dev() {
        dev->signal(SIGINT);
        BOOST_TEST(dev->wait() == 0);
        dev.reset();
    }
    Variables own_variables() const {
        return {{"DATABASE_URL", own_url().reveal()},
                {"HOST", "127.0.0.1"},
                {"PORT", std::to_string(ports.service)},
                {"TWILIO_ACCOUNT_SID", "AC00000000000000000000000000005151"},
                {"TWILIO_AUTH_TOKEN", "00000000000000000000000000000000"},
                {"TWILIO_API_BASE_URL", fmt::format("http://127.0.0.1:{}", ports.twilio)},
                {"WEBHOOK_PUBLIC_URL", fmt::format("http://127.0.0.1:{}", ports.service)}};
    }
    void start_twilio() {
        twilio = std::make_unique<Process>(
            std::vector<std::string>{
                "twilio-sim", "--port", std::to_string(ports.twilio), "--inbound-url",
                fmt::format("http://127.0.0.1:{}/webhooks/twilio", ports.service), "--inbound-to",
                "+33700000001"},
            own_variables());
        BOOST_REQUIRE_MESSAGE(twilio->wait_for_output("listens on"), twilio->output());
    }
    void start_service() {
        service = std::make_unique<Process>(std::vector<std::string>{"serve"}, own_variables());
        BOOST_REQUIRE_MESSAGE(service->wait_for_output("Worker started successfully"),
                              service->output());
    }
    Situation situation() const {
        Situation all{.variables = {{"HOME", directory}}, .names = {}, .log = [] { return ""; }};
        all.replaced = ports.replaced();
        all.replaced.emplace_back(".pgcourier/twilio-account",
                                  directory + "/.pgcourier/twilio-account");
        return all;
    }
    void read_the_readme() const;
};

/// What README shows is tried on what `make run` starts, with a shop of the name that it uses.
void NewUser::read_the_readme() const {
    first_value(dev_url(),
                "INSERT INTO tenants (name, whatsapp_phone_number) VALUES ('My shop', "
                "'+33700000009') RETURNING id");
    Walk walk{read_page("README.md"), situation()};
    walk.situation().not_run = {{"make run", "it builds what the tests run, and then is `dev`"},
                                {"make test", "it runs this"}};
    check(walk.all_sections());
    check(walk.unwalked());
    BOOST_TEST(first_value(dev_url(), "SELECT count(*) FROM ops.pauses") == "0");
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_new_user_gets_through_the_first_minutes_and_the_readme, NewUser) {
    Walk walk{read_page("docs/first-five-minutes.md"), situation()};
    Situation& here = walk.situation();
    const std::string own = own_url().reveal();
    here.replaced.emplace_back("sudo -u postgres psql",
                               "psql -X " + test_server().url("postgres").reveal());
    here.replaced.emplace_back("postgresql://pgcourier:secret@127.0.0.1:5432/pgcourier",
                               "postgresql://pgcourier:secret" + own.substr(own.find('@')));
    here.not_run = {
        {"sudo apt-get install ./build/release/pgcourier_*.deb postgresql",
         "it changes the machine; `make test-package` installs it into a clean Debian root"},
        {"make", "it builds what the tests run"},
        {"pgcourier dev", "it runs until it is ended, here on other ports", [&] { start_dev(); }},
        {"pgcourier twilio-sim --inbound-url http://127.0.0.1:8080/webhooks/twilio --inbound-to "
         "+33700000001",
         "it runs until it is ended", [&] { start_twilio(); }},
        {"pgcourier serve", "it runs until it is ended", [&] { start_service(); }},
    };
    const auto newest = [&](const Secret& url, const char* condition) {
        here.names["message id"] = [=] { return newest_message(url, condition); };
    };
    here.names["dead letter id"] = [&] {
        return first_value(dev_url(), "SELECT id FROM ops.dead_letters");
    };
    check(walk.section("Install"));
    check(walk.section("Start"));
    check(walk.section("A message comes in"));
    newest(dev_url(), kDelivered);
    check(walk.section("A message goes out"));
    newest(dev_url(), "status = 'dead'");
    check(walk.section("A message fails"));
    newest(dev_url(), kDelivered);
    check(walk.section("It goes out after all"));
    read_the_readme();
    stop_dev();
    newest(own_url(), kDelivered);
    check(walk.section("On your own database"));
    check(walk.unwalked());
}

}  // namespace pgcourier
