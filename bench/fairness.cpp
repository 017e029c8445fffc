// How long a tenant's message takes while another tenant has a million waiting, and one sender
// sends them as fast as it can.
#include "harness/sample.hpp"
#include "harness/system.hpp"

#include <chrono>

int main() {
    using namespace pgcourier;
    bench::System system{2, {.progress = {.callbacks = false}}};
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) {
        system.db().exec(
            "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '" + system.tenants()[0] +
            "', '+336' || lpad((i + " + std::to_string(i) +
            " * 100000)::text, 8, '0'), 'Bonjour' FROM generate_series(0, 99999) AS i");
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    system.db().exec("ANALYZE; CHECKPOINT");
    system.serve({{"PGCOURIER_ROLES", "sender"}, {"LOG_LEVEL", "warn"}});
    const bench::Delays delays =
        bench::sample_delays(system, system.tenants()[1], std::chrono::milliseconds{100}, 300);
    const auto calls = static_cast<double>(system.twilio().ledger().accepted());
    bench::Report report{"fairness"};
    report.figure("rows written by one tenant, 100,000 a transaction", 1'000'000 / seconds, "/s");
    report.figure("messages sent meanwhile", calls, "");
    report.figure("still waiting",
                  static_cast<double>(system.db().count("SELECT count(*) FROM outbox_queue")), "");
    report.figure("another tenant's message, from COMMIT to Twilio's API, median",
                  bench::percentile(delays.to_call_ms, 0.5), "ms");
    report.figure("  p99", bench::percentile(delays.to_call_ms, 0.99), "ms");
    report.figure("  longest (at most 2000)", bench::percentile(delays.to_call_ms, 1), "ms");
    report.figure("  not called (at most 0)", static_cast<double>(delays.missing), "");
    return report.exit_status();
}
