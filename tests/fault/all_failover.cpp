// All guarantees when the primary dies and a synchronous standby is promoted that had heard nothing
// for a while: what was answered is there, and the processes find the new one by the address that
// they have.
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/free_port.hpp"
#include "support/tcp_proxy.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;

namespace {

std::uint16_t port_of(const std::string& url) {
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

std::string with_port(std::string url, std::uint16_t port) {
    const std::size_t colon = url.rfind(':');
    return url.replace(colon + 1, url.find('/', colon) - colon - 1, std::to_string(port));
}

/// A copy of the primary that follows it, in a directory of its own.
pg::PrivatePostgres make_standby(std::uint16_t primary) {
    const std::string directory = test::scratch_directory() + "/standby";
    std::filesystem::create_directories(directory);
    std::filesystem::permissions(directory, std::filesystem::perms::all);
    const std::string copy =
        fmt::format("pg_basebackup -D {}/data -R -X stream -c fast -h 127.0.0.1 -p {} -U postgres",
                    directory, primary);
    const std::string command = geteuid() == 0
                                    ? fmt::format(
                                          "cd / && setpriv --reuid postgres --regid postgres "
                                          "--init-groups $(pg_config --bindir)/{}",
                                          copy)
                                    : "$(pg_config --bindir)/" + copy;
    BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command);
    auto started = pg::PrivatePostgres::start({.directory = directory,
                                               .port = test::free_port(),
                                               .is_durable = false,
                                               .settings = {"max_connections=1000"}});
    BOOST_REQUIRE_MESSAGE(started.has_value(), started.error().what);
    return std::move(*started);
}

}  // namespace

// Fails without its protection: without/waiting_for_the_standby.patch.
BOOST_AUTO_TEST_CASE(the_primary_dies_and_its_standby_takes_over) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    // Slower than the shop writes, so that there is always something to be claimed.
    test::Cluster cluster{2,
                          {.progress = {.step = 50ms}, .latency = 20ms, .seed = settings.seed},
                          {{"OUTBOX_RATE_PER_SENDER", "50"}}};
    const std::string url = cluster.db().url().reveal();
    test::TcpProxy link{port_of(url)};
    pg::PrivatePostgres standby = make_standby(link.port());
    cluster.db().exec("ALTER SYSTEM SET synchronous_standby_names = '*'");
    cluster.db().exec("SELECT pg_reload_conf()");
    BOOST_REQUIRE(eventually([&] {
        return cluster.db().query_value("SELECT sync_state FROM pg_stat_replication") == "sync";
    }));

    test::TcpProxy proxy{port_of(url)};
    for (std::size_t i = 0; i < cluster.size(); ++i)
        cluster.start(i, test::Variables{{"DATABASE_URL", with_port(url, proxy.port())},
                                         {"ROUTER_THREADS", "1"}});
    cluster.wait_until_ready();
    test::Traffic traffic{cluster, {}, settings.seed};
    BOOST_REQUIRE(traffic.goes_on(100, 30s));
    const std::size_t before = traffic.acknowledged();
    pg::Connection judge{cluster.db().options("test-judge")};

    // The standby hears nothing more: what is committed now dies with the primary, and must not be
    // answered. The shop is silent: its COMMIT would wait too, with the lock that one with a NOTIFY
    // holds until it ends, so that no webhook could be stored whatever it waits for.
    const std::size_t refused = traffic.refused();
    traffic.let_shop_write(false);
    link.stall();
    BOOST_TEST(eventually([&] { return traffic.refused() > refused + 50; }, 30s));  // it was felt
    // Nor may a message go out whose claim dies with the primary: another would send it again.
    BOOST_TEST(test::open_messages(judge).waiting > 0);
    const std::uint64_t sent = cluster.twilio().ledger().accepted();
    test::lasts(2s);
    BOOST_TEST(cluster.twilio().ledger().accepted() == sent);
    cluster.db().server().stop(pg::PrivatePostgres::StopMode::immediate);
    const pg::ConnectOptions other{.target = *pg::parse_url(standby.url(cluster.db().name())),
                                   .role = "test-judge"};
    pg::Connection db{other};
    db.exec_script("SELECT pg_promote()");
    // It waits for no further standby.
    db.exec_script("ALTER SYSTEM SET synchronous_standby_names = ''");
    db.exec_script("SELECT pg_reload_conf()");
    traffic.write_to(other);
    traffic.let_shop_write(true);
    proxy.aim_at(port_of(standby.url("postgres").reveal()));
    BOOST_TEST(traffic.goes_on(100, 30s));
    BOOST_TEST(before >= 100U);
    test::end_well(cluster, traffic, "the standby promoted", &db);
    for (std::size_t i = 0; i < cluster.size(); ++i) cluster[i].kill();
    BOOST_REQUIRE(cluster.db().server().restart());
}
