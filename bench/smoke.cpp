// Whether the program still comes as near to what PostgreSQL can do as it did: claims without work
// and routing, by one worker, each in turns with the same in SQL alone. Both meet the same disk and
// the same neighbours, so that only their ratio is judged: it may not fall by more than a third
// below the one in bench/smoke.txt. Run by `make bench-smoke`.
#include "harness/backlog.hpp"
#include "harness/crew.hpp"
#include "harness/pgbench.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <stdexcept>

namespace {

using namespace pgcourier;

constexpr const char* kRecorded = "bench/smoke.txt";
constexpr double kFloor = 2.0 / 3;
constexpr int kTenants = 20;
constexpr int kBatch = 500;
constexpr int kRounds = 5;

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

/// returns  the median of the rounds' ratios
double ratio(const test::TestDatabase& db, const std::string& script, bench::Work work,
             std::int64_t events) {
    std::vector<double> ratios;
    for (int round = 0; round < kRounds; ++round) {
        db.exec("TRUNCATE webhook_queue");
        double ours = 0;
        {
            bench::Crew crew{db, 1, kBatch, work};
            bench::queue_events(db, events);
            ours = crew.rate(events);
        }
        bench::queue_events(db, events);
        const double seconds = bench::run_drain(db, {.script = "bench/limits/" + script + ".sql",
                                                     .variables = {{"batch", kBatch}, {"mark", 0}},
                                                     .options = bench::kRouterPlans,
                                                     .transactions = events / kBatch});
        ratios.push_back(ours * seconds / static_cast<double>(events));
    }
    return bench::median(ratios);
}

}  // namespace

int main() {
    const std::map<std::string, double> expected = recorded();
    const bench::System system{kTenants};
    bench::store_webhooks(system.db(), 40'000, kTenants);
    const std::map<std::string, double> found{
        {"claim", ratio(system.db(), "claim_in_turns", bench::Work::none, 40'000)},
        {"route", ratio(system.db(), "route", bench::Work::all, 15'000)},
    };
    bench::Report report{"smoke"};
    bool is_well = true;
    for (const auto& [name, value] : found) {
        if (!expected.contains(name))
            throw std::runtime_error{fmt::format("{} has no line for {}", kRecorded, name)};
        const double least = expected.at(name) * kFloor;
        report.figure(
            fmt::format("{}, share of the same in SQL alone (at least {:.2f})", name, least), value,
            "");
        if (value >= least) continue;
        is_well = false;
        std::printf(
            "%s has become slower: found %.2f of what SQL alone does, expected %.2f and at least "
            "%.2f.\nLook at what changed in src/router and sql/queries/router. If it must be so, "
            "write the new ratio into %s and say why.\n",
            name.c_str(), value, expected.at(name), least, kRecorded);
    }
    return is_well ? 0 : 1;
}
