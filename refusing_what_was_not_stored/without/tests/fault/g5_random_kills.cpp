// kill -9 of one of four instances at random moments under load, again and again: nothing is lost,
// nothing goes out twice or out of order, nothing stays in flight (G4, G5, G7).
#include "support/audit.hpp"
#include "support/cluster.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Cluster;
using test::Complaints;

namespace {

constexpr std::size_t kInstances = 4;
constexpr int kRecipients = 5'000;
constexpr auto kRecovery = 45s;
constexpr auto kReconciled = 180s;

/// instances.id; empty until it has told the database.
std::string id_of(Cluster& cluster, std::size_t instance) {
    return cluster.db().query_value(
        fmt::format("SELECT id FROM instances WHERE pid = {}", cluster[instance].pid()));
}

std::int64_t in_flight_of(Cluster& cluster, const std::string& instance_id) {
    return cluster.db().count(
        "SELECT count(*) FROM outbox_leases WHERE unknown_since IS NULL AND instance_id = '" +
        instance_id + "'");
}

}  // namespace

BOOST_AUTO_TEST_CASE(killed_at_random_moments_under_load_it_loses_and_doubles_nothing) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed << " FAULT_KILLS=" << settings.kills);
    Rng rng{settings.seed};
    sim::SimulatorOptions options;
    // A third of the callbacks never comes: of some outcomes nobody tells.
    options.progress = {.callbacks = true, .step = 50ms, .loss = 0.33};
    options.latency = 100ms;  // so that whoever is killed has messages in flight
    options.seed = settings.seed;
    Cluster cluster{kInstances, options, {{"ROUTER_THREADS", "1"}}};
    for (std::size_t i = 0; i < kInstances; ++i) cluster.start(i);
    cluster.wait_until_ready();

    std::jthread load{[&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            cluster.write(20, kRecipients);
            std::this_thread::sleep_for(50ms);
        }
    }};
    std::vector<std::string> dead;
    int kills_at_work = 0;
    for (int i = 0; i < settings.kills; ++i) {
        // The last instance takes the callbacks; it is spared no more than the others.
        const std::size_t victim = rng.between(0, kInstances - 1);
        std::string id;
        BOOST_REQUIRE(test::eventually([&] {
            id = id_of(cluster, victim);
            return !id.empty();
        }));
        std::this_thread::sleep_for(std::chrono::milliseconds{rng.between(300, 1'200)});
        test::eventually([&] { return in_flight_of(cluster, id) > 0; }, 5s);
        cluster[victim].signal(SIGKILL);
        BOOST_REQUIRE(cluster[victim].wait() == 128 + SIGKILL);
        const std::int64_t in_flight = in_flight_of(cluster, id);
        if (in_flight > 0) ++kills_at_work;
        BOOST_TEST_MESSAGE("killed instance " << victim << " with " << in_flight << " in flight");
        dead.push_back(id);
        std::this_thread::sleep_for(std::chrono::milliseconds{rng.between(0, 1'000)});
        cluster.start(victim);
    }
    const auto last_kill = std::chrono::steady_clock::now();
    load.request_stop();
    load.join();
    cluster.wait_until_ready();
    // The fault happened: most were killed with messages in flight.
    BOOST_TEST(kills_at_work * 2 >= settings.kills);

    pg::Connection db = cluster.db().connect();
    BOOST_TEST(test::eventually(
        [&] {
            return std::all_of(dead.begin(), dead.end(), [&](const std::string& id) {
                return in_flight_of(cluster, id) == 0;
            });
        },
        kRecovery));
    const auto recovery = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - last_kill);
    BOOST_TEST(test::eventually(
        [&] {
            const test::Open open = test::open_messages(db);
            return settings.wants_settled ? open.is_settled() : open.is_quiet();
        },
        settings.wants_settled ? kReconciled : kRecovery));

    const auto ledger = cluster.twilio().ledger().entries();
    const Complaints lost = test::lost(db, ledger, cluster.written());
    const Complaints given_up = test::given_up(db);
    const Complaints doubled = test::doubled(db, ledger);
    const Complaints disordered = test::out_of_order(ledger);
    const Complaints stuck = test::stuck(db, 5s);
    BOOST_TEST(lost.empty(), "lost: " << test::first_of(lost));
    BOOST_TEST(given_up.empty(), "given up: " << test::first_of(given_up));
    BOOST_TEST(doubled.empty(), "doubled: " << test::first_of(doubled));
    BOOST_TEST(disordered.empty(), "out of order: " << test::first_of(disordered));
    BOOST_TEST(stuck.empty(), "stuck: " << test::first_of(stuck));
    const test::Open open = test::open_messages(db);
    BOOST_TEST_MESSAGE(fmt::format(
        "{} kills, {} messages, {} taken, {} unknown, {} behind these; lost {}, doubled {}, stuck "
        "{}; recovered {} ms after the last restart",
        settings.kills, cluster.written(), cluster.twilio().ledger().accepted(), open.unknown,
        open.waiting, lost.size(), doubled.size(), stuck.size(), recovery.count()));
}
