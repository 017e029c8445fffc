// How many webhooks a second are acknowledged (verified, committed, answered 200), and how fast: 64
// connections, closed loop. Beside it the ceiling of HTTP alone in the same run.
#include "harness/load.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

int main() {
    using namespace pgcourier::bench;
    constexpr std::size_t kConnections = 64;
    System system{100};
    system.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}});
    const std::vector<std::string> probes(
        200000, fmt::format("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", system.port()));
    run_load(system.port(), system.webhooks(0, 20000), kConnections);  // warm
    const LoadResult ceiling = run_load(system.port(), probes, kConnections);
    const LoadResult webhooks =
        run_load(system.port(), system.webhooks(1'000'000, 150000), kConnections);
    Report report{"ingest"};
    report.figure("webhooks acknowledged", webhooks.rate(), "/s");
    report.figure("  median", webhooks.percentile(0.5), "ms");
    report.figure("  p99", webhooks.percentile(0.99), "ms");
    report.figure("  not 200", static_cast<double>(webhooks.not_200), "");
    report.figure("HTTP alone (GET /healthz)", ceiling.rate(), "/s");
    report.figure("share of HTTP alone", 100 * webhooks.rate() / ceiling.rate(), "%");
    return webhooks.not_200 == 0 ? 0 : 1;
}
