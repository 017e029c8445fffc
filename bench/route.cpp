// How many stored events a second the router brings to messages_in and event_log, from a backlog.
// Beside it, in the same run, how fast the inbox stored them.
#include "harness/load.hpp"
#include "harness/system.hpp"
#include "harness/wal.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>

int main() {
    using namespace pgcourier::bench;
    constexpr std::int64_t kEvents = 200'000;
    System system{100};
    system.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}});
    double wal = wal_bytes(system.db());
    const LoadResult stored = run_load(system.port(), system.webhooks(0, kEvents), 64);
    Report report{"route"};
    const auto report_wal = [&] {
        report.figure("  WAL an event", (wal_bytes(system.db()) - wal) / kEvents, "bytes");
    };
    report.figure("events stored beforehand", stored.rate(), "/s");
    report_wal();
    system.stop_serving();
    system.db().exec("DELETE FROM instances; ANALYZE");
    for (const char* threads : {"1", "2"}) {
        // The second run routes the same events again: the tables as they were, the queue filled
        // anew.
        system.db().exec(
            "TRUNCATE messages_in, event_log; INSERT INTO webhook_queue (id) SELECT id FROM "
            "webhook_events "
            "ON CONFLICT DO NOTHING; CHECKPOINT");
        const std::int64_t numbered = system.db().count(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "
            "messages_in_seq_seq");
        wal = wal_bytes(system.db());
        // Its start counts too, some 20 ms: it routes before it is ready.
        const auto start = std::chrono::steady_clock::now();
        system.serve(
            {{"PGCOURIER_ROLES", "router"}, {"ROUTER_THREADS", threads}, {"LOG_LEVEL", "warn"}});
        // A sequence costs nothing to look at, while the queue has a dead row for each event that
        // was routed; what it has given out is committed a moment later.
        const bool is_done = pgcourier::test::eventually(
            [&] {
                return system.db().count("SELECT last_value FROM messages_in_seq_seq") >=
                           numbered + kEvents &&
                       system.db().count("SELECT count(*) FROM webhook_queue") == 0;
            },
            std::chrono::minutes{2});
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const std::int64_t routed = system.db().count("SELECT count(*) FROM messages_in");
        if (!is_done || routed != kEvents)
            throw std::runtime_error{fmt::format("{} of {} were routed", routed, kEvents)};
        report.figure(std::string{"events routed, threads "} + threads, kEvents / seconds, "/s");
        report_wal();
        system.stop_serving();
        system.db().exec("DELETE FROM instances");
    }
    return report.exit_status();
}
