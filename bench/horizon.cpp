// What another session's open snapshot costs: while somebody holds one, no dead row can be removed,
// and queues are tables whose rows die. Throughput of routing and of sending, in pairs of runs with
// and without such a session, each HORIZON_SECONDS (120) at full speed on tables that were emptied
// before; HORIZON_PAIRS (5), the order within a pair by turns. The queues get VACUUM each 10 s on
// both sides: without it the side that is compared with has as many dead rows. What is given stays
// HORIZON_AHEAD (5000) ahead of what is done. HORIZON_ONLY=route or send. The JSON has the rate of
// each window of 5 s, and what a message then took of the processors, PostgreSQL's time and the
// service's: that is hardly more on a machine that others keep busy.
#include "harness/backlog.hpp"
#include "harness/cpu_time.hpp"
#include "harness/rounds.hpp"
#include "harness/settled_server.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace pgcourier;
using Steady = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kTenants = 100;
constexpr std::int64_t kPart = 500;  // given at once
constexpr std::chrono::seconds kWindow{5};
constexpr std::chrono::seconds kVacuum{10};

/// Another session in a transaction, with the snapshot of its first statement.
class HeldSnapshot {
  public:
    explicit HeldSnapshot(const bench::System& system) : connection_{bench::patient(system.db())} {
        connection_.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    }

  private:
    pg::Connection connection_;
};

// Their rows come and go.
constexpr const char* kQueues[] = {"webhook_queue", "outbox_queue", "outbox_leases",
                                   "outbox_scopes"};

/// VACUUM of all queues again and again, until this goes.
class Vacuuming {
  public:
    Vacuuming(const bench::System& system, std::chrono::milliseconds every)
        : connection_{bench::patient(system.db())}, every_{every} {}

  private:
    void run(const std::stop_token& stop) {
        for (Steady::time_point next = Steady::now() + every_; !stop.stop_requested();) {
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
            if (Steady::now() < next) continue;
            for (const char* queue : kQueues)
                connection_.exec_script(fmt::format("VACUUM {}", queue).c_str());
            next += every_;
        }
    }

    pg::Connection connection_;
    const std::chrono::milliseconds every_;
    std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }};
};

/// What goes through the service: `give` adds messages, `done` counts what came out.
struct Flow {
    std::string name;
    std::string role;
    std::int64_t at_once;  // what all its threads together claim
    std::function<void(std::int64_t first, std::int64_t end)> give;
    std::function<std::int64_t()> done;
};

struct Run {
    std::vector<double> rates;   // of each window, messages a second
    std::vector<double> micros;  // of the processors for a message, in each window
    std::int64_t dead_rows = 0;  // in all queues, at its end
    std::int64_t least_ahead = 0;
};

/// The mean of a third of the windows: 0 the first, 2 the last.
double third_of(const std::vector<double>& windows, std::size_t third) {
    const std::size_t length = std::max<std::size_t>(1, windows.size() / 3);
    const std::size_t from = third * (windows.size() - length) / 2;
    double sum = 0;
    for (std::size_t i = from; i < from + length; ++i) sum += windows[i];
    return sum / static_cast<double>(length);
}

void empty_tables(bench::System& system) {
    system.twilio().reset();
    system.db().exec(
        "TRUNCATE webhook_events, webhook_queue, messages_in, messages_out, outbox_queue, "
        "outbox_leases, outbox_scopes, delivery_events, event_log, instances");
    system.db().exec("CHECKPOINT");
}

Run run(bench::System& system, const Flow& flow, bool is_held) {
    const std::chrono::seconds length{bench::setting("HORIZON_SECONDS", 120)};
    const std::int64_t ahead = bench::setting("HORIZON_AHEAD", 5000);
    empty_tables(system);
    const auto snapshot =
        is_held ? std::optional<HeldSnapshot>{std::in_place, system} : std::nullopt;
    const std::int64_t before = flow.done();
    std::int64_t given = 0;
    for (; given < ahead; given += kPart) flow.give(given, given + kPart);
    system.serve({{"PGCOURIER_ROLES", flow.role}, {"LOG_LEVEL", "warn"}});

    const auto used = [&] {
        return bench::cpu_seconds(system.pid()) + bench::cpu_seconds(test::test_server().pid());
    };
    Run run{.least_ahead = ahead};
    // In a short form often enough that less than half of it is left at the end.
    std::optional<Vacuuming> vacuuming{std::in_place, system,
                                       std::min<std::chrono::milliseconds>(kVacuum, length / 4)};
    const Steady::time_point start = Steady::now();
    Steady::time_point window_start = start;
    std::int64_t window_done = flow.done() - before;
    double window_used = used();
    while (window_start - start < length) {
        const std::int64_t done = flow.done() - before;
        const Steady::time_point now = Steady::now();
        if (now - window_start >= kWindow) {
            const auto messages =
                static_cast<double>(std::max<std::int64_t>(done - window_done, 1));
            run.rates.push_back(messages / Seconds{now - window_start}.count());
            run.micros.push_back(1e6 * (used() - window_used) / messages);
            window_start = now;
            window_done = done;
            window_used = used();
        }
        run.least_ahead = std::min(run.least_ahead, given - done);
        if (given - done >= ahead) {
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
            continue;
        }
        flow.give(given, given + kPart);
        given += kPart;
    }
    run.dead_rows = system.db().count(
        fmt::format("SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE relname IN ('{}')",
                    fmt::join(kQueues, "', '")));
    vacuuming.reset();
    system.stop_serving();
    return run;
}

/// Says so where the work was not there when it was asked for.
void warn_if_starved(const Flow& flow, const Run& held, const Run& control) {
    const std::int64_t least = std::min(held.least_ahead, control.least_ahead);
    if (least < flow.at_once)
        std::fprintf(stderr,
                     "%s: once only %lld waited, less than the %lld that are claimed at once: what "
                     "gives them may have been the limit; see HORIZON_AHEAD\n",
                     flow.name.c_str(), static_cast<long long>(least),
                     static_cast<long long>(flow.at_once));
}

void keep_windows(bench::Report& report, const Flow& flow, const Run& run, const char* snapshot,
                  int pair) {
    for (std::size_t i = 0; i < run.rates.size(); ++i) {
        const bench::Labels labels{
            {"work", flow.name},
            {"snapshot", snapshot},
            {"pair", std::to_string(pair)},
            {"second", std::to_string((i + 1) * static_cast<std::size_t>(kWindow.count()))}};
        report.keep("window", run.rates[i], "/s", labels);
        report.keep("window", run.micros[i], "µs", labels);
    }
}

void compare(bench::Report& report, bench::System& system, const Flow& flow) {
    std::vector<double> without;
    std::vector<double> with;
    std::vector<double> shares_at_first;
    std::vector<double> shares_at_last;
    std::vector<double> micros_without;
    std::vector<double> micros_with;
    std::vector<double> dead_without;
    std::vector<double> dead_with;
    double least_ahead = 0;
    const auto pairs = static_cast<int>(bench::setting("HORIZON_PAIRS", 5));
    for (int pair = 1; pair <= pairs; ++pair) {
        const bool is_held_first = pair % 2 == 0;
        const Run first = run(system, flow, is_held_first);
        const Run second = run(system, flow, !is_held_first);
        const Run& held = is_held_first ? first : second;
        const Run& control = is_held_first ? second : first;
        warn_if_starved(flow, held, control);
        keep_windows(report, flow, control, "none", pair);
        keep_windows(report, flow, held, "held", pair);
        without.push_back(third_of(control.rates, 2));
        with.push_back(third_of(held.rates, 2));
        shares_at_first.push_back(100 * third_of(held.rates, 0) / third_of(control.rates, 0));
        shares_at_last.push_back(100 * with.back() / without.back());
        micros_without.push_back(third_of(control.micros, 2));
        micros_with.push_back(third_of(held.micros, 2));
        dead_without.push_back(static_cast<double>(control.dead_rows));
        dead_with.push_back(static_cast<double>(held.dead_rows));
        const auto least = static_cast<double>(std::min(held.least_ahead, control.least_ahead));
        least_ahead = pair == 1 ? least : std::min(least_ahead, least);
    }
    const auto labels = [&](const char* kind) {
        return bench::Labels{{"work", flow.name}, {"kind", kind}};
    };
    report.median(flow.name + ", last third, no snapshot", without, "/s", labels("none"));
    report.median(flow.name + ", last third, a snapshot held open", with, "/s", labels("held"));
    report.median("  share (at least 90)", shares_at_last, "%", labels("share"));
    report.median("  share in the first third", shares_at_first, "%", labels("share at first"));
    report.figure("  points lost from the first third to the last (at most 5)",
                  bench::median(shares_at_first) - bench::median(shares_at_last), "%");
    report.median("  processors' time a message, last third, no snapshot", micros_without, "µs");
    report.median("  processors' time a message, last third, held", micros_with, "µs");
    report.median("  dead rows in the queues at the end, no snapshot", dead_without, "");
    report.median("  dead rows in the queues at the end, held", dead_with, "");
    // With as many on both sides no difference would say anything.
    report.figure("  of these without one (at most 50)",
                  100 * bench::median(dead_without) / bench::median(dead_with), "%");
    report.figure(
        fmt::format("  the fewest that ever waited, {} are claimed at once", flow.at_once),
        least_ahead, "");
}

bool is_wanted(const std::string& work) {
    const std::string only = bench::words("HORIZON_ONLY", "");
    return only.empty() || work == only;
}

}  // namespace

int main() {
    // Its autovacuum comes seldom; the queues have a VACUUM of their own.
    bench::use_settled_server();
    bench::System system{kTenants, {.progress = {.callbacks = false}, .keep = 1000}};
    bench::recycle_wal(system.db());
    pg::Connection writer = bench::patient(system.db());
    const Flow routing{
        .name = "routing",
        .role = "router",
        .at_once = 2 * 500,  // ROUTER_THREADS, ROUTER_BATCH_SIZE
        .give = [&](std::int64_t first,
                    std::int64_t end) { bench::store_webhooks(writer, first, end, kTenants); },
        // A sequence costs nothing to look at.
        .done = [&] { return system.db().count("SELECT last_value FROM messages_in_seq_seq"); }};
    const Flow sending{
        .name = "sending",
        .role = "sender",
        .at_once = 100,  // OUTBOX_BATCH_SIZE
        .give =
            [&](std::int64_t first, std::int64_t end) {
                writer.exec_script(
                    fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, "
                                "'+336' || lpad(i::text, 8, '0'), 'Bonjour ' || i FROM "
                                "generate_series({}, {}) AS i JOIN (SELECT id, row_number() OVER "
                                "(ORDER BY id) - 1 AS n FROM tenants) AS t ON t.n = i % {}",
                                first, end - 1, kTenants)
                        .c_str());
            },
        .done = [&] { return static_cast<std::int64_t>(system.twilio().ledger().accepted()); }};
    bench::Report report{"horizon"};
    if (is_wanted("route")) compare(report, system, routing);
    if (is_wanted("send")) compare(report, system, sending);
    return report.exit_status();
}
