// All guarantees while the network to PostgreSQL loses things: the reply to a COMMIT, connections,
// all that goes over one, time. Two instances, both behind a proxy.
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/tcp_proxy.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <array>

using namespace pgcourier;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::eventually;

namespace {

struct Behind {
    test::FaultSettings settings = test::fault_settings();
    Rng rng{settings.seed};
    test::Cluster cluster{2, {.progress = {.step = 50ms}, .latency = 20ms, .seed = settings.seed}};
    test::TcpProxy proxy{port_of(cluster.db().url().reveal())};
    std::optional<test::Traffic> traffic;

    Behind() {
        BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
        for (std::size_t i = 0; i < cluster.size(); ++i)
            cluster.start(i, test::Variables{{"DATABASE_URL", url()}, {"ROUTER_THREADS", "1"}});
        cluster.wait_until_ready();
        traffic.emplace(cluster, test::Pace{}, settings.seed);
        BOOST_REQUIRE(traffic->goes_on(50, 30s));
    }
    static std::uint16_t port_of(const std::string& url) {
        const std::size_t colon = url.rfind(':');
        return static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
    }
    std::string url() {
        std::string url = cluster.db().url().reveal();
        const std::size_t colon = url.rfind(':');
        return url.replace(colon + 1, url.find('/', colon) - colon - 1,
                           std::to_string(proxy.port()));
    }
};

}  // namespace

// What protects: pg::CommitUnknown (a webhook answered 200 for it would be lost, a claim doubled).
// Fails without its protection: without/finding_what_a_lost_commit_claimed.patch.
BOOST_FIXTURE_TEST_CASE(the_reply_to_a_commit_is_lost_again_and_again, Behind) {
    const int losses = settings.times(5, 100, 10'000);
    // Whoever's comes next; of a claim that took something (the text of a message); of a router and
    // of the outbox's delivery (a column of what they ask), whose COMMIT comes right behind.
    constexpr std::array kMarkers{"COMMIT", "message ", "event_id", "verdict"};
    int lost = 0;
    for (int i = 0; i < losses; ++i) {
        proxy.lose_answer(kMarkers.at(static_cast<std::size_t>(i) % kMarkers.size()));
        if (eventually([&] { return proxy.has_lost_answer(); }, 20s)) ++lost;
    }
    BOOST_TEST(lost == losses);  // each happened
    BOOST_TEST(traffic->goes_on(50, 30s));
    test::end_well(cluster, *traffic, fmt::format("{} replies to COMMIT lost", lost));
}

// Fails without its protection: without/connecting_anew.patch.
BOOST_FIXTURE_TEST_CASE(connections_are_reset_again_and_again, Behind) {
    const int cuts = settings.times(10, 100, 2'000);
    const std::size_t before = proxy.accepted();
    for (int i = 0; i < cuts; ++i) {
        proxy.cut();
        test::lasts(std::chrono::milliseconds{rng.between(50, 1'000)});
    }
    // They were there again in between.
    BOOST_TEST(proxy.accepted() > before + cuts);
    BOOST_TEST(traffic->goes_on(50, 30s));
    test::end_well(cluster, *traffic, fmt::format("{} times all connections reset", cuts));
}

// What protects: ConnectOptions::answer_timeout. The kernel acknowledges, so that no timeout of TCP
// ever comes.
// Fails without its protection: without/a_limit_for_answers.patch.
BOOST_FIXTURE_TEST_CASE(connections_fall_silent_and_are_given_up_within_20_seconds, Behind) {
    std::chrono::milliseconds worst{0};
    const int times = settings.times(1, 5, 100);
    for (int i = 0; i < times; ++i) {
        const std::size_t before = proxy.accepted();
        const std::size_t refused = traffic->refused();
        proxy.stall();
        const auto start = steady_clock::now();
        BOOST_TEST(eventually([&] { return traffic->refused() > refused; }, 20s));  // it was felt
        traffic->time_until_all_goes_on();
        worst = std::max(worst, std::chrono::duration_cast<std::chrono::milliseconds>(
                                    steady_clock::now() - start));
        BOOST_TEST(proxy.accepted() > before);
    }
    BOOST_TEST(worst <= (settings.is_full ? 20s : 30s));
    test::end_well(cluster, *traffic,
                   fmt::format("{} times all connections silent, worst {} ms until all went on",
                               times, worst.count()));
}

// What protects: ConnectOptions::connect_timeout.
// Fails without its protection: without/a_limit_for_connecting.patch.
BOOST_FIXTURE_TEST_CASE(new_connections_are_accepted_and_hear_nothing, Behind) {
    const std::size_t before = proxy.accepted();
    proxy.cut();
    proxy.stall(true);
    BOOST_TEST(eventually([&] { return proxy.accepted() > before + cluster.size(); }, 30s));
    test::lasts(std::chrono::seconds{settings.times(3, 15, 60)});
    proxy.stall();  // those that come from now on are served; the others never hear anything
    const auto worst = traffic->time_until_all_goes_on();
    BOOST_TEST(worst <= (settings.is_full ? 20s : 30s));
    test::end_well(
        cluster, *traffic,
        fmt::format("new connections heard nothing, {} ms until all went on", worst.count()));
}

// Fails without its protection: without/a_deadline_for_webhooks.patch.
BOOST_FIXTURE_TEST_CASE(answers_take_50_then_200_then_2000_ms, Behind) {
    const auto each = std::chrono::seconds{settings.times(3, 10, 60)};
    for (const auto delay : {50ms, 200ms, 2000ms}) {
        proxy.change_answers([delay](std::string&) { std::this_thread::sleep_for(delay); });
        const std::size_t refused = traffic->refused();
        test::lasts(each);
        // At two seconds Twilio is told to come again, within its 15 s.
        if (delay == 2000ms) {
            BOOST_TEST(traffic->refused() > refused);
        } else {
            BOOST_TEST(traffic->goes_on(50, 10s));
        }
    }
    proxy.change_answers({});
    BOOST_TEST(traffic->goes_on(100, 30s));
    test::end_well(cluster, *traffic, "answers delayed by 50, 200 and 2000 ms");
}
