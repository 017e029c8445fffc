// docs/operations.md, docs/monitoring/README.md and docs/moving-from-snapsell.md: what keeps a
// service running is done to one that runs.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <signal.h>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";

void check(const Complaints& complaints) {
    for (const std::string& complaint : complaints) BOOST_TEST(complaint.empty(), complaint);
}

struct Running {
    TestDatabase db;
    sim::Simulator twilio;
    Variables variables;
    std::string file = scratch_directory() + "/pgcourier.env";
    std::unique_ptr<Process> service;

    explicit Running(TestDatabase::Content content = TestDatabase::Content::migrated)
        : db{content} {
        BOOST_REQUIRE(twilio.start());
        variables = service_variables(db.url(), free_port(), twilio.base_url());
        std::ofstream{file} << "LOG_LEVEL=info\n";
    }
    void start() {
        Variables own = variables;
        own["PGCOURIER_CONFIG_FILE"] = file;
        service = std::make_unique<Process>(std::vector<std::string>{"serve"}, own);
        BOOST_REQUIRE_MESSAGE(service->wait_for_output("Worker started successfully"),
                              service->output());
    }
    Situation situation() {
        return {.variables = variables, .names = {}, .log = [this] {
                    return service ? service->output() : std::string{};
                }};
    }
};

struct SnapSell : Running {
    SnapSell() : Running{TestDatabase::Content::empty} {
        std::ostringstream rows;
        rows << std::ifstream{PGCOURIER_SOURCE_DIR "/tests/support/snapsell.sql"}.rdbuf();
        db.exec(rows.str());
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(operations_and_monitoring, Running) {
    db.add_tenant("My shop", kShop);
    start();
    // What happened to somebody who is to be erased.
    db.exec(
        "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT id, '+33612345678', 'Merci' "
        "FROM "
        "tenants");
    Walk operations{read_page("docs/operations.md"), situation()};
    operations.situation().not_run = {
        {"sudo systemctl reload pgcourier", "the tests have no systemd", [this] {
             std::ofstream{file} << "LOG_LEVEL=debug\n";
             service->signal(SIGHUP);
         }}};
    check(operations.all_sections());
    check(operations.unwalked());
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE \"to\" = '+33612345678'") == 0);

    Walk monitoring{read_page("docs/monitoring/README.md"), situation()};
    check(monitoring.all_sections());
    check(monitoring.unwalked());
}

BOOST_FIXTURE_TEST_CASE(moving_from_snapsell, SnapSell) {
    Walk walk{read_page("docs/moving-from-snapsell.md"), situation()};
    Situation& here = walk.situation();
    const std::string dump = scratch_directory() + "/snapsell.dump";
    here.replaced = {{"snapsell.dump", dump}};
    here.not_run = {{"pgcourier serve", "it runs until it is ended", [this] { start(); }}};
    check(walk.all_sections());
    check(walk.unwalked());
    BOOST_TEST(std::ifstream{dump}.good());
    BOOST_TEST(db.count("SELECT count(*) FROM ops.instances WHERE state = 'running'") == 1);
}

}  // namespace pgcourier
