// pgcourier beside what else its users could pick, on one durable PostgreSQL, each in turn, again
// and again: claims without work (against PostgreSQL alone, other queues on PostgreSQL, Redis),
// routing against the same in SQL alone, and webhooks against Node.
//
// Whoever has one worker is held against one thread of ours, whoever has two against two.
//
// Environment: BENCH_ROUNDS (3), PEERS_ONLY=claim|route|webhooks, PEERS_JOBS (100000), of which
// fast ones get several times as many, PEERS_WEBHOOKS (100000). Run by `make bench-peers`, which
// installs the peers.
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
constexpr const char* kOne = "pgcourier, 1 thread";
constexpr const char* kTwo = "pgcourier, 2 threads";

/// One of ours, and how many times a contestant's rate it should at least have; 0: nothing is aimed
/// at.
struct Against {
    std::string ours;
    double least = 0;
};

struct Contestant {
    std::string name;
    std::function<double()> rate;  // takes one measurement: a second
    std::vector<Against> against{};
    std::vector<double> rates{};
    bool has_failed = false;
};

/// The one group that is asked for; empty: all.
std::string only() {
    return bench::words("PEERS_ONLY", "");
}

/// returns  false when a contestant failed; what was measured before stays in the report
bool run_group(const std::string& group, const std::function<bool()>& run) {
    if (!only().empty() && only() != group) return true;
    try {
        return run();
    } catch (const std::exception& e) {
        std::printf("%s: %s\n", group.c_str(), e.what());
        return false;
    }
}

/// Once; one that fails is left out from then on, and the others go on.
void measure(const std::string& group, int round, Contestant& one) {
    if (one.has_failed) return;
    try {
        one.rates.push_back(one.rate());
        std::fprintf(stderr, "round %d, %s, %s: %.0f/s\n", round, group.c_str(), one.name.c_str(),
                     one.rates.back());
    } catch (const std::exception& e) {
        one.has_failed = true;
        std::fprintf(stderr, "round %d, %s, %s FAILED: %s\n", round, group.c_str(),
                     one.name.c_str(), e.what());
    }
}

/// Each once a round, and then each against those of ours that have as many workers.
///
/// returns  false when one failed
bool compare(bench::Report& report, const std::string& group,
             std::vector<Contestant>& contestants) {
    for (int round = 1; round <= bench::rounds(); ++round)
        for (Contestant& one : contestants) measure(group, round, one);
    for (const Contestant& one : contestants) {
        if (!one.rates.empty())
            report.median(fmt::format("{}: {}", group, one.name), one.rates, "/s",
                          {{"group", group}, {"who", one.name}});
    }
    for (const Contestant& one : contestants) {
        for (const auto& [ours, least] : one.against) {
            const auto our = std::ranges::find(contestants, ours, &Contestant::name);
            report.median(
                fmt::format("{}: {}, beside {}{}", group, ours, one.name,
                            least > 0 ? fmt::format(" (at least {})", least) : std::string{}),
                bench::ratios(our->rates, one.rates), "x",
                {{"group", group}, {"who", one.name}, {"kind", "ratio"}, {"ours", ours}});
        }
    }
    return std::ranges::none_of(contestants, &Contestant::has_failed);
}

/// The same rate again, for work of which the database has enough for one measurement.
double crew_rate(const TestDatabase& db, int threads, bench::Work work, std::int64_t events) {
    db.exec("TRUNCATE webhook_queue");
    bench::Crew crew{db, threads, kBatch, work};
    bench::queue_events(db, events);
    return crew.rate(events);
}

/// Nothing is left then, and what has to be routed is.
void expect_done(const TestDatabase& db, const std::string& script, std::int64_t events) {
    bench::expect_count(db, "SELECT count(*) FROM webhook_queue", 0);
    if (script == "route") bench::expect_count(db, "SELECT count(*) FROM messages_in", events);
}

double limit_rate(const TestDatabase& db, const std::string& script, int clients,
                  std::int64_t events) {
    bench::queue_events(db, events);
    const bench::Drained drained =
        bench::run_drain(db, {.script = "bench/limits/" + script + ".sql",
                              .variables = {{"batch", kBatch}, {"mark", 0}},
                              .options = bench::kRouterPlans,
                              .clients = clients,
                              .transactions = events / kBatch});
    expect_done(db, script, events);
    return drained.rate * kBatch;
}

double node_rate(const std::string& script, std::int64_t jobs, test::Variables variables = {}) {
    const TestDatabase db{TestDatabase::Content::empty};
    variables["DATABASE_URL"] = db.url().reveal();
    variables["JOBS"] = std::to_string(jobs);
    return bench::node_jobs_rate(script, variables);
}

/// A peer whose workers speak SQL.
struct SqlPeer {
    std::string fill;  // files of peers/: what fills it, and what a worker does for a batch
    std::string work;
    std::string left;  // how many batches or jobs are left: none at the end
};
const SqlPeer kPgq{"pgq", "pgq-read",
                   "SELECT count(*) FROM pgq.tick AS t JOIN pgq.subscription AS s ON s.sub_queue = "
                   "t.tick_queue WHERE t.tick_id > s.sub_last_tick"};
const SqlPeer kPgmq{"pgmq", "pgmq-read", "SELECT count(*) FROM pgmq.q_bench"};
const SqlPeer kPgmqPop{"pgmq", "pgmq-pop", kPgmq.left};

double sql_rate(const SqlPeer& peer, int batch, int clients, std::int64_t jobs) {
    const TestDatabase db{TestDatabase::Content::empty};
    bench::fill_with_psql(db, peer.fill + ".sql", jobs);
    const bench::Drained drained =
        bench::run_drain(db, {.script = "bench/peers/" + peer.work + ".sql",
                              .variables = {{"batch", batch}},
                              .clients = clients,
                              .transactions = jobs / batch});
    bench::expect_count(db, peer.left, 0);
    return drained.rate * batch;
}

bool claim(bench::Report& report, bench::Redis& redis) {
    const std::int64_t jobs = bench::setting("PEERS_JOBS", 100'000);
    // So that each is at work for two seconds and more.
    const std::int64_t many = 8 * jobs;
    const std::int64_t some = 2 * jobs;
    const TestDatabase db;
    db.add_tenant("Shop", bench::tenant_number(0));
    bench::store_small_events(db, many, bench::tenant_number(0));
    const test::Variables with_redis{{"REDIS_PORT", std::to_string(redis.port())}};
    std::vector<Contestant> contestants{
        {kTwo, [&] { return crew_rate(db, 2, bench::Work::none, many); }},
        {kOne, [&] { return crew_rate(db, 1, bench::Work::none, many); }},
        {"SQL alone, 2 clients", [&] { return limit_rate(db, "claim", 2, many); }, {{kTwo, 0.6}}},
        {"SQL alone, 1 client", [&] { return limit_rate(db, "claim", 1, many); }, {{kOne, 0.6}}},
        // Its batches are one consumer's by nature.
        {"PgQ, batches of 500",
         [&] { return sql_rate(kPgq, 500, 1, many); },
         {{kOne, 1}, {kTwo, 1}}},
        {"pgmq, 500 at once", [&] { return sql_rate(kPgmq, 500, 1, some); }, {{kOne, 2}}},
        {"pgmq, 500 at once, 2 clients",
         [&] { return sql_rate(kPgmq, 500, 2, some); },
         {{kTwo, 2}}},
        {"pgmq, 100 at once, 2 clients",
         [&] { return sql_rate(kPgmq, 100, 2, some); },
         {{kTwo, 2}}},
        {"pgmq, pop of 500, 2 clients",
         [&] { return sql_rate(kPgmqPop, 500, 2, some); },
         {{kTwo, 2}}},
        {"graphile-worker, tuned",
         [&] { return node_rate("graphile-worker", jobs); },
         {{kOne, 3.5}}},
        {"graphile-worker, tuned, 2 processes",
         [&] {
             return node_rate("graphile-worker", some, {{"PROCESSES", "2"}});
         },
         {{kTwo, 3.5}}},
        {"pg-boss, batches of 1000, 2 workers",
         [&] { return node_rate("pg-boss", jobs); },
         {{kTwo, 6}}},
        {"BullMQ on Redis, 100 at once",
         [&] { return node_rate("bullmq", jobs, with_redis); },
         {{kOne}}},
        {"graphile-worker, defaults, 24 at once",
         [&] {
             return node_rate("graphile-worker", jobs / 10, {{"DEFAULTS", "1"}});
         },
         {{kOne}}},
    };
    return compare(report, "claim", contestants);
}

bool route(bench::Report& report) {
    const std::int64_t jobs = bench::setting("PEERS_JOBS", 100'000);
    const bench::System system{kTenants};
    const TestDatabase& db = system.db();
    bench::store_webhooks(db, jobs, kTenants);
    const auto ours = [&](int threads) {
        const double rate = crew_rate(db, threads, bench::Work::all, jobs);
        expect_done(db, "route", jobs);
        return rate;
    };
    std::vector<Contestant> contestants{
        {kTwo, [&] { return ours(2); }},
        {"SQL alone, 2 clients", [&] { return limit_rate(db, "route", 2, jobs); }, {{kTwo, 0.8}}},
        {kOne, [&] { return ours(1); }},
        {"SQL alone, 1 client", [&] { return limit_rate(db, "route", 1, jobs); }, {{kOne, 0.8}}},
    };
    return compare(report, "route", contestants);
}

/// Webhooks by 64 connections, each of which sends its next when the last one was answered.
class Webhooks {
  public:
    explicit Webhooks(bench::Redis& redis) : redis_{redis} {}

    double ours() {
        system_.db().exec("TRUNCATE webhook_events, webhook_queue; DELETE FROM instances");
        // Ends also when something fails: the port is everybody's.
        const struct Served {
            bench::System& system;
            ~Served() { system.stop_serving(); }
        } served{system_};
        system_.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "warn"}});
        return load(kOurs, 1);
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
                const bool is_aim = name == kOurs && share == 0.99;
                const std::string title = fmt::format("webhooks: {}, p{:g}{}", name, 100 * share,
                                                      is_aim ? " (at most 10)" : "");
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

    static constexpr const char* kOurs = "pgcourier";

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

bool webhooks(bench::Report& report, bench::Redis& redis) {
    Webhooks run{redis};
    const std::string ours = Webhooks::kOurs;
    const auto node = [&](std::string name, std::string mode, std::size_t part, double least = 0) {
        return Contestant{name, [=, &run] { return run.node(name, mode, part); }, {{ours, least}}};
    };
    std::vector<Contestant> contestants{
        {ours, [&run] { return run.ours(); }},
        node("Node, group commit", "group", 1, 2.5),
        node("Node, INSERT", "insert", 2),
        node("Node, INSERT + NOTIFY", "notify", 4),
        node("the predecessor's path", "predecessor", 8, 25),
    };
    const bool is_well = compare(report, "webhooks", contestants);
    run.report_latencies(report);
    return is_well;
}

}  // namespace

int main() {
    test::use_durable_server();
    test::use_server_on_disk();
    bench::Redis redis;
    // Charts are drawn of whole runs only.
    bench::Report report{only().empty() ? "peers" : "peers-" + only()};
    bool is_well = run_group("claim", [&] { return claim(report, redis); });
    is_well = run_group("route", [&] { return route(report); }) && is_well;
    is_well = run_group("webhooks", [&] { return webhooks(report, redis); }) && is_well;
    const int status = report.exit_status();
    return is_well ? status : 1;
}
