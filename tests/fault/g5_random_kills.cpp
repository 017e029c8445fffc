// kill -9 of one of four instances at random moments under load, again and again: nothing is lost,
// nothing goes out twice or out of order, nothing stays in flight (G4, G5, G7).
#include "support/audit.hpp"
#include "support/cluster.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Cluster;
using test::Complaints;

namespace {

constexpr std::size_t kInstances = 4;
constexpr int kRecipients = 2'000;  // most get several; those behind an unknown outcome wait
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

/// Watches what the dead had in flight, each from its own kill on.
class Recovery {
  public:
    explicit Recovery(const test::TestDatabase& database) : db_{database.connect("test-recovery")} {
        watching_ = std::jthread{[this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                look();
                test::lasts(100ms);  // its pace
            }
        }};
    }
    void died(const std::string& instance_id) {
        const std::scoped_lock lock{mutex_};
        dead_.push_back({instance_id, Steady::now()});
    }
    bool are_all_recovered() const {
        const std::scoped_lock lock{mutex_};
        return std::ranges::all_of(dead_, [](const Dead& d) { return d.took.has_value(); });
    }
    std::chrono::milliseconds worst() const {
        const std::scoped_lock lock{mutex_};
        std::chrono::milliseconds worst{0};
        for (const Dead& d : dead_) worst = std::max(worst, d.took.value_or(kRecovery * 2));
        return worst;
    }

  private:
    using Steady = std::chrono::steady_clock;
    struct Dead {
        std::string instance_id;
        Steady::time_point killed_at;
        std::optional<std::chrono::milliseconds> took{};
    };
    void look() {
        std::set<std::string> in_flight;
        for (const pg::Row row : db_.exec_script("SELECT DISTINCT instance_id FROM outbox_leases "
                                                 "WHERE unknown_since IS NULL"))
            in_flight.insert(row.string(0));
        const std::scoped_lock lock{mutex_};
        for (Dead& d : dead_) {
            if (!d.took && !in_flight.contains(d.instance_id))
                d.took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() -
                                                                               d.killed_at);
        }
    }

    pg::Connection db_;
    mutable std::mutex mutex_;
    std::vector<Dead> dead_;  // guarded by mutex_
    std::jthread watching_;
};

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
            test::lasts(50ms);
        }
    }};
    Recovery recovery{cluster.db()};
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
        recovery.died(id);
        std::this_thread::sleep_for(std::chrono::milliseconds{rng.between(0, 1'000)});
        cluster.start(victim);
    }
    load.request_stop();
    load.join();
    cluster.wait_until_ready();
    // The fault happened: most were killed with messages in flight.
    BOOST_TEST(kills_at_work * 2 >= settings.kills);

    pg::Connection db = cluster.db().connect();
    BOOST_TEST(test::eventually([&] { return recovery.are_all_recovered(); }, 2 * kRecovery));
    BOOST_TEST(recovery.worst() <= kRecovery);
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
    const Complaints callbacks_stuck = test::stuck_webhooks(db);
    const Complaints callbacks_lost = test::lost_callbacks(db, ledger);
    const Complaints callbacks_doubled = test::doubled_webhooks(db);
    BOOST_TEST(callbacks_stuck.empty(), "stuck: " << test::first_of(callbacks_stuck));
    BOOST_TEST(callbacks_lost.empty(), "lost: " << test::first_of(callbacks_lost));
    BOOST_TEST(callbacks_doubled.empty(), "doubled: " << test::first_of(callbacks_doubled));
    BOOST_TEST(lost.empty(), "lost: " << test::first_of(lost));
    BOOST_TEST(given_up.empty(), "given up: " << test::first_of(given_up));
    BOOST_TEST(doubled.empty(), "doubled: " << test::first_of(doubled));
    BOOST_TEST(disordered.empty(), "out of order: " << test::first_of(disordered));
    BOOST_TEST(stuck.empty(), "stuck: " << test::first_of(stuck));
    const test::Open open = test::open_messages(db);
    BOOST_TEST_MESSAGE(fmt::format(
        "{} kills, {} messages, {} taken, {} unknown, {} behind these; lost {}, doubled {}, stuck "
        "{}; each recovered after {} ms at most",
        settings.kills, cluster.written(), cluster.twilio().ledger().accepted(), open.unknown,
        open.waiting, lost.size(), doubled.size(), stuck.size(), recovery.worst().count()));
}
