// PostgreSQL crashes in a burst and comes back: nothing was answered 200 without its row being
// there (G1), and the service recovers by itself.
// runs alone: the recovery is measured
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kShop = "+33700000001";

}  // namespace

BOOST_AUTO_TEST_CASE(
    an_immediate_stop_of_postgresql_in_a_burst_loses_nothing_and_is_over_in_5_seconds) {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    BOOST_REQUIRE(twilio.start());
    const std::string tenant = db.add_tenant("Shop", kShop);
    const std::uint16_t port = free_port();
    Process service{{"serve"}, service_variables(db.url(), port, twilio.base_url())};
    BOOST_REQUIRE_MESSAGE(service.wait_for_output("Worker started successfully"), service.output());
    const std::string url = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);

    std::vector<twilio::Params> forms;
    for (std::uint64_t i = 0; i < 20000; ++i)
        forms.push_back(inbound_form(i, "+33698765432", kShop, fmt::format("body {}", i)));
    std::vector<int> statuses;
    std::jthread sending{[&] { statuses = post_all({url}, forms, 32); }};
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM webhook_events") > 100; }));
    db.server().stop(pg::PrivatePostgres::StopMode::immediate);
    eventually([] { return false; }, milliseconds{1500});
    BOOST_REQUIRE(db.server().restart());
    const auto back = std::chrono::steady_clock::now();
    const auto number = std::uint64_t{1'000'000};
    BOOST_TEST(eventually(
        [&] {
            return post_signed(url, inbound_form(number, "+33698765432", kShop, "again")).status ==
                   200;
        },
        seconds{10}));
    const auto recovery = std::chrono::steady_clock::now() - back;
    BOOST_TEST(std::chrono::duration<double>(recovery).count() < 5);
    sending.join();

    const auto refused = std::count(statuses.begin(), statuses.end(), 503);
    BOOST_TEST_MESSAGE(std::count(statuses.begin(), statuses.end(), 200)
                       << " acknowledged, " << refused << " refused");
    BOOST_TEST(refused > 0);  // the fault was felt
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM webhook_queue") == 0; },
                          seconds{30}));
    std::map<std::string, int> stored;
    for (const std::string& sid : db.query_rows("SELECT provider_message_id FROM messages_in"))
        ++stored[sid];
    std::size_t lost = 0;
    std::size_t doubled = 0;
    for (std::uint64_t i = 0; i < forms.size(); ++i) {
        if (statuses[i] == 200 && !stored.contains(message_sid(i))) ++lost;
    }
    for (const auto& [sid, count] : stored) doubled += count > 1 ? 1 : 0;
    BOOST_TEST(lost == 0);
    BOOST_TEST(doubled == 0);

    // The sender came back too.
    db.exec(fmt::format(
        "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '+33698765432', 'x')",
        tenant));
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1; },
        seconds{10}));
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
}

}  // namespace pgcourier
