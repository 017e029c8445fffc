// How many messages a second go out to the simulated Twilio from a backlog (100 tenants, no rate
// limit, callbacks off), with the calls at once that are the default and with more, and how close
// to calls at once ÷ latency it comes when Twilio takes its time.
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>

namespace {

using namespace pgcourier::bench;

constexpr std::uint64_t kMessages = 30000;

// returns  messages a second
double send_all(System& system, int calls_at_once) {
    system.twilio().reset();
    system.db().exec(
        fmt::format("TRUNCATE messages_out, event_log, outbox_queue, outbox_leases; INSERT INTO "
                    "messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || "
                    "lpad(i::text, 8, '0'), 'Bonjour ' || i "
                    "FROM (SELECT id, row_number() OVER () - 1 AS n FROM tenants) AS t JOIN "
                    "generate_series(1, {}) AS i "
                    "ON i % 100 = t.n; ANALYZE; CHECKPOINT",
                    kMessages));
    system.serve({{"PGCOURIER_ROLES", "sender"},
                  {"LOG_LEVEL", "warn"},
                  {"OUTBOX_RATE_PER_SENDER", "0"},
                  {"OUTBOX_BATCH_SIZE", std::to_string(calls_at_once)},
                  {"OUTBOX_CONCURRENCY", std::to_string(calls_at_once)}});
    const auto start = std::chrono::steady_clock::now();
    // First by Twilio's own count, which costs the database nothing.
    const bool is_done = pgcourier::test::eventually(
                             [&] { return system.twilio().ledger().accepted() >= kMessages; },
                             std::chrono::minutes{3}) &&
                         pgcourier::test::eventually([&] {
                             return system.db().count("SELECT count(*) FROM outbox_queue") == 0 &&
                                    system.db().count("SELECT count(*) FROM outbox_leases") == 0;
                         });
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto sent = system.db().count("SELECT count(*) FROM messages_out WHERE status = 'sent'");
    if (!is_done || sent != static_cast<std::int64_t>(kMessages))
        throw std::runtime_error{fmt::format("{} of {} were sent", sent, kMessages)};
    system.stop_serving();
    return static_cast<double>(sent) / seconds;
}

}  // namespace

int main() {
    Report report{"outbox"};
    {
        System system{100, {.progress = {.callbacks = false}, .keep = 1000}};
        for (const int calls : {64, 256}) {
            const double rate = send_all(system, calls);
            report.figure(fmt::format("messages sent, {} calls at once", calls), rate, "/s");
            report.figure("times the predecessor (2/s: 10 each 5 s, one by one)", rate / 2, "x");
        }
    }
    for (const auto latency : {std::chrono::milliseconds{20}, std::chrono::milliseconds{100}}) {
        constexpr int kCalls = 256;
        System system{100, {.progress = {.callbacks = false}, .latency = latency, .keep = 1000}};
        const double rate = send_all(system, kCalls);
        const double most = kCalls * 1000.0 / static_cast<double>(latency.count());
        report.figure(
            fmt::format("messages sent, {} calls at once of {} ms", kCalls, latency.count()), rate,
            "/s");
        report.figure("share of calls at once ÷ latency", 100 * rate / most, "%");
    }
    return 0;
}
