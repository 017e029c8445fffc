// What the service costs while nothing happens: all roles, 100 tenants, a history of messages each
// way, no load. Statements that PostgreSQL gets from it, by its own log; the processors' time;
// memory; connections. And how long a start takes, from exec to the first /readyz that says 200.
// IDLE_SECONDS (120) are watched, after IDLE_SETTLE (30) in which what the history left to do is
// done; IDLE_STARTS (20) starts.
#include "harness/cpu_time.hpp"
#include "harness/load.hpp"
#include "harness/process_use.hpp"
#include "harness/rounds.hpp"
#include "harness/statement_log.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"
#include "support/webhook_sender.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

namespace {

using namespace pgcourier;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kHistory = 2000;  // messages each way

/// A start with nothing left behind, as a deployment makes it, and its clean end.
///
/// returns  ms from exec to ready
double time_start(const bench::System& system) {
    const std::string ready = fmt::format("http://127.0.0.1:{}/readyz", system.port());
    const auto start = Steady::now();
    test::Process service{{"serve"}, system.variables()};
    while (test::get(ready).status != 200) {
        if (!service.is_running()) throw std::runtime_error{service.last_words()};
        std::this_thread::sleep_for(std::chrono::microseconds{500});
    }
    const double took = std::chrono::duration<double, std::milli>(Steady::now() - start).count();
    service.signal(SIGTERM);
    if (service.wait() != 0) throw std::runtime_error{service.last_words()};
    return took;
}

void make_history(bench::System& system) {
    const bench::LoadResult load = bench::run_load(system.port(), system.webhooks(0, kHistory), 16);
    system.db().exec(fmt::format(
        "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || "
        "lpad(i::text, 8, '0'), 'Bonjour ' || i FROM (SELECT id, row_number() OVER () - 1 AS n "
        "FROM tenants) AS t JOIN generate_series(1, {}) AS i ON i % 100 = t.n",
        kHistory));
    const bool is_done = test::eventually(
        [&] {
            return system.db().count("SELECT count(*) FROM messages_in") +
                       system.db().count(
                           "SELECT count(*) FROM messages_out WHERE status = 'sent' "
                           "AND delivery_status = 'delivered'") ==
                   2 * kHistory;
        },
        std::chrono::minutes{2});
    if (load.not_200 > 0 || !is_done) throw std::runtime_error{"the history was not made"};
}

/// By role: `2 router`.
std::vector<std::string> connections(const bench::System& system) {
    return system.db().query_rows(
        "SELECT count(*) || ' ' || substr(application_name, 11) FROM pg_stat_activity WHERE "
        "datname "
        "= current_database() AND application_name LIKE 'pgcourier/%' AND application_name NOT "
        "LIKE 'pgcourier/test%' GROUP BY application_name ORDER BY application_name");
}

double sum(const std::vector<std::string>& connections) {
    double all = 0;
    for (const std::string& role : connections) all += std::stod(role);
    return all;
}

}  // namespace

int main() {
    const std::chrono::seconds length{bench::setting("IDLE_SECONDS", 120)};
    const std::chrono::seconds settle{bench::setting("IDLE_SETTLE", 30)};
    bench::System system{100};
    bench::StatementLog statements{system.db()};
    system.serve({{"TWILIO_STATUS_CALLBACK", "on"}, {"LOG_LEVEL", "warn"}});
    make_history(system);
    if (system.db().count("SELECT count(*) FROM instances") != 1)
        throw std::runtime_error{"the service is not registered"};
    const std::vector<std::string> busy_connections = connections(system);

    std::this_thread::sleep_for(settle);
    statements.begin();
    const bench::ProcessUse before = bench::process_use(system.pid());
    const double server_before = bench::cpu_seconds(test::test_server().pid());
    const auto start = Steady::now();
    std::this_thread::sleep_for(length);
    const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
    const bench::ProcessUse after = bench::process_use(system.pid());
    const double server_after = bench::cpu_seconds(test::test_server().pid());
    const auto counts = statements.counts();
    const std::vector<std::string> idle_connections = connections(system);
    system.stop_serving();
    system.db().exec("DELETE FROM instances");

    std::vector<double> starts;
    for (std::int64_t i = 0; i < bench::setting("IDLE_STARTS", 20); ++i)
        starts.push_back(time_start(system));

    double all = 0;
    for (const auto& [name, count] : counts) all += static_cast<double>(count);
    const double each_5_s = 5 * all / seconds;
    const double share = (after.cpu_ms - before.cpu_ms) / (10 * seconds);
    bench::Report report{"idle"};
    report.figure("statements each 5 s (at most 1)", each_5_s, "");
    for (const auto& [name, count] : counts)
        report.figure("  " + name, 5 * static_cast<double>(count) / seconds, "");
    report.figure("of one processor, the service (below 0.2)", share, "%");
    report.figure("of one processor, PostgreSQL", 100 * (server_after - server_before) / seconds,
                  "%");
    report.figure("times that a thread of the service was woken",
                  static_cast<double>(after.sleeps - before.sleeps) / seconds, "/s");
    report.figure("memory (at most 30)", after.memory_mib, "MiB");
    report.figure("connections to PostgreSQL, after a backlog (at most 8)", sum(busy_connections),
                  "", {{"roles", fmt::format("{}", fmt::join(busy_connections, ", "))}});
    report.figure("connections to PostgreSQL, idle (at most 8)", sum(idle_connections), "",
                  {{"roles", fmt::format("{}", fmt::join(idle_connections, ", "))}});
    report.median("from exec to ready, median (at most 200)", starts, "ms");
    report.figure("  longest", bench::percentile(starts, 1), "ms");
    return report.exit_status();
}
