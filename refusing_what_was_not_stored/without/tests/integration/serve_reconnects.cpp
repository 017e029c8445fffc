// A database that is away is not knocked at by each thread for itself, and all go on when it is
// back.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/tcp_proxy.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698765432";
constexpr int kThreads = 12;  // each may have tried before the first has failed
constexpr std::chrono::seconds kAway{10};

std::uint16_t port_of(const std::string& url) {
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

struct System {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);
    std::uint16_t port = free_port();
    TcpProxy between{port_of(db.url().reveal())};
    std::uint64_t webhooks = 0;

    System() { BOOST_REQUIRE(twilio.start()); }

    Variables variables() const {
        Variables all = service_variables(db.url(), port, twilio.base_url());
        std::string& url = all["DATABASE_URL"];
        url = fmt::format("{}:{}{}", url.substr(0, url.rfind(':')), between.port(),
                          url.substr(url.rfind('/')));
        all["WEBHOOK_DEADLINE_MS"] = "1000";
        all["OPS_TOKEN"] = "the-token-of-the-test-0123456789";
        return all;
    }
    std::string url(const char* path) const {
        return fmt::format("http://127.0.0.1:{}{}", port, path);
    }
    int receive() {
        return post_signed(url("/webhooks/twilio"),
                           inbound_form(++webhooks, kClient, kShop, "Bonjour"))
            .status;
    }
    /// Whether a message comes in and is routed, and another one goes out.
    bool works() {
        if (receive() != 200) return false;
        db.exec(fmt::format(
            "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'Merci')",
            tenant, kClient));
        return eventually([&] {
            return db.count("SELECT count(*) FROM webhook_queue") == 0 &&
                   db.count("SELECT count(*) FROM messages_out WHERE status <> 'sent'") == 0;
        });
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_process_knocks_once_a_second_and_all_its_threads_go_on, System) {
    const Process service{{"serve"}, variables()};
    BOOST_REQUIRE_MESSAGE(eventually([&] { return get(url("/readyz")).status == 200; }),
                          service.last_words());
    BOOST_REQUIRE(works());

    const std::uint16_t database = port_of(db.url().reveal());
    between.aim_at(free_port());  // there is nobody
    between.cut();
    const std::size_t before = between.accepted();
    const auto began = std::chrono::steady_clock::now();
    std::size_t refused = 0;
    // Who posts and looks in makes it try no more often.
    while (std::chrono::steady_clock::now() - began < kAway) {
        if (receive() == 503) ++refused;
        get(url("/readyz"));
    }
    const std::size_t knocks = between.accepted() - before;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    BOOST_TEST(refused > 0u);
    BOOST_TEST(knocks >= 5u);
    BOOST_TEST(static_cast<double>(knocks) <= kThreads + seconds);

    between.aim_at(database);
    BOOST_TEST(eventually([&] { return get(url("/readyz")).status == 200 && works(); }),
               service.last_words());
}

}  // namespace pgcourier
