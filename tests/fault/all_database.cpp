// All guarantees while PostgreSQL itself fails: it crashes, has no connection left, no room, its
// tables are locked, a snapshot is held open.
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/tcp_proxy.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <deque>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::eventually;

namespace {

struct Running {
    test::FaultSettings settings = test::fault_settings();
    Rng rng{settings.seed};
    test::Cluster cluster{2, {.progress = {.step = 50ms}, .latency = 20ms, .seed = settings.seed}};
    std::optional<test::Traffic> traffic;

    explicit Running(test::Variables more = {}) {
        BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
        more["ROUTER_THREADS"] = "1";
        for (std::size_t i = 0; i < cluster.size(); ++i) cluster.start(i, more);
        cluster.wait_until_ready();
        traffic.emplace(cluster, test::Pace{}, settings.seed);
        BOOST_REQUIRE(traffic->goes_on(50, 30s));
    }
    pg::PrivatePostgres& server() { return cluster.db().server(); }
};

/// How soon it has to work again: a hundred webhooks, which take a second, and five. A machine that
/// runs other tests meanwhile gets more.
std::chrono::milliseconds patience(const test::FaultSettings& settings) {
    return settings.is_full ? 6s : 30s;
}

/// Whether one of the program's connections waits for this table.
bool is_felt(test::Cluster& cluster, const char* table) {
    return eventually(
        [&] {
            return cluster.db().count(fmt::format(
                       "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
                       "WHERE NOT l.granted AND l.relation = '{}'::regclass "
                       "AND a.application_name LIKE 'pgcourier/%' "
                       "AND a.application_name NOT LIKE 'pgcourier/test-%'",
                       table)) > 0;
        },
        20s);
}

/// For what must be refused nothing, however slow the machine is.
struct Patient : Running {
    Patient() : Running{{{"WEBHOOK_DEADLINE_MS", "10000"}}} {}
};

}  // namespace

// Fails without its protection: without/answering_after_the_commit_in_a_crash.patch.
BOOST_FIXTURE_TEST_CASE(postgresql_crashes_again_and_again, Running) {
    const int crashes = settings.times(2, 5, 100);
    std::chrono::milliseconds worst{0};
    for (int i = 0; i < crashes; ++i) {
        const std::size_t refused = traffic->refused();
        server().stop(pg::PrivatePostgres::StopMode::immediate);
        BOOST_TEST(eventually([&] { return traffic->refused() > refused; }, 20s));  // it was felt
        test::lasts(std::chrono::milliseconds{rng.between(0, settings.is_full ? 30'000 : 3'000)});
        BOOST_REQUIRE(server().restart());
        worst = std::max(worst, traffic->time_until_all_goes_on());
    }
    BOOST_TEST(worst <= patience(settings));
    test::end_well(cluster, *traffic,
                   fmt::format("{} crashes of PostgreSQL, worst {} ms until all went on", crashes,
                               worst.count()));
}

// Fails without its protection: without/knocking_again_soon.patch.
BOOST_AUTO_TEST_CASE(somebody_else_takes_all_connections) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    test::Cluster cluster{2, {.progress = {.step = 50ms}, .latency = 20ms, .seed = settings.seed}};
    // A limit holds for whoever is no superuser.
    cluster.db().exec("CREATE ROLE courier LOGIN IN ROLE pgcourier_service");
    cluster.db().exec(fmt::format("ALTER DATABASE {} CONNECTION LIMIT 40", cluster.db().name()));
    std::string url = cluster.db().url().reveal();
    url.replace(url.find("postgres@"), 8, "courier");
    for (std::size_t i = 0; i < cluster.size(); ++i)
        cluster.start(i, test::Variables{{"DATABASE_URL", url}, {"ROUTER_THREADS", "1"}});
    cluster.wait_until_ready();
    test::Traffic traffic{cluster, {}, settings.seed};
    BOOST_REQUIRE(traffic.goes_on(50, 30s));

    std::deque<pg::Connection> taken;
    const pg::ConnectOptions somebody{.target = *pg::parse_url(Secret{url}), .role = "somebody"};
    const auto take_all = [&] {
        try {
            for (;;) taken.emplace_back(somebody);
        } catch (const pg::Error& e) {
            const std::string_view why = e.what();
            BOOST_TEST(why.find("too many connections") != std::string_view::npos, why);
        }
    };
    const std::size_t refused = traffic.refused();
    // Also those of the service, which fights for them.
    const std::string of_service =
        "FROM pg_stat_activity WHERE usename = 'courier' AND application_name <> "
        "'pgcourier/somebody'";
    BOOST_REQUIRE(eventually(
        [&] {
            take_all();
            cluster.db().exec("SELECT pg_terminate_backend(pid) " + of_service);
            take_all();
            return cluster.db().count("SELECT count(*) " + of_service) == 0;
        },
        60s));
    test::lasts(std::chrono::seconds{settings.times(5, 30, 30)});
    BOOST_TEST(traffic.refused() > refused);  // it was felt
    taken.clear();
    const auto worst = traffic.time_until_all_goes_on();
    BOOST_TEST(worst <= patience(settings));
    test::end_well(cluster, traffic,
                   fmt::format("all connections taken, {} ms until all went on", worst.count()));
}

// Fails without its protection: without/a_deadline_while_tables_are_locked.patch.
BOOST_FIXTURE_TEST_CASE(somebody_locks_the_hot_tables, Running) {
    std::chrono::milliseconds worst{0};
    for (const char* table : {"webhook_events", "webhook_queue", "messages_in", "messages_out",
                              "outbox_queue", "outbox_leases", "event_log"}) {
        if (!settings.is_full && std::string_view{table} != "webhook_queue" &&
            std::string_view{table} != "outbox_leases")
            continue;
        {
            pg::Connection locker{cluster.db().options("test-locker")};
            locker.exec_script(
                fmt::format("BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", table).c_str());
            const auto until =
                steady_clock::now() + std::chrono::seconds{settings.times(8, 30, 30)};
            BOOST_TEST(is_felt(cluster, table), table << " was locked, and nobody felt it");
            std::this_thread::sleep_until(until);  // the time is what is tested
        }
        const auto took = traffic->time_until_all_goes_on();
        BOOST_TEST_MESSAGE(table << " was locked: " << took.count() << " ms until all went on");
        worst = std::max(worst, took);
    }
    BOOST_TEST(worst <= patience(settings));
    test::end_well(cluster, *traffic,
                   fmt::format("hot tables locked, worst {} ms until all went on", worst.count()));
}

// Those that wait and those that are on their way. What is not locked is sent meanwhile.
// Fails without its protection: without/passing_over_locked_messages.patch.
BOOST_AUTO_TEST_CASE(somebody_locks_messages) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    // One instance, which always has some under way.
    test::Cluster cluster{1, {.progress = {.step = 50ms}, .latency = 200ms, .seed = settings.seed}};
    cluster.start(0, test::Variables{{"ROUTER_THREADS", "1"}, {"WEBHOOK_DEADLINE_MS", "10000"}});
    cluster.wait_until_ready();
    // Many people, so that the others' messages can go on.
    test::Traffic traffic{cluster, {.recipients = 2'000}, settings.seed};
    BOOST_REQUIRE(traffic.goes_on(50, 30s));
    const auto until = steady_clock::now() + std::chrono::seconds{settings.times(5, 60, 600)};
    int locked = 0;
    while (steady_clock::now() < until) {
        pg::Connection shop{cluster.db().options("test-shop")};
        shop.exec_script("BEGIN");
        locked += shop.exec_script(
                          "SELECT FROM messages_out WHERE status IN ('pending', 'failed', "
                          "'sending') FOR UPDATE")
                      .size();
        const auto sent = cluster.twilio().ledger().accepted();
        BOOST_REQUIRE(
            eventually([&] { return cluster.twilio().ledger().accepted() > sent + 100; }, 10s));
    }
    BOOST_TEST(locked > 0);
    BOOST_TEST(traffic.refused() == 0U);
    test::end_well(cluster, traffic, fmt::format("{} messages locked by somebody else", locked));
}

// What protects from it keeps it fast, which no test judges: bench/horizon does. That it is there,
// claims that begin at a mark, integration/claim_neighbours fails without: without/the_mark.patch.
BOOST_FIXTURE_TEST_CASE(a_snapshot_is_held_open, Patient) {
    pg::Connection holder{cluster.db().options("test-holder")};
    holder.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM messages_in");
    const auto until = steady_clock::now() + std::chrono::seconds{settings.times(5, 60, 600)};
    while (steady_clock::now() < until) BOOST_REQUIRE(traffic->goes_on(50, 10s));
    BOOST_TEST(traffic->refused() == 0U);
    // It was held all the time.
    BOOST_TEST(cluster.db().count("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                                  "'pgcourier/test-holder' AND backend_xmin IS NOT NULL") == 1);
    test::end_well(cluster, *traffic, "a snapshot held open");
}
