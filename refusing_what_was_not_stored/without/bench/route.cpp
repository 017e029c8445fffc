// How many stored events a second the router brings to messages_in and event_log, from a backlog.
// Beside it, in the same run, how fast the inbox stored them.
#include "harness/load.hpp"
#include "harness/system.hpp"
#include "harness/wal.hpp"
#include "support/eventually.hpp"

#include <chrono>

int main() {
    using namespace pgcourier::bench;
    constexpr std::size_t kEvents = 200000;
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
        system.serve(
            {{"PGCOURIER_ROLES", "router"}, {"ROUTER_THREADS", threads}, {"LOG_LEVEL", "warn"}});
        const std::int64_t numbered = system.db().count(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "
            "messages_in_seq_seq");
        wal = wal_bytes(system.db());
        const auto start = std::chrono::steady_clock::now();
        // A sequence costs nothing to look at, while the queue has a dead row for each event that
        // was routed; what it has given out is committed a moment later.
        pgcourier::test::eventually(
            [&] {
                return system.db().count("SELECT last_value FROM messages_in_seq_seq") >=
                           numbered + static_cast<std::int64_t>(kEvents) &&
                       system.db().count("SELECT count(*) FROM webhook_queue") == 0;
            },
            std::chrono::minutes{2});
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const auto routed =
            static_cast<double>(system.db().count("SELECT count(*) FROM messages_in"));
        report.figure(std::string{"events routed, threads "} + threads, routed / seconds, "/s");
        report_wal();
        system.stop_serving();
        system.db().exec("DELETE FROM instances");
    }
    return 0;
}
