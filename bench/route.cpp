// How many stored events a second the router brings to messages_in and event_log, from a backlog.
// Beside it, in the same run, how fast the inbox stored them.
#include "harness/load.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <chrono>

int main() {
    using namespace pgcourier::bench;
    constexpr std::size_t kEvents = 200000;
    System system{100};
    system.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}});
    const LoadResult stored = run_load(system.port(), system.webhooks(0, kEvents), 64);
    system.stop_serving();
    system.db().exec("DELETE FROM instances; ANALYZE");
    Report report{"route"};
    report.figure("events stored beforehand", stored.rate(), "/s");
    for (const char* threads : {"1", "2"}) {
        // The second run routes the same events again: the tables as they were, the queue filled
        // anew.
        system.db().exec(
            "TRUNCATE messages_in, event_log; INSERT INTO webhook_queue (id) SELECT id FROM "
            "webhook_events "
            "ON CONFLICT DO NOTHING; CHECKPOINT");
        system.serve(
            {{"PGCOURIER_ROLES", "router"}, {"ROUTER_THREADS", threads}, {"LOG_LEVEL", "warn"}});
        const auto start = std::chrono::steady_clock::now();
        pgcourier::test::eventually(
            [&] {
                return system.db().count(
                           "SELECT count(*) FROM (SELECT FROM webhook_queue LIMIT 1) AS q") == 0;
            },
            std::chrono::minutes{2});
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const auto routed =
            static_cast<double>(system.db().count("SELECT count(*) FROM messages_in"));
        report.figure(std::string{"events routed, threads "} + threads, routed / seconds, "/s");
        system.stop_serving();
        system.db().exec("DELETE FROM instances");
    }
    return 0;
}
