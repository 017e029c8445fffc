// How many messages a second go out to the simulated Twilio (no latency, no rate limit, 100
// tenants, callbacks off), from a backlog.
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>

int main() {
    using namespace pgcourier::bench;
    constexpr int kMessages = 30000;
    System system{100, {.progress = {.callbacks = false}, .keep = 1000}};
    system.db().exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || "
                    "lpad(i::text, 8, '0'), 'Bonjour ' || i "
                    "FROM (SELECT id, row_number() OVER () - 1 AS n FROM tenants) AS t JOIN "
                    "generate_series(1, {}) AS i "
                    "ON i % 100 = t.n; ANALYZE; CHECKPOINT",
                    kMessages));
    system.serve(
        {{"PGCOURIER_ROLES", "sender"}, {"LOG_LEVEL", "warn"}, {"OUTBOX_RATE_PER_SENDER", "0"}});
    const auto start = std::chrono::steady_clock::now();
    const bool is_done = pgcourier::test::eventually(
        [&] {
            return system.db().count(
                       "SELECT count(*) FROM (SELECT FROM outbox_queue LIMIT 1) AS q") == 0 &&
                   system.db().count("SELECT count(*) FROM outbox_leases") == 0;
        },
        std::chrono::minutes{3});
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto sent = static_cast<double>(
        system.db().count("SELECT count(*) FROM messages_out WHERE status = 'sent'"));
    Report report{"outbox"};
    report.figure("messages sent", sent / seconds, "/s");
    report.figure("times the predecessor (2/s: 10 each 5 s, one by one)", sent / seconds / 2, "x");
    return is_done && sent == kMessages ? 0 : 1;
}
