// How many messages a second go out to the simulated Twilio from a backlog (100 tenants, no rate
// limit, callbacks off, and once with three callbacks for each), with the calls at once that are
// the default and with more, and how close to calls at once ÷ latency it comes when Twilio takes
// its time: over all, and without the first two seconds, in which the calls at once double from one
// (a scope's slow start), and the last twentieth, when no message is left for a call that ends.
// OUTBOX_MESSAGES (30000).
#include "harness/rounds.hpp"
#include "harness/system.hpp"
#include "harness/wal.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>

namespace {

using namespace pgcourier::bench;

constexpr std::chrono::seconds kSlowStart{2};
// What the issue says of the predecessor's outbox: each 5 s it takes up to 10 messages and sends
// them one after the other.
constexpr double kPredecessor = 10.0 / 5;

struct Rates {
    double all = 0;     // messages a second, until the last outcome is written
    double steady = 0;  // in between
    double wal = 0;     // bytes a message
};

/// more  of the service's settings
Rates send_all(System& system, int calls_at_once, pgcourier::test::Variables more = {}) {
    const auto messages = static_cast<std::uint64_t>(setting("OUTBOX_MESSAGES", 30'000));
    system.twilio().reset();
    system.db().exec(
        fmt::format("TRUNCATE messages_out, event_log, outbox_queue, outbox_leases, outbox_scopes; "
                    "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || "
                    "lpad(i::text, 8, '0'), 'Bonjour ' || i "
                    "FROM (SELECT id, row_number() OVER () - 1 AS n FROM tenants) AS t JOIN "
                    "generate_series(1, {}) AS i "
                    "ON i % 100 = t.n; ANALYZE; CHECKPOINT",
                    messages));
    more.insert({{"PGCOURIER_ROLES", "sender"},
                 {"LOG_LEVEL", "warn"},
                 {"OUTBOX_RATE_PER_SENDER", "0"},
                 {"OUTBOX_BATCH_SIZE", std::to_string(calls_at_once)},
                 {"OUTBOX_CONCURRENCY", std::to_string(calls_at_once)}});
    system.serve(more);
    const double wal = wal_bytes(system.db());
    using Clock = std::chrono::steady_clock;
    using Seconds = std::chrono::duration<double>;
    struct Mark {
        Clock::time_point at;
        std::uint64_t taken = 0;
    };
    const auto start = Clock::now();
    std::optional<Mark> first;
    Mark last;
    // First by Twilio's own count, which costs the database nothing.
    const bool is_done = pgcourier::test::eventually(
                             [&] {
                                 const Mark now{Clock::now(), system.twilio().ledger().accepted()};
                                 if (!first && now.at - start >= kSlowStart) first = now;
                                 if (now.taken <= messages - messages / 20) last = now;
                                 return now.taken >= messages;
                             },
                             std::chrono::minutes{3}) &&
                         pgcourier::test::eventually([&] {
                             return system.db().count("SELECT count(*) FROM outbox_queue") == 0 &&
                                    system.db().count("SELECT count(*) FROM outbox_leases") == 0;
                         });
    const Seconds seconds = Clock::now() - start;
    const double written = wal_bytes(system.db()) - wal;
    const auto sent = system.db().count("SELECT count(*) FROM messages_out WHERE status = 'sent'");
    if (!is_done || sent != static_cast<std::int64_t>(messages))
        throw std::runtime_error{fmt::format("{} of {} were sent", sent, messages)};
    if (!first || last.taken <= first->taken)
        throw std::runtime_error{"it was over before it had begun: more OUTBOX_MESSAGES"};
    system.stop_serving();
    return {.all = static_cast<double>(sent) / seconds.count(),
            .steady = static_cast<double>(last.taken - first->taken) /
                      Seconds{last.at - first->at}.count(),
            .wal = written / static_cast<double>(messages)};
}

}  // namespace

int main() {
    constexpr int kCalls = 256;
    pgcourier::test::use_durable_server();
    pgcourier::test::use_server_on_disk();
    Report report{"outbox"};
    {
        System system{100, {.progress = {.callbacks = false}, .keep = 1000}};
        for (const int calls : {64, kCalls}) {
            const Rates rates = send_all(system, calls);
            report.figure(fmt::format("messages sent, {} calls at once{}", calls,
                                      calls == kCalls ? " (at least 5000)" : ""),
                          rates.all, "/s");
            report.figure("  times the predecessor's 2/s (at least 1000)", rates.all / kPredecessor,
                          "x");
            report.figure("  WAL a message", rates.wal, "bytes");
        }
    }
    {
        System system{100, {.keep = 50'000}};
        const Rates rates = send_all(
            system, kCalls,
            {{"PGCOURIER_ROLES", "webhook,router,sender"}, {"TWILIO_STATUS_CALLBACK", "on"}});
        report.figure(
            fmt::format("messages sent, {} calls at once, each with its callbacks", kCalls),
            rates.all, "/s");
    }
    for (const auto latency : {std::chrono::milliseconds{20}, std::chrono::milliseconds{100}}) {
        System system{100, {.progress = {.callbacks = false}, .latency = latency, .keep = 1000}};
        const Rates rates = send_all(system, kCalls);
        const double most = kCalls * 1000.0 / static_cast<double>(latency.count());
        report.figure(
            fmt::format("messages sent, {} calls at once of {} ms", kCalls, latency.count()),
            rates.all, "/s");
        if (latency == std::chrono::milliseconds{100})
            report.figure("  times the predecessor's 2/s", rates.all / kPredecessor, "x");
        report.figure("  share of calls at once ÷ latency", 100 * rates.all / most, "%");
        report.figure(std::string{"  without start and end"} +
                          (latency == std::chrono::milliseconds{100} ? " (at least 90)" : ""),
                      100 * rates.steady / most, "%");
    }
    return report.exit_status();
}
