// pgcourier beside what else its users could pick, on one durable PostgreSQL, each in turn, again
// and again: claims without work (against PostgreSQL alone, other queues on PostgreSQL, Redis),
// routing against the same in SQL alone, and webhooks against Node.
//
// Environment: BENCH_ROUNDS (3), PEERS_ONLY=claim|route|webhooks, PEERS_JOBS (100000),
// PEERS_WEBHOOKS (100000). Run by `make bench-peers`, which installs the peers.
#include "harness/backlog.hpp"
#include "harness/crew.hpp"
#include "harness/load.hpp"
#include "harness/peer.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>

namespace {

using namespace pgcourier;
using test::TestDatabase;

constexpr int kTenants = 100;
constexpr int kBatch = 500;

struct Contestant {
    std::string name;
    std::function<double()> rate;  // takes one measurement: a second
    std::vector<double> rates{};
};

/// The one group that is asked for; empty: all.
std::string only() {
    const char* group = std::getenv("PEERS_ONLY");
    return group == nullptr ? "" : group;
}

/// returns  false when a contestant failed; what was measured before stays in the report
bool run_group(const std::string& group, const std::function<void()>& run) {
    if (!only().empty() && only() != group) return true;
    try {
        run();
        return true;
    } catch (const std::exception& e) {
        std::printf("%s: %s\n", group.c_str(), e.what());
        return false;
    }
}

/// Each once a round. `ours` is what the others are held against.
void compare(bench::Report& report, const std::string& group, const std::string& ours,
             std::vector<Contestant>& contestants) {
    for (int round = 1; round <= bench::rounds(); ++round) {
        for (Contestant& one : contestants) {
            one.rates.push_back(one.rate());
            std::fprintf(stderr, "round %d, %s, %s: %.0f/s\n", round, group.c_str(),
                         one.name.c_str(), one.rates.back());
        }
    }
    double reference = 0;
    for (const Contestant& one : contestants)
        if (one.name == ours) reference = bench::median(one.rates);
    for (const Contestant& one : contestants) {
        report.median(fmt::format("{}: {}", group, one.name), one.rates, "/s",
                      {{"group", group}, {"who", one.name}});
        if (one.name == ours) continue;
        report.figure(fmt::format("  {}, times", ours), reference / bench::median(one.rates), "x",
                      {{"group", group}, {"who", one.name}, {"kind", "ratio"}});
    }
}

/// The same rate again, for work of which the database has enough for one measurement.
double crew_rate(const TestDatabase& db, int threads, bench::Work work, std::int64_t events) {
    db.exec("TRUNCATE webhook_queue");
    bench::Crew crew{db, threads, kBatch, work};
    bench::queue_events(db, events);
    return crew.rate(events);
}

double limit_rate(const TestDatabase& db, const std::string& script, int clients,
                  std::int64_t events) {
    bench::queue_events(db, events);
    return static_cast<double>(events) /
           bench::run_drain(db, {.script = "bench/limits/" + script + ".sql",
                                 .variables = {{"batch", kBatch}, {"mark", 0}},
                                 .options = bench::kRouterPlans,
                                 .clients = clients,
                                 .transactions = events / kBatch});
}

double node_rate(const std::string& script, std::int64_t jobs, test::Variables variables = {}) {
    const TestDatabase db{TestDatabase::Content::empty};
    variables["DATABASE_URL"] = db.url().reveal();
    variables["JOBS"] = std::to_string(jobs);
    return bench::node_jobs_rate(script, variables);
}

/// A peer whose workers speak SQL: one file fills it, the other is what a worker does for a batch.
double sql_rate(const std::string& name, int batch, int clients, std::int64_t jobs) {
    const TestDatabase db{TestDatabase::Content::empty};
    bench::fill_with_psql(db, name + ".sql", jobs);
    return static_cast<double>(jobs) /
           bench::run_drain(db, {.script = "bench/peers/" + name + "-read.sql",
                                 .variables = {{"batch", batch}},
                                 .clients = clients,
                                 .transactions = jobs / batch});
}

void claim(bench::Report& report, bench::Redis& redis) {
    const std::int64_t jobs = bench::setting("PEERS_JOBS", 100'000);
    const TestDatabase db;
    db.add_tenant("Shop", bench::tenant_number(0));
    bench::store_small_events(db, jobs, bench::tenant_number(0));
    const test::Variables with_redis{{"REDIS_PORT", std::to_string(redis.port())}};
    std::vector<Contestant> contestants{
        {"pgcourier, 2 threads", [&] { return crew_rate(db, 2, bench::Work::none, jobs); }},
        {"pgcourier, 1 thread", [&] { return crew_rate(db, 1, bench::Work::none, jobs); }},
        {"SQL alone, 2 clients", [&] { return limit_rate(db, "claim", 2, jobs); }},
        {"SQL alone, 1 client", [&] { return limit_rate(db, "claim", 1, jobs); }},
        {"PgQ, batches of 500", [&] { return sql_rate("pgq", 500, 1, jobs); }},
        {"pgmq, 500 at once", [&] { return sql_rate("pgmq", 500, 1, jobs); }},
        {"pgmq, 100 at once, 2 clients", [&] { return sql_rate("pgmq", 100, 2, jobs); }},
        {"graphile-worker, tuned", [&] { return node_rate("graphile-worker", jobs); }},
        {"pg-boss, batches of 1000, 2 workers", [&] { return node_rate("pg-boss", jobs); }},
        {"BullMQ on Redis, 100 at once", [&] { return node_rate("bullmq", jobs, with_redis); }},
        {"graphile-worker, defaults, 24 at once",
         [&] {
             return node_rate("graphile-worker", jobs / 10, {{"DEFAULTS", "1"}});
         }},
    };
    compare(report, "claim", contestants.front().name, contestants);
}

void route(bench::Report& report) {
    const std::int64_t jobs = bench::setting("PEERS_JOBS", 100'000);
    const bench::System system{kTenants};
    const TestDatabase& db = system.db();
    bench::store_webhooks(db, jobs, kTenants);
    std::vector<Contestant> contestants{
        {"pgcourier, 2 threads", [&] { return crew_rate(db, 2, bench::Work::all, jobs); }},
        {"SQL alone, 2 clients", [&] { return limit_rate(db, "route", 2, jobs); }},
        {"pgcourier, 1 thread", [&] { return crew_rate(db, 1, bench::Work::all, jobs); }},
        {"SQL alone, 1 client", [&] { return limit_rate(db, "route", 1, jobs); }},
    };
    compare(report, "route", contestants.front().name, contestants);
}

/// Webhooks by 64 connections, each of which sends its next when the last one was answered.
class Webhooks {
  public:
    explicit Webhooks(bench::Redis& redis) : redis_{redis} {}

    double ours() {
        system_.db().exec("TRUNCATE webhook_events, webhook_queue; DELETE FROM instances");
        system_.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}});
        const double rate = load("pgcourier", 1);
        system_.stop_serving();
        return rate;
    }
    /// part  a slower one gets the requests divided by this
    double node(const std::string& name, const std::string& mode, std::size_t part) {
        const TestDatabase db{TestDatabase::Content::empty};
        test::Variables variables = system_.variables();
        variables["DATABASE_URL"] = db.url().reveal();
        variables["REDIS_PORT"] = std::to_string(redis_.port());
        const auto process = bench::start_node("webhooks", {mode}, variables);
        if (!process->wait_for_output("listening"))
            throw std::runtime_error{name + ": " + process->output()};
        return load(name, part);
    }

    /// How long the requests of all rounds took.
    void report_latencies(bench::Report& report) const {
        for (const auto& [name, latencies] : latencies_) {
            for (const double share : {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999}) {
                const std::string title = fmt::format("webhooks: {}, p{:g}", name, 100 * share);
                const double value = bench::percentile(latencies, share);
                const bench::Labels labels{{"group", "webhooks"},
                                           {"who", name},
                                           {"kind", "latency"},
                                           {"share", fmt::format("{}", share)}};
                if (share == 0.5 || share == 0.99)
                    report.figure(title, value, "ms", labels);
                else
                    report.keep(title, value, "ms", labels);
            }
        }
    }

  private:
    double load(const std::string& name, std::size_t part) {
        constexpr std::size_t kConnections = 64;
        constexpr std::size_t kWarm = 2000;
        const auto all = static_cast<std::size_t>(bench::setting("PEERS_WEBHOOKS", 100'000));
        bench::run_load(system_.port(), system_.webhooks(0, kWarm), kConnections);
        const bench::LoadResult result =
            bench::run_load(system_.port(), system_.webhooks(kWarm, all / part), kConnections);
        if (result.not_200 > 0)
            throw std::runtime_error{
                fmt::format("{}: {} answers were not 200", name, result.not_200)};
        std::ranges::copy(result.latencies_ms, std::back_inserter(latencies_[name]));
        return result.rate();
    }

    bench::Redis& redis_;
    bench::System system_{kTenants};
    std::map<std::string, std::vector<double>> latencies_;
};

void webhooks(bench::Report& report, bench::Redis& redis) {
    Webhooks run{redis};
    const auto node = [&run](std::string name, std::string mode, std::size_t part) {
        return Contestant{name, [=, &run] { return run.node(name, mode, part); }};
    };
    std::vector<Contestant> contestants{
        {"pgcourier", [&run] { return run.ours(); }},
        node("Node, group commit", "group", 1),
        node("Node, INSERT", "insert", 2),
        node("Node, INSERT + NOTIFY", "notify", 4),
        node("the predecessor's path", "predecessor", 8),
    };
    compare(report, "webhooks", "pgcourier", contestants);
    run.report_latencies(report);
}

}  // namespace

int main() {
    test::use_durable_server();
    test::use_server_on_disk();
    bench::Redis redis;
    // Charts are drawn of whole runs only.
    bench::Report report{only().empty() ? "peers" : "peers-" + only()};
    bool is_well = run_group("claim", [&] { claim(report, redis); });
    is_well = run_group("route", [&] { route(report); }) && is_well;
    is_well = run_group("webhooks", [&] { webhooks(report, redis); }) && is_well;
    return is_well ? 0 : 1;
}
