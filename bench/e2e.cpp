// Everything at once, at half of what goes through at most: webhooks come and are routed, a shop's
// messages are written and sent, their callbacks come back. E2E_SECONDS (300) at a fixed rate, each
// webhook and each message at its time, after E2E_PEAK_SECONDS (20) as fast as it goes, which give
// that rate, and a quarter as long before them to warm up. How long each step takes, the service's
// memory, and the tables whose rows die, half way and at the end.
#include "harness/load.hpp"
#include "harness/open_load.hpp"
#include "harness/process_use.hpp"
#include "harness/rounds.hpp"
#include "harness/routed.hpp"
#include "harness/steady_writers.hpp"
#include "harness/system.hpp"
#include "harness/table_sizes.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <thread>

namespace {

using namespace pgcourier;
using Steady = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kPart = 500;       // messages each way, between two looks at the peak
constexpr std::size_t kUnderWay = 1000;  // each way, at most, before the next part
constexpr std::size_t kConnections = 64;
constexpr double kMostTableGrowth = 1.5;  // in the second half
constexpr std::chrono::minutes kPatience{3};

// Their rows come and go: their size must not depend on how long it lasts.
const std::vector<std::string> kQueues{"webhook_queue", "outbox_queue", "outbox_leases",
                                       "outbox_scopes"};
// These keep a row for each message, or its outcome.
const std::vector<std::string> kRecords{"messages_in", "messages_out", "delivery_events",
                                        "webhook_events", "event_log"};

struct Moment {
    double memory_mib = 0;
    std::map<std::string, bench::TableSize> queues;
    std::map<std::string, bench::TableSize> records;
};

Moment look(const bench::System& system) {
    return {.memory_mib = bench::process_use(system.pid()).memory_mib,
            .queues = bench::table_sizes(system.db(), kQueues),
            .records = bench::table_sizes(system.db(), kRecords)};
}

bool is_nothing_left(const bench::System& system) {
    return system.db().query_value(
               "SELECT NOT EXISTS (SELECT FROM webhook_queue) AND NOT EXISTS (SELECT FROM "
               "outbox_queue) AND NOT EXISTS (SELECT FROM outbox_leases) AND NOT EXISTS (SELECT "
               "FROM delivery_events WHERE settled_at IS NULL) AND NOT EXISTS (SELECT FROM "
               "messages_out WHERE delivery_status IS DISTINCT FROM 'delivered')") == "t";
}

void wait_until_done(const bench::System& system) {
    if (!test::eventually([&] { return is_nothing_left(system); }, kPatience))
        throw std::runtime_error{"not all messages and callbacks were dealt with"};
}

/// As many in as out, each side by itself, as fast as all of it goes: the next part begins when
/// little of the last ones is left, and is posted while it is written.
class Flood {
  public:
    explicit Flood(bench::System& system) : system_{system} {}

    void run(std::chrono::seconds length) {
        const Steady::time_point start = Steady::now();
        while (Steady::now() - start < length) {
            auto posted = std::async(std::launch::async, [&] {
                return bench::run_load(system_.port(), system_.webhooks(count_, kPart),
                                       kConnections);
            });
            system_.db().exec(fmt::format(
                "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || "
                "lpad(i::text, 8, '0'), 'Bonjour ' || i FROM (SELECT id, row_number() OVER () - 1 "
                "AS n FROM tenants) AS t JOIN generate_series({}, {}) AS i ON i % 100 = t.n",
                count_, count_ + kPart - 1));
            if (posted.get().not_200 > 0)
                throw std::runtime_error{"a webhook was not answered 200"};
            count_ += kPart;
            wait_for_all_but(kUnderWay);
        }
        wait_for_all_but(0);
    }
    std::uint64_t count() const { return count_; }  // each way, so far

  private:
    /// Routed, and called for: of what is cheap to look at.
    void wait_for_all_but(std::size_t few) const {
        const bool goes_on = test::eventually(
            [&] {
                return system_.twilio().ledger().accepted() + few >= count_ &&
                       system_.db().count("SELECT last_value FROM messages_in_seq_seq") +
                               static_cast<std::int64_t>(few) >=
                           static_cast<std::int64_t>(count_);
            },
            kPatience);
        if (!goes_on) throw std::runtime_error{"the messages are not dealt with"};
    }

    bench::System& system_;
    std::uint64_t count_ = 0;
};

/// Warmed up before, for a quarter of the time.
///
/// count    of webhooks; those of the peak are the first
/// returns  messages each way a second, until all are routed and called for; callbacks still come
double find_peak(bench::System& system, std::uint64_t& count) {
    const std::chrono::seconds length{bench::setting("E2E_PEAK_SECONDS", 20)};
    Flood flood{system};
    flood.run(length / 4);
    const std::uint64_t before = flood.count();
    const Steady::time_point start = Steady::now();
    flood.run(length);
    const Seconds took = Steady::now() - start;
    count = flood.count();
    wait_until_done(system);
    return static_cast<double>(count - before) / took.count();
}

void report_sizes(bench::Report& report, const std::string& table, const bench::TableSize& half,
                  const bench::TableSize& end) {
    report.figure(table + ", dead rows half way", half.dead_rows, "");
    report.figure("  at the end", end.dead_rows, "");
    report.figure(table + " and its indexes, half way", half.mib(), "MiB");
    report.figure("  at the end", end.mib(), "MiB");
    report.keep(table, half.table_mib, "MiB", {{"part", "table"}, {"moment", "half"}});
    report.keep(table, half.indexes_mib, "MiB", {{"part", "indexes"}, {"moment", "half"}});
    report.keep(table, end.table_mib, "MiB", {{"part", "table"}, {"moment", "end"}});
    report.keep(table, end.indexes_mib, "MiB", {{"part", "indexes"}, {"moment", "end"}});
}

void report_percentiles(bench::Report& report, const std::string& what,
                        const std::vector<double>& values) {
    report.figure(what + ", median", bench::percentile(values, 0.5), "ms");
    report.figure("  p99", bench::percentile(values, 0.99), "ms");
    report.figure("  longest", bench::percentile(values, 1), "ms");
}

}  // namespace

int main() {
    bench::keep_commit_times();
    // Enough for what the simulator takes and posts between two looks at its ledger.
    bench::System system{100, {.keep = 50'000}};
    system.serve({{"TWILIO_STATUS_CALLBACK", "on"}, {"LOG_LEVEL", "warn"}});
    std::uint64_t first = 0;
    const double peak = find_peak(system, first);

    const double rate = peak / 2;
    const Seconds length{static_cast<double>(bench::setting("E2E_SECONDS", 300))};
    const auto count = static_cast<std::size_t>(rate * length.count());
    bench::SteadyWriters writers{system, rate, count};
    auto generator = std::async(std::launch::async, [&] {
        std::vector<std::string> next;
        return bench::run_open_load({.ports = {system.port()},
                                     .rate = rate,
                                     .count = count,
                                     .request = [&](std::size_t n) -> std::string_view {
                                         next = system.webhooks(first + n, 1);
                                         return next.front();
                                     },
                                     .connections = kConnections});
    });
    std::this_thread::sleep_for(length / 2);
    Moment half = look(system);
    const bench::OpenResult load = generator.get();
    Moment end = look(system);
    writers.wait();
    wait_until_done(system);
    const bench::Routed routed = bench::routed(system.db(), load, first);

    bench::Report report{"e2e"};
    report.figure("messages each way, as fast as it goes", peak, "/s");
    report.figure("messages each way, at half of that", load.load.rate(), "/s");
    report.figure("from when a webhook was due to its 200, median", load.load.percentile(0.5),
                  "ms");
    report.figure("  p99", load.load.percentile(0.99), "ms");
    report.figure("  longest", load.load.percentile(1), "ms");
    report_percentiles(
        report, "from when a webhook was due to the routing commit's record, before its flush",
        routed.to_row_ms);
    report_percentiles(report, "from when a message was to be written to its call",
                       writers.to_call_ms());
    report.figure("webhooks that were not answered 200 (at most 0)",
                  static_cast<double>(load.load.not_200), "");
    report.figure("webhooks that were not routed (at most 0)", static_cast<double>(routed.missing),
                  "");
    report.figure("messages that were not sent (at most 0)", static_cast<double>(writers.missing()),
                  "");
    report.figure("messages that were sent twice (at most 0)",
                  static_cast<double>(writers.called_twice()), "");
    report.figure("memory of the service, half way", half.memory_mib, "MiB");
    report.figure("  at the end (at most 128)", end.memory_mib, "MiB");
    report.figure("  more than half way (at most 5)", 100 * (end.memory_mib / half.memory_mib - 1),
                  "%");
    double queues_half = 0;
    double queues_end = 0;
    for (const std::string& table : kQueues) {
        report_sizes(report, table, half.queues[table], end.queues[table]);
        queues_half += half.queues[table].mib();
        queues_end += end.queues[table].mib();
        report.figure("  at the end, beyond one and a half times that (at most 1)",
                      end.queues[table].mib() - kMostTableGrowth * half.queues[table].mib(), "MiB");
    }
    report.figure("all queues and their indexes, more than half way",
                  100 * (queues_end / queues_half - 1), "%");
    for (const std::string& table : kRecords)
        report_sizes(report, table, half.records[table], end.records[table]);
    return report.exit_status();
}
