// All guarantees while the processes come and go, believe another time, get the same webhook again
// and again, and what no client should send.
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/sanitized.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

using namespace pgcourier;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::eventually;

namespace {

constexpr std::size_t kInstances = 3;
constexpr double kSecondsToEnd = 30;      // the README's
constexpr int kNoSystemicCode = 63010;    // the channel's own trouble with one message
constexpr int kWrongCredentials = 20003;  // opens a breaker

// What other processes compare with a now of theirs, where it is further from the database's now
// than anything here waits. `infinity` is of no clock.
constexpr const char* kTimesAstray = R"(
SELECT t.name || ' ' || t.at
FROM (SELECT 'outbox_queue.due_at', due_at FROM outbox_queue
      UNION ALL SELECT 'outbox_leases.expires_at', expires_at FROM outbox_leases
      UNION ALL SELECT 'outbox_leases.look_at', look_at FROM outbox_leases
      UNION ALL SELECT 'outbox_scopes.probe_at', probe_at FROM outbox_scopes
      -- The other scopes have no rate.
      UNION ALL SELECT 'outbox_scopes.next_start_at', next_start_at FROM outbox_scopes
                WHERE scope LIKE 'sender:%'
      UNION ALL SELECT 'messages_out.next_attempt_at', next_attempt_at AT TIME ZONE 'UTC'
                FROM messages_out
      UNION ALL SELECT 'webhook_queue.due_at', due_at FROM webhook_queue) AS t (name, at)
WHERE isfinite(t.at) AND t.at NOT BETWEEN now() - interval '10 min' AND now() + interval '10 min')";

struct Crowd {
    test::FaultSettings settings = test::fault_settings();
    Rng rng{settings.seed};
    test::Cluster cluster{kInstances,
                          {.progress = {.step = 50ms}, .latency = 20ms, .seed = settings.seed},
                          {{"ROUTER_THREADS", "1"}}};
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
    /// SIGSTOP, with messages in flight. returns its instances.id
    std::string stop_at_work(std::size_t instance) {
        std::string id;
        BOOST_REQUIRE(eventually(
            [&] {
                id = cluster.db().query_value(fmt::format("SELECT id FROM instances WHERE pid = {}",
                                                          cluster[instance].pid()));
                return !id.empty();
            },
            30s));
        BOOST_REQUIRE(eventually(
            [&] {
                cluster[instance].signal(SIGSTOP);
                if (leases_of(id) > 0) return true;
                cluster[instance].signal(SIGCONT);
                return false;
            },
            30s));
        return id;
    }
    std::int64_t leases_of(const std::string& id) {
        return cluster.db().count(
            fmt::format("SELECT count(*) FROM outbox_leases WHERE instance_id = '{}'", id));
    }
    /// SIGTERM, under load and with messages in flight: it stands still while they are looked for,
    /// and finds the signal when it goes on. Checks that it ends well.
    void terminate(std::size_t instance) {
        const std::string id = stop_at_work(instance);
        const auto began = steady_clock::now();
        cluster[instance].signal(SIGTERM);
        cluster[instance].signal(SIGCONT);
        const int code = cluster[instance].wait();
        const std::chrono::duration<double> took = steady_clock::now() - began;
        BOOST_TEST(code == 0, "exit code " << code << ": " << cluster[instance].last_words());
        BOOST_TEST(took.count() <= kSecondsToEnd, "ended after " << took.count() << " s");
        BOOST_TEST(leases_of(id) == 0, "left in flight: " << cluster[instance].last_words());
        BOOST_TEST(
            cluster.db().count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 0);
    }
    /// kill -9, with messages in flight.
    void kill_at_work(std::size_t instance) {
        stop_at_work(instance);
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
    begin({.processes_end = true});
    const int times = settings.times(6, 100, 500);
    for (int i = 0; i < times; ++i) {
        const std::size_t one = rng.between(0, kInstances - 1);
        terminate(one);
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
    begin({.processes_end = true});
    for (std::size_t i = 0; i < kInstances; ++i) {
        terminate(i);
        cluster.start(i);
        cluster.wait_until_ready();
        BOOST_TEST(traffic->goes_on(50, 30s));
    }
    test::end_well(cluster, *traffic,
                   previous == nullptr ? "all replaced by the same version"
                                       : "all replaced by the next version");
}

// Only the database's clock decides; no time of a process may get into a table that another one
// compares with: what the one that is ahead had in flight when it died would wait for as long,
// unless a callback tells what became of it. A fifth of all attempts fails, and senders have a
// rate: both make times to wait for.
// faketime wants to be loaded first, as the sanitizers do.
// Fails without its protection: without/one_clock.patch.
BOOST_FIXTURE_TEST_CASE(their_clocks_are_an_hour_and_a_day_off_both_ways, Crowd,
                        *boost::unit_test::enable_if<!test::kIsSanitized>()) {
    const std::string library = faketime_library();
    const auto fails = [&](int http_status, int code, std::uint64_t times, double probability) {
        cluster.twilio().script().add(
            {.times = times,
             .probability = probability,
             .then = {.answer = sim::Answer::error, .status = http_status, .code = code}});
    };
    std::pair<const char*, const char*> clocks;  // of the second and the third
    const auto start = [&](std::size_t i) {
        test::Variables more{{"OUTBOX_MAX_RETRIES", "20"},  // nothing is to be given up
                             {"OUTBOX_BACKOFF_MAX_MS", "250"},
                             {"OUTBOX_RATE_PER_SENDER", "500"}};
        if (i > 0) {
            more["LD_PRELOAD"] = library;
            more["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
            more["FAKETIME"] = i == 1 ? clocks.first : clocks.second;
        }
        cluster.start(i, std::move(more));
    };
    const auto check_times = [&] {
        const test::Complaints astray = cluster.db().query_rows(kTimesAstray);
        BOOST_TEST(astray.empty(), "times of another clock: " << test::first_of(astray));
        return astray.empty();
    };
    const auto watch = [&](std::chrono::seconds how_long) {
        const auto until = steady_clock::now() + how_long;
        while (steady_clock::now() < until && check_times()) test::lasts(10ms);
    };
    const std::chrono::seconds a_while{settings.times(2, 10, 60)};

    fails(400, kNoSystemicCode, 0, 0.2);
    for (const auto& both : {std::pair{"+1h", "-1h"}, std::pair{"+1d", "-1d"}}) {
        clocks = both;
        for (std::size_t i = 0; i < kInstances; ++i) start(i);
        if (!traffic) begin({.processes_end = true});
        cluster.wait_until_ready();
        // It happened: their log has another hour.
        BOOST_TEST(cluster[1].output().substr(1, 13) != cluster[2].output().substr(1, 13));
        for (const std::size_t i : {1U, 2U}) {
            watch(a_while);
            kill_at_work(i);
            check_times();
            start(i);
            cluster.wait_until_ready();
        }
        BOOST_TEST(traffic->goes_on(50, 30s));
    }

    // A breaker's next probe has a time too. One of these two opens it.
    cluster[0].kill();
    fails(401, kWrongCredentials, 1, 1);
    const auto open_breakers = [&] {
        return cluster.db().count("SELECT count(*) FROM outbox_scopes WHERE probe_at IS NOT NULL");
    };
    BOOST_TEST(eventually([&] { return open_breakers() == 1; }, 30s));
    check_times();
    // The minute until that probe is another suite's matter (integration/outbox_limits).
    BOOST_TEST(eventually(
        [&] {
            cluster.db().exec(
                "UPDATE outbox_scopes SET probe_at = now() WHERE probe_at > now() + interval '1 "
                "s'");
            return open_breakers() == 0;
        },
        30s));
    start(0);
    cluster.wait_until_ready();
    // Reconciliation looks for what the killed had in flight, and when it looks next is a time.
    if (settings.wants_settled) {
        BOOST_TEST(eventually(
            [&] {
                return !check_times() ||
                       cluster.db().count(
                           "SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 0;
            },
            240s));
    }
    BOOST_TEST(cluster.twilio().ledger().count(
                   [](const sim::LedgerEntry& e) { return e.code == kNoSystemicCode; }) > 0U);
    test::end_well(cluster, *traffic, "clocks an hour and a day off, both ways");
}

// Fails without its protection: without/both_keys_of_a_webhook.patch.
BOOST_FIXTURE_TEST_CASE(each_webhook_comes_up_to_twenty_times_in_any_order, Crowd) {
    start_all({{"WEBHOOK_DEADLINE_MS", "10000"}});  // this is not about speed
    begin({.webhooks = 60, .messages = 20, .most_deliveries = 20});
    test::lasts(std::chrono::seconds{settings.times(4, 30, 600)});
    BOOST_TEST(traffic->goes_on(50, 30s));
    test::end_well(cluster, *traffic, "each webhook up to 20 times");
    // It happened, and each delivery that was not the first is noted: with 20 at most, none is one
    // too many to be (inbox/ignore_duplicates.sql). Twilio's own callbacks are not in our ledger.
    BOOST_TEST(traffic->refused() == 0U);
    const std::size_t repeated = traffic->answered_200() - traffic->acknowledged();
    BOOST_TEST(repeated > traffic->acknowledged());
    const std::int64_t noted = cluster.db().count(
        "SELECT count(*) FROM event_log AS l JOIN webhook_events AS e ON e.id::text = l.entity_id "
        "WHERE l.event_type = 'idempotent_ignored' AND l.entity_type = 'webhook_event' "
        "AND e.kind = 'inbound'");
    BOOST_TEST(noted == static_cast<std::int64_t>(repeated));
}

// Fails without its protection: without/texts_that_postgresql_can_hold.patch.
BOOST_FIXTURE_TEST_CASE(some_webhooks_are_poison, Crowd) {
    start_all({{"WEBHOOK_DEADLINE_MS", "10000"}});  // this is not about speed
    begin({.webhooks = 200, .poison_percent = settings.is_full ? 1 : 20});
    test::lasts(std::chrono::seconds{settings.times(3, 60, 600)});
    BOOST_TEST(traffic->goes_on(50, 30s));
    test::end_well(cluster, *traffic, "poison among the webhooks");
    BOOST_TEST(traffic->refused() == 0U);
    // Each kind came and is there: those of Traffic::body_of().
    for (const char* kind :
         {"length(raw) > 60000", "convert_from(raw, 'LATIN1') LIKE '%Note=\\%00a\\%00%'",
          "convert_from(raw, 'LATIN1') LIKE '%Note=\\%ED\\%A0%'",
          "convert_from(raw, 'LATIN1') LIKE '%&Field199=%'",
          "convert_from(raw, 'LATIN1') LIKE '%&Note=100\\%&\\%zz=\\%4&&=&%'",
          "convert_from(raw, 'LATIN1') LIKE '%&ButtonPayload={\"a\":&Latitude=NaN&%'"}) {
        BOOST_TEST(cluster.db().count(
                       fmt::format("SELECT count(*) FROM webhook_events WHERE {}", kind)) > 0,
                   "no poison that has " << kind);
    }
}
