// How long one message takes: through an idle service, from the INSERT of a webhook's event to the
// INSERT of its routed row, and from the INSERT into messages_out to the call at Twilio, beside
// which stands what two COMMITs and a notification take alone, and the least that a claim can be;
// and under load, from when a webhook is due to the record of the COMMIT with its routed row
// (before the disk has it), at half of the rate that is routed when as many come as are answered.
// Once with one process, once with four that take webhooks beside each other, so that four
// connections commit events and one process routes them. LATENCY_ROUNDS (300) idle messages, and a
// fifth as many a message each two seconds, when the sender has long gone back to sleep;
// LATENCY_SECONDS (30) under load.
#include "harness/bare_claim.hpp"
#include "harness/bare_loop.hpp"
#include "harness/disk_flushes.hpp"
#include "harness/load.hpp"
#include "harness/open_load.hpp"
#include "harness/rounds.hpp"
#include "harness/routed.hpp"
#include "harness/sample.hpp"
#include "harness/settled_server.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace {

using namespace pgcourier;

constexpr std::size_t kConnections = 64;
constexpr std::size_t kPeakWebhooks = 30'000;
constexpr auto kRest = std::chrono::milliseconds{20};  // after each idle message
// A sender that was woken looks again for 1.3 s: what comes later finds it as asleep as it gets.
constexpr std::chrono::seconds kAsleep{2};

/// What is aimed at, in ms; 0: nothing.
struct Aims {
    double median = 0;
    double p99 = 0;
};
constexpr Aims kIdle{.median = 2, .p99 = 6};
constexpr Aims kUnderLoad{.p99 = 50};

/// Draws a line on the chart.
void keep_distribution(bench::Report& report, const std::string& load, const std::string& what,
                       const std::vector<double>& values) {
    for (const char* share : {"0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "0.999", "1"})
        report.keep(what, bench::percentile(values, std::stod(share)), "ms",
                    {{"part", "distribution"}, {"load", load}, {"who", what}, {"share", share}});
}

void report_percentiles(bench::Report& report, const std::string& what,
                        const std::vector<double>& values, const Aims& aims = {}) {
    const auto aim = [](double most) {
        return most > 0 ? fmt::format(" (at most {})", most) : std::string{};
    };
    report.figure(what + ", median" + aim(aims.median), bench::percentile(values, 0.5), "ms");
    report.figure(what + ", p99" + aim(aims.p99), bench::percentile(values, 0.99), "ms");
}

/// How long after `start` the simulator took a message to this number, in steps of about 0.1 ms:
/// what it writes down itself is in whole ms.
double ms_until_called(bench::System& system, const std::string& to,
                       std::chrono::steady_clock::time_point start) {
    const auto latest = start + std::chrono::seconds{10};
    while (system.twilio().ledger().accepted_to(to) == 0) {
        if (std::chrono::steady_clock::now() > latest)
            throw std::runtime_error{"a message was not sent"};
        std::this_thread::sleep_for(std::chrono::microseconds{50});
    }
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

void report_idle(bench::Report& report) {
    const auto rounds = static_cast<std::uint64_t>(bench::setting("LATENCY_ROUNDS", 300));
    bench::System system{1, {.progress = {.callbacks = false}}};
    system.serve({{"LOG_LEVEL", "warn"}});
    pg::Connection writer = system.db().connect("bench");
    static constexpr pg::Statement kInsert{
        "bench.insert", "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ($1, $2, 'x')"};
    const std::vector<std::string> webhooks = system.webhooks(0, rounds);
    std::vector<double> acknowledged;
    std::vector<double> to_call;
    bench::BareLoop bare{system.db()};
    const bench::System unserved{1, {}};
    bench::BareClaim bare_claim{unserved.db()};
    std::vector<double> bare_claim_ms;
    std::vector<double> bare_ms;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        acknowledged.push_back(bench::run_load(system.port(), {webhooks[i]}, 1).percentile(0.5));
        std::this_thread::sleep_for(kRest);  // until it is routed: one at a time
        const std::string to = bench::client_number(i);
        const auto start = std::chrono::steady_clock::now();
        writer.exec(kInsert, pg::Params{system.tenants()[0], to});
        to_call.push_back(ms_until_called(system, to, start));
        std::this_thread::sleep_for(kRest);  // until its outcome is written
        bare_ms.push_back(bare.once());
        std::this_thread::sleep_for(kRest);
        bare_claim_ms.push_back(bare_claim.once(unserved.tenants()[0], to));
    }
    std::vector<double> seldom_to_call;
    for (std::uint64_t i = rounds; i < rounds + rounds / 5; ++i) {
        std::this_thread::sleep_for(kAsleep);
        const std::string to = bench::client_number(i);
        const auto start = std::chrono::steady_clock::now();
        writer.exec(kInsert, pg::Params{system.tenants()[0], to});
        seldom_to_call.push_back(ms_until_called(system, to, start));
    }
    const bool is_routed = test::eventually([&] {
        return system.db().count("SELECT count(*) FROM messages_in") ==
               static_cast<std::int64_t>(rounds);
    });
    if (!is_routed) throw std::runtime_error{"the webhooks were not routed"};
    std::vector<double> to_row;
    for (const std::string& row :
         system.db().query_rows("SELECT extract(epoch FROM (l.created_at AT TIME ZONE 'UTC') - "
                                "e.received_at) * 1000 FROM webhook_events AS e "
                                "JOIN event_log AS l USING (correlation_id) WHERE l.event_type = "
                                "'webhook_received'")) {
        to_row.push_back(std::stod(row));
    }
    const auto tell = [&](const std::string& what, const std::vector<double>& values,
                          const Aims& aims = {}) {
        report_percentiles(report, what, values, aims);
        keep_distribution(report, "idle", what, values);
    };
    tell("POST to 200", acknowledged);
    tell("an event, INSERT to INSERT of its routed row", to_row, kIdle);
    tell("INSERT INTO messages_out to Twilio's API", to_call, kIdle);
    if (!seldom_to_call.empty())
        tell("INSERT INTO messages_out to Twilio's API; a message each 2 s", seldom_to_call);
    tell("a bare INSERT with NOTIFY to a listener's COMMIT, no call", bare_ms);
    tell("INSERT INTO messages_out to the COMMIT of the least claim, no call", bare_claim_ms);
}

bool are_routed(const bench::System& system, std::size_t count) {
    return system.db().count("SELECT count(*) FROM messages_in") >=
           static_cast<std::int64_t>(count);
}

/// processes  that take webhooks; the first of them routes
void report_under_load(bench::Report& report, int processes) {
    bench::System system{100};
    bench::recycle_wal(system.db());
    system.serve({{"PGCOURIER_ROLES", "webhook,router"}, {"LOG_LEVEL", "warn"}});
    std::vector<std::uint16_t> ports{system.port()};
    while (ports.size() < static_cast<std::size_t>(processes))
        ports.push_back(
            system.serve_another({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}}));

    const std::size_t warm = kPeakWebhooks / 10;
    bench::run_load(ports, system.webhooks(0, warm), kConnections);
    test::eventually([&] { return are_routed(system, warm); });
    const std::vector<std::string> peak_webhooks = system.webhooks(warm, kPeakWebhooks);
    const auto start = std::chrono::steady_clock::now();
    bench::run_load(ports, peak_webhooks, kConnections);
    const bool is_routed = test::eventually(
        [&] { return are_routed(system, warm + kPeakWebhooks); }, std::chrono::minutes{2});
    if (!is_routed) throw std::runtime_error{"the webhooks were not routed"};
    const double peak =
        static_cast<double>(kPeakWebhooks) /
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

    const std::uint64_t first = warm + kPeakWebhooks;
    const auto count = static_cast<std::size_t>(
        peak / 2 * static_cast<double>(bench::setting("LATENCY_SECONDS", 30)));
    const std::vector<std::string> webhooks = system.webhooks(first, count);
    bench::DiskFlushes flushes{test::scratch_directory()};
    const bench::OpenResult load = bench::run_open_load(
        {.ports = ports,
         .rate = peak / 2,
         .count = count,
         .request = [&](std::size_t n) -> std::string_view { return webhooks[n]; },
         .connections = kConnections});
    const std::vector<double> flushes_ms = flushes.stop();
    test::eventually([&] { return are_routed(system, first + count); }, std::chrono::minutes{2});
    const bench::Routed routed = bench::routed(system.db(), load, first);

    const std::string where =
        fmt::format("{} committer{}", processes, processes == 1 ? "" : "s, a process each");
    report.figure("webhooks routed as fast as they are answered, " + where, peak, "/s");
    report.figure("at half of that rate, " + where + ": webhooks", load.load.rate(), "/s");
    report.figure("  from when it was due to 200, median", load.load.percentile(0.5), "ms");
    report.figure("  from when it was due to 200, p99", load.load.percentile(0.99), "ms");
    report_percentiles(report,
                       "  from when it was due to the routing commit's record, before its flush",
                       routed.to_row_ms, kUnderLoad);
    keep_distribution(report, "under load", "webhook to the routing commit's record, " + where,
                      routed.to_row_ms);
    report.figure("  longest", bench::percentile(routed.to_row_ms, 1), "ms");
    report.figure("  p99 of what the generator itself was late", load.late_ms, "ms");
    report.figure("  a flush of the disk beside it, longest", bench::percentile(flushes_ms, 1),
                  "ms");
    report.figure("  not routed (at most 0)", static_cast<double>(routed.missing), "");
    report.figure("  not 200 (at most 0)", static_cast<double>(load.load.not_200), "");
}

}  // namespace

int main() {
    bench::keep_commit_times();
    test::use_durable_server();
    test::use_server_on_disk();
    bench::use_settled_server();
    bench::Report report{"latency"};
    report_idle(report);
    report_under_load(report, 1);
    report_under_load(report, 4);
    return report.exit_status();
}
