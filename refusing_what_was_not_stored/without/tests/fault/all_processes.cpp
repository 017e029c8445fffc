// All guarantees while the processes come and go, believe another time, get the same webhook again
// and again, and what no client should send.
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/sanitized.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;

namespace {

constexpr std::size_t kInstances = 3;

struct Crowd {
    test::FaultSettings settings = test::fault_settings();
    Rng rng{settings.seed};
    test::Cluster cluster{
        kInstances, {.progress = {.step = 50ms}, .latency = 20ms}, {{"ROUTER_THREADS", "1"}}};
    std::optional<test::Traffic> traffic;

    Crowd() { BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed); }
    void begin(test::Pace pace = {}) {
        cluster.wait_until_ready();
        traffic.emplace(cluster, pace, settings.seed);
        BOOST_REQUIRE(traffic->goes_on(50, 30s));
    }
    void start_all(const test::Variables& more = {}) {
        for (std::size_t i = 0; i < kInstances; ++i) cluster.start(i, more);
    }
    /// SIGTERM, under load. returns its exit code
    int terminate(std::size_t instance) {
        cluster[instance].signal(SIGTERM);
        return cluster[instance].wait();
    }
    /// kill -9, with messages in flight: it stands still while they are looked for.
    void kill_at_work(std::size_t instance) {
        const std::string id = cluster.db().query_value(
            fmt::format("SELECT id FROM instances WHERE pid = {}", cluster[instance].pid()));
        const auto in_flight = [&] {
            return cluster.db().count(
                fmt::format("SELECT count(*) FROM outbox_leases WHERE instance_id = '{}'", id));
        };
        BOOST_REQUIRE(eventually(
            [&] {
                cluster[instance].signal(SIGSTOP);
                if (in_flight() > 0) return true;
                cluster[instance].signal(SIGCONT);
                return false;
            },
            30s));
        cluster[instance].kill();
    }
};

/// Where Debian's package faketime has its library, for whatever machine this is.
std::string faketime_library() {
    for (const auto& folder : std::filesystem::directory_iterator{"/usr/lib"}) {
        const auto library = folder.path() / "faketime/libfaketimeMT.so.1";
        if (std::filesystem::exists(library)) return library.string();
    }
    throw std::runtime_error{"libfaketimeMT.so.1 is not there: apt-get install faketime"};
}

}  // namespace

// Fails without its protection: without/waiting_for_signals.patch.
BOOST_FIXTURE_TEST_CASE(each_is_asked_to_end_again_and_again, Crowd) {
    start_all();
    begin();
    const int times = settings.times(6, 100, 500);
    for (int i = 0; i < times; ++i) {
        const std::size_t one = rng.between(0, kInstances - 1);
        const int code = terminate(one);
        BOOST_TEST(code == 0, "exit code " << code << ": " << cluster[one].last_words());
        cluster.start(one);
        cluster.wait_until_ready();
    }
    test::end_well(cluster, *traffic, fmt::format("{} times SIGTERM", times));
}

// FAULT_PREVIOUS is the program of the version before; without it, this one.
// Fails without its protection: without/migrations_that_only_add.patch.
BOOST_FIXTURE_TEST_CASE(one_after_the_other_is_replaced_by_the_next_version, Crowd) {
    const char* previous = std::getenv("FAULT_PREVIOUS");
    for (std::size_t i = 0; i < kInstances; ++i) {
        if (previous == nullptr) {
            cluster.start(i);
        } else {
            cluster.start_program(i, previous);
        }
    }
    begin();
    for (std::size_t i = 0; i < kInstances; ++i) {
        const int code = terminate(i);
        BOOST_TEST(code == 0, cluster[i].last_words());
        cluster.start(i);
        cluster.wait_until_ready();
        BOOST_TEST(traffic->goes_on(50, 30s));
    }
    test::end_well(cluster, *traffic,
                   previous == nullptr ? "all replaced by the same version"
                                       : "all replaced by the next version");
}

// Only the database's clock decides; no time of a process may get into a table that another
// one compares with: what the one that is ahead had in flight when it died would wait for as long,
// unless a callback tells what became of it.
// faketime wants to be loaded first, as the sanitizers do.
// Fails without its protection: without/one_clock.patch.
BOOST_FIXTURE_TEST_CASE(their_clocks_are_an_hour_and_a_day_off_both_ways, Crowd,
                        *boost::unit_test::enable_if<!test::kIsSanitized>()) {
    const std::string library = faketime_library();
    for (const auto& [first, second] : {std::pair{"+1h", "-1h"}, std::pair{"+1d", "-1d"}}) {
        for (std::size_t i = 0; i < kInstances; ++i) {
            test::Variables more;
            if (i > 0) {
                more = {{"LD_PRELOAD", library},
                        {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
                        {"FAKETIME", i == 1 ? first : second}};
            }
            cluster.start(i, more);
        }
        if (!traffic) begin();
        cluster.wait_until_ready();
        // It happened: their log has another hour.
        BOOST_TEST(cluster[1].output().substr(1, 13) != cluster[2].output().substr(1, 13));
        std::int64_t leases_of_another_time = 0;
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::seconds{settings.times(3, 20, 120)};
        while (std::chrono::steady_clock::now() < until) {
            test::lasts(10ms);
            leases_of_another_time += cluster.db().count(
                "SELECT count(*) FROM outbox_leases WHERE abs(extract(epoch FROM expires_at - "
                "now())) > 60");
        }
        BOOST_TEST(leases_of_another_time == 0);
        BOOST_TEST(traffic->goes_on(50, 30s));
        if (std::string_view{first} == "+1h") {
            kill_at_work(1);
            for (const std::size_t i : {0U, 2U}) cluster[i].kill();
        }
    }
    test::end_well(cluster, *traffic, "clocks an hour and a day off, both ways");
}

// Fails without its protection: without/both_keys_of_a_webhook.patch.
BOOST_FIXTURE_TEST_CASE(each_webhook_comes_up_to_twenty_times_in_any_order, Crowd) {
    start_all();
    begin({.webhooks = 60, .messages = 20, .most_deliveries = 20});
    test::lasts(std::chrono::seconds{settings.times(4, 30, 600)});
    BOOST_TEST(traffic->goes_on(50, 30s));
    traffic->stop();
    // It happened.
    BOOST_TEST(cluster.db().count("SELECT count(*) FROM event_log WHERE event_type = "
                                  "'idempotent_ignored'") > 0);
    test::end_well(cluster, *traffic, "each webhook up to 20 times");
}

// Fails without its protection: without/texts_that_postgresql_can_hold.patch.
BOOST_FIXTURE_TEST_CASE(some_webhooks_are_poison, Crowd) {
    start_all();
    begin({.webhooks = 200, .poison_percent = settings.is_full ? 1 : 20});
    test::lasts(std::chrono::seconds{settings.times(3, 60, 600)});
    BOOST_TEST(traffic->goes_on(50, 30s));
    traffic->stop();
    // Each kind came and is there.
    for (const char* kind :
         {"length(raw) > 60000", "convert_from(raw, 'LATIN1') LIKE '%Note=\\%00%'",
          "convert_from(raw, 'LATIN1') LIKE '%Note=\\%ED\\%A0%'",
          "convert_from(raw, 'LATIN1') LIKE '%&Field199=%'"}) {
        BOOST_TEST(cluster.db().count(
                       fmt::format("SELECT count(*) FROM webhook_events WHERE {}", kind)) > 0,
                   "no poison that has " << kind);
    }
    test::end_well(cluster, *traffic, "poison among the webhooks");
}
