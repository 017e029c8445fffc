// docs/deployment.md and docs/fr/deploiement.md, from an empty server to the three tests and the
// checklist. The two say the same.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kEnglish = "docs/deployment.md";
constexpr const char* kFrench = "docs/fr/deploiement.md";
constexpr const char* kShop = "+33700000001";

void check(const Complaints& complaints) {
    for (const std::string& complaint : complaints) BOOST_TEST(complaint.empty(), complaint);
}

/// The server of the page: a PostgreSQL, the file of the package, a Twilio that is simulated.
struct Server {
    sim::Simulator twilio;
    std::uint16_t port = free_port();
    std::string file = fmt::format("{}/pgcourier-{}.env", scratch_directory(), port);
    std::unique_ptr<Process> service;

    Server() { BOOST_REQUIRE(twilio.start()); }
    ~Server() {
        service.reset();
        try {
            pg::Connection db{
                {.target = *pg::parse_url(test_server().url("postgres")), .role = "test"}};
            db.exec_script("DROP DATABASE IF EXISTS pgcourier WITH (FORCE)");
            db.exec_script("DROP ROLE IF EXISTS pgcourier; DROP ROLE IF EXISTS pgcourier_owner");
        } catch (const std::exception& e) {
            BOOST_TEST_MESSAGE("the server of the page is left as it is: " << e.what());
        }
    }
    static std::string url(const std::string& role) {
        const std::string superuser = test_server().url("pgcourier").reveal();
        return fmt::format("postgresql://{}:secret{}", role, superuser.substr(superuser.find('@')));
    }
    static std::string ask(const std::string& query) {
        pg::Connection db{{.target = *pg::parse_url(Secret{url("pgcourier")}), .role = "test"}};
        const pg::Rows rows = db.exec_script(query.c_str());
        return rows.empty() ? "" : rows[0].string(0);
    }
    void write_file() const {
        std::ofstream out{file};
        out << std::ifstream{PGCOURIER_SOURCE_DIR "/deploy/pgcourier.env"}.rdbuf();
        for (const auto& [name, value] :
             service_variables(Secret{url("pgcourier")}, port, twilio.base_url()))
            out << name << '=' << value << '\n';
    }
    void start() {
        service = std::make_unique<Process>(std::vector<std::string>{"serve"},
                                            Variables{{"PGCOURIER_CONFIG_FILE", file}});
        BOOST_REQUIRE_MESSAGE(service->wait_for_output("Worker started successfully"),
                              service->output());
    }
    void receive(std::uint64_t number, const std::string& from) const {
        const std::string hook = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
        BOOST_TEST(post_signed(hook, inbound_form(number, from, kShop, "Bonjour")).status == 200);
        BOOST_REQUIRE(eventually(
            [&] { return ask("SELECT count(*) FROM messages_in") == std::to_string(number); }));
    }
    void walk(const std::string& path, const std::string& message_id);
};

void Server::walk(const std::string& path, const std::string& message_id) {
    Walk walk{read_page(path), {.variables = {{"HOME", "/"}}, .names = {}, .log = [&] {
                                    return service ? service->output() : std::string{};
                                }}};
    Situation& here = walk.situation();
    here.replaced = {
        {"/etc/pgcourier/pgcourier.env", file},
        {"postgresql://pgcourier_owner:choose-one@127.0.0.1:5432/pgcourier",
         url("pgcourier_owner")},
        {"postgresql://pgcourier_owner:a-choisir@127.0.0.1:5432/pgcourier", url("pgcourier_owner")},
        {"sudo -u postgres psql", "psql -X " + test_server().url("postgres").reveal()}};
    const char* const needs_systemd =
        "the tests have no systemd; they start the service themselves";
    const char* const changes_the_machine =
        "it changes the machine; `make test-package` installs it into a clean Debian root";
    const char* const needs_docker = "the tests have no Docker";
    here.not_run = {
        {"make package", changes_the_machine},
        {"sudo apt-get install ./build/release/pgcourier_*.deb postgresql", changes_the_machine},
        {"sudo -u postgres psql -c 'CREATE ROLE pgcourier_service' -c 'CREATE ROLE "
         "pgcourier_writer' -c 'CREATE ROLE pgcourier_ops_reader'",
         "the tests' server has them: its databases share them"},
        {"sudoedit /etc/pgcourier/pgcourier.env", "it is an editor", [&] { write_file(); }},
        {"docker build -t pgcourier .", needs_docker},
        {"docker compose up --build", needs_docker},
        {"sudo systemctl enable --now pgcourier", needs_systemd, [&] { start(); }},
        {"sudo journalctl -u pgcourier -f", needs_systemd},
        {"sudo journalctl -u pgcourier -n 20", needs_systemd},
    };
    here.names[message_id] = [] {
        std::string id;
        const auto is_delivered = [&] {
            id = ask("SELECT id FROM messages_out WHERE delivery_status = 'delivered'");
            return !id.empty();
        };
        BOOST_REQUIRE(eventually(is_delivered, std::chrono::seconds{60}));
        return id;
    };
    for (const std::string& section : read_page(path).sections) {
        if (section.starts_with("6. ")) {
            receive(1, "+33698765432");
            receive(2, "+33612345678");
        }
        if (!section.starts_with("5. ") && !section.starts_with("9. ") && section[0] <= '9')
            check(walk.section(section));
    }
    check(walk.unwalked());
}

/// Lines of a page that begin with this.
std::ptrdiff_t count_lines(const std::string& path, const std::string& beginning) {
    std::istringstream lines{text_of_page(path)};
    std::ptrdiff_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line.starts_with(beginning) ? 1 : 0;
    return count;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_guide_leads_from_an_empty_server_to_messages_both_ways, Server) {
    walk(kEnglish, "message id");
}

BOOST_FIXTURE_TEST_CASE(so_does_the_french_one, Server) {
    walk(kFrench, "id du message");
}

BOOST_AUTO_TEST_CASE(the_french_page_has_what_the_english_one_has) {
    const Page english = read_page(kEnglish);
    const Page french = read_page(kFrench);
    BOOST_TEST(english.sections.size() == french.sections.size());
    BOOST_REQUIRE(english.blocks.size() == french.blocks.size());
    // Words that a page may say in its own language.
    const auto neutral = [](std::string text) {
        for (const char* own : {R"re((choose-one|a-choisir))re", R"re((choose-another|…-aussi))re",
                                R"re("(My shop|Ma boutique)")re",
                                R"re(.(Test message|Message de test).)re", "<[a-z ]*>"})
            text = std::regex_replace(text, std::regex{own}, "…");
        return text;
    };
    for (std::size_t at = 0; at < english.blocks.size(); ++at) {
        const Block& one = english.blocks[at];
        const Block& other = french.blocks[at];
        BOOST_TEST(one.language == other.language, kFrench << ":" << other.line);
        BOOST_TEST(
            (neutral(fmt::format("{}", fmt::join(commands_of(one), "\n"))) ==
             neutral(fmt::format("{}", fmt::join(commands_of(other), "\n")))),
            kFrench << ":" << other.line << ": not what " << kEnglish << ":" << one.line << " has");
    }
    for (const char* beginning : {"| ", "- [ ] ", "**", "### "})
        BOOST_TEST(count_lines(kEnglish, beginning) == count_lines(kFrench, beginning), beginning);
}

}  // namespace pgcourier
