// Whether a sender keeps to its rate: OUTBOX_RATE_PER_SENDER=80, one sending number, a backlog, two
// instances, 20 seconds: at least 76 a second on average, at most 84 in any second.
#include "harness/system.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

int main() {
    using namespace pgcourier;
    using namespace std::chrono_literals;
    constexpr auto kTime = 20s;
    bench::System system{1, {.progress = {.callbacks = false}}};
    system.db().exec(
        "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || lpad(i::text, "
        "8, "
        "'0'), 'Bonjour ' || i FROM tenants AS t, generate_series(1, 4000) AS i; ANALYZE");
    const test::Variables more{
        {"PGCOURIER_ROLES", "sender"}, {"OUTBOX_RATE_PER_SENDER", "80"}, {"LOG_LEVEL", "warn"}};
    test::Variables other = system.variables();
    for (const auto& [name, value] : more) other[name] = value;
    other["PORT"] = std::to_string(test::free_port());
    system.serve(more);
    test::Process second{{"serve"}, other};
    // Both at work, and the slow start over.
    const auto instances = [&] {
        return system.db().count("SELECT count(DISTINCT instance_id) FROM outbox_leases");
    };
    const bool both = test::eventually([&] { return instances() == 2; }, 30s);
    const WallTime begin = system_clock().now();
    std::this_thread::sleep_for(kTime + 500ms);

    std::vector<WallTime> calls;
    for (const sim::LedgerEntry& entry : system.twilio().ledger().entries()) {
        if (entry.kind == "create" && entry.time >= begin && entry.time < begin + kTime)
            calls.push_back(entry.time);
    }
    std::ranges::sort(calls);
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < calls.size(); ++last) {
        while (calls[last] - calls[first] >= 1s) ++first;
        most = std::max(most, last - first + 1);
    }
    const double average = static_cast<double>(calls.size()) / 20;
    bench::Report report{"rate"};
    report.figure("instances at work (at least 2)", both ? 2 : 1, "");
    report.figure("calls a second, average of 20 s (at least 76)", average, "/s");
    report.figure("most calls within any second (at most 84)", static_cast<double>(most), "");
    return report.exit_status();
}
