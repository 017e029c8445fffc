// How many webhooks a second are acknowledged (verified, committed, answered 200), and how fast: 64
// connections, closed loop. Beside it the ceiling of HTTP alone in the same run. Then at half of
// that rate, open loop: each request at its time, whatever became of those before, and its latency
// from that time on. INGEST_WEBHOOKS (150000): of the closed loop; INGEST_SECONDS (60): of the open
// one, in which the autovacuum of PostgreSQL's defaults comes once. Beside it, how long the disk
// takes for a flush; after it, what pgbench waits for that stores as many rows a second, without a
// program, HTTP or signatures.
#include "harness/disk_flushes.hpp"
#include "harness/load.hpp"
#include "harness/open_load.hpp"
#include "harness/pgbench.hpp"
#include "harness/rounds.hpp"
#include "harness/sample.hpp"
#include "harness/settled_server.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

int main() {
    using namespace pgcourier::bench;
    constexpr std::size_t kConnections = 64;
    constexpr double kMostOpen = 6;  // ms, p99
    const auto count = static_cast<std::size_t>(setting("INGEST_WEBHOOKS", 150'000));
    use_settled_server();
    System system{100};
    recycle_wal(system.db());
    system.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}});
    const std::vector<std::string> probes(
        200000, fmt::format("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", system.port()));
    run_load(system.port(), system.webhooks(0, 20000), kConnections);  // warm
    const LoadResult ceiling = run_load(system.port(), probes, kConnections);
    const LoadResult webhooks =
        run_load(system.port(), system.webhooks(1'000'000, count), kConnections);
    const double rate = webhooks.rate() / 2;
    const auto seconds = static_cast<double>(setting("INGEST_SECONDS", 60));
    const std::vector<std::string> timed =
        system.webhooks(2'000'000, static_cast<std::size_t>(rate * seconds));
    DiskFlushes flushes{pgcourier::test::scratch_directory()};
    const OpenResult half =
        run_open_load({.ports = {system.port()},
                       .rate = rate,
                       .count = timed.size(),
                       .request = [&](std::size_t n) -> std::string_view { return timed[n]; }});
    const std::vector<double> flushes_ms = flushes.stop();
    constexpr int kBatch = 100;
    const std::vector<double> alone_ms =
        run_paced(system.db(), {.script = "bench/limits/ingest.sql",
                                .variables = {{"batch", kBatch}},
                                .clients = 4,
                                .a_second = rate / kBatch,
                                .seconds = static_cast<int>(seconds)});

    Report report{"ingest"};
    report.figure("webhooks acknowledged", webhooks.rate(), "/s");
    report.figure("  median", webhooks.percentile(0.5), "ms");
    report.figure("  p99 (at most 10)", webhooks.percentile(0.99), "ms");
    report.figure("  not 200 (at most 0)", static_cast<double>(webhooks.not_200), "");
    report.figure("HTTP alone (GET /healthz)", ceiling.rate(), "/s");
    report.figure("share of HTTP alone", 100 * webhooks.rate() / ceiling.rate(), "%");
    report.figure("webhooks at half of that rate, each at its time", half.load.rate(), "/s");
    report.figure("  median, from when it was due", half.load.percentile(0.5), "ms");
    report.figure(fmt::format("  p99 (at most {})", kMostOpen), half.load.percentile(0.99), "ms");
    report.figure("  p99 of what the generator itself was late", half.late_ms, "ms");
    report.figure("  p99 of its median second", percentile(half.p99_of_seconds, 0.5), "ms");
    report.figure("  longest", half.load.percentile(1), "ms");
    report.figure("  a flush of the disk beside it, longest", percentile(flushes_ms, 1), "ms");
    report.figure("  share of the time in flushes of more than 6 ms",
                  share_of_time(flushes_ms, kMostOpen), "%");
    report.figure("  not 200 (at most 0)", static_cast<double>(half.load.not_200), "");
    report.figure("as many rows stored by SQL alone, 100 at once, median",
                  percentile(alone_ms, 0.5), "ms");
    report.figure("  p99", percentile(alone_ms, 0.99), "ms");
    report.figure("  longest", percentile(alone_ms, 1), "ms");
    return report.exit_status();
}
