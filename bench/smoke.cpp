// Whether the program still comes as near to what PostgreSQL can do as it did: claims without work
// and routing, by one worker, each in turns with the same in SQL alone. What is compared is the
// processors' time of both, PostgreSQL's with it: time on the clock says more about the disk and
// the neighbours. What pgbench takes to start, and for its first transactions, is subtracted. The
// ratio may not fall by more than a third below the one in bench/smoke.txt.
// Run by `make bench-smoke` and `make check`.
#include "harness/backlog.hpp"
#include "harness/cpu_time.hpp"
#include "harness/crew.hpp"
#include "harness/pgbench.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <sys/resource.h>

namespace {

using namespace pgcourier;

constexpr const char* kRecorded = "bench/smoke.txt";
constexpr double kFloor = 2.0 / 3;
constexpr int kTenants = 20;
constexpr int kBatch = 500;
constexpr int kRounds = 5;
constexpr std::int64_t kStart = bench::kWarm + 1;  // transactions; for a rate it must be one more
constexpr std::int64_t kClaims = 80'000;

/// Lines of a name and a ratio; what begins with # is for people.
std::map<std::string, double> recorded() {
    std::ifstream file{kRecorded};
    std::map<std::string, double> ratios;
    for (std::string line; std::getline(file, line);) {
        const std::size_t space = line.find(' ');
        if (line.starts_with('#') || space == std::string::npos) continue;
        ratios[line.substr(0, space)] = std::stod(line.substr(space));
    }
    return ratios;
}

double seconds_of(int who) {
    rusage used{};
    getrusage(who, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// The processors' time that `work` takes in PostgreSQL and, `who`, here or in what it starts.
double cost(int who, const std::function<void()>& work) {
    const auto spent = [&] {
        return bench::cpu_seconds(test::test_server().pid()) + seconds_of(who);
    };
    const double before = spent();
    work();
    return spent() - before;
}

void expect_done(const test::TestDatabase& db, bench::Work work, std::int64_t events) {
    bench::expect_count(db, "SELECT count(*) FROM webhook_queue", 0);
    if (work == bench::Work::all)
        bench::expect_count(db, "SELECT count(*) FROM messages_in", events);
}

/// returns  the median of the rounds' ratios
double ratio(const test::TestDatabase& db, const std::string& script, bench::Work work,
             std::int64_t events) {
    // From where the last one ended: one of the scripts knows its events by their numbers.
    const auto alone = [&](std::int64_t done, std::int64_t transactions) {
        const bench::Drain drain{.script = "bench/limits/" + script + ".sql",
                                 .variables = {{"batch", kBatch}, {"mark", done * kBatch}},
                                 .options = bench::kRouterPlans,
                                 .clients = 1,
                                 .transactions = transactions};
        return cost(RUSAGE_CHILDREN, [&] { bench::run_drain(db, drain); });
    };
    const std::int64_t batches = events / kBatch;
    std::vector<double> ratios;
    for (int round = 0; round < kRounds; ++round) {
        db.exec("TRUNCATE webhook_queue");
        double ours = 0;
        {
            bench::Crew crew{db, 1, kBatch, work};
            bench::queue_events(db, events);
            ours = cost(RUSAGE_SELF, [&] { crew.rate(events); });
        }
        expect_done(db, work, events);
        bench::queue_events(db, events);
        const double start = alone(0, kStart);
        const double whole = alone(kStart, batches - kStart);
        expect_done(db, work, events);
        const double each = (whole - start) / static_cast<double>(batches - 2 * kStart);
        ratios.push_back(each * static_cast<double>(batches) / ours);
    }
    return bench::median(ratios);
}

}  // namespace

int main() {
    const std::map<std::string, double> expected = recorded();
    const bench::System system{kTenants};
    bench::store_webhooks(system.db(), kClaims, kTenants);
    const std::map<std::string, double> found{
        {"claim", ratio(system.db(), "claim_in_turns", bench::Work::none, kClaims)},
        {"route", ratio(system.db(), "route", bench::Work::all, 15'000)},
    };
    bench::Report report{"smoke"};
    bool is_well = true;
    for (const auto& [name, value] : found) {
        if (!expected.contains(name))
            throw std::runtime_error{fmt::format("{} has no line for {}", kRecorded, name)};
        const double least = expected.at(name) * kFloor;
        report.figure(
            fmt::format("{}: processors' time of SQL alone ÷ ours (at least {:.2f})", name, least),
            value, "");
        if (value >= least) continue;
        is_well = false;
        std::printf(
            "%s has become slower: SQL alone takes %.2f of its processors' time, expected %.2f and "
            "at least %.2f.\nLook at what changed in src/router and sql/queries/router. If it must "
            "be so, "
            "write the new ratio into %s and say why.\n",
            name.c_str(), value, expected.at(name), least, kRecorded);
    }
    return is_well ? 0 : 1;
}
