// How fast events are claimed and completed when there is no work: the router's own workers, store
// and claim statement, with a decision that writes nothing. Threads by batch by backlog, each in
// turns with the same in SQL alone (limits/claim.sql, a client for each thread). Then beside a
// history of webhook_events, of what claims read the table that keeps its rows: a backlog of
// 200,000 behind CLAIM_HISTORY (10,000,000) events that were routed long ago, in turns with the
// same backlog and nothing else, in a database of its own.
#include "harness/backlog.hpp"
#include "harness/crew.hpp"
#include "harness/pgbench.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <tuple>

namespace {

using namespace pgcourier;

constexpr std::int64_t kClaims = 200'000;  // of a larger backlog, no more are claimed
constexpr const char* kBacklogs = "10000,200000,1000000,5000000";

/// CLAIM_BACKLOGS: numbers with commas between them.
std::vector<std::int64_t> backlogs() {
    std::istringstream list{bench::words("CLAIM_BACKLOGS", kBacklogs)};
    std::vector<std::int64_t> found;
    for (std::string word; std::getline(list, word, ',');) found.push_back(std::stoll(word));
    return found;
}

struct Case {
    std::int64_t backlog;
    std::int64_t batch;
    int threads;
    auto operator<=>(const Case&) const = default;

    std::int64_t claims() const { return std::min(backlog, kClaims); }
};

/// A queue that is short is filled and emptied three times.
///
/// returns  events a second
template <class Measure>
double repeated(const Case& of, Measure seconds_of) {
    double seconds = 0;
    std::int64_t claimed = 0;
    while (claimed < std::min(kClaims, 3 * of.backlog)) {
        seconds += seconds_of();
        claimed += of.claims();
    }
    return static_cast<double>(claimed) / seconds;
}

double ours(const test::TestDatabase& db, const Case& of) {
    return repeated(of, [&] {
        db.exec("TRUNCATE webhook_queue");
        bench::Crew crew{db, of.threads, static_cast<std::size_t>(of.batch), bench::Work::none};
        bench::queue_events(db, of.backlog);
        return static_cast<double>(of.claims()) / crew.rate(of.claims());
    });
}

double limit(const test::TestDatabase& db, const Case& of) {
    return repeated(of, [&] {
        bench::queue_events(db, of.backlog);
        const bench::Drained drained =
            bench::run_drain(db, {.script = "bench/limits/claim.sql",
                                  .variables = {{"batch", of.batch}, {"mark", 0}},
                                  .options = bench::kRouterPlans,
                                  .clients = of.threads,
                                  .transactions = of.claims() / of.batch});
        bench::expect_count(db, "SELECT count(*) FROM webhook_queue",
                            of.backlog - drained.transactions * of.batch);
        return static_cast<double>(of.claims()) / (drained.rate * static_cast<double>(of.batch));
    });
}

/// What claims take beside a history, in % of what they take without one: the median of the rounds.
void compare_history(bench::Report& report) {
    const std::int64_t history = bench::setting("CLAIM_HISTORY", 10'000'000);
    if (history == 0) return;
    const test::TestDatabase young;
    const test::TestDatabase old;
    for (const auto& [db, events] : {std::pair{&young, kClaims}, {&old, history + kClaims}}) {
        db->add_tenant("shop", bench::tenant_number(0));
        bench::store_small_events(*db, events, bench::tenant_number(0));
    }
    for (const int threads : {1, 2}) {
        const Case one{kClaims, 500, threads};
        std::vector<double> without;
        std::vector<double> with;
        // One takes less than a second, and turns differ by a tenth and more.
        for (int round = 0; round < 3 * bench::rounds(); ++round) {
            without.push_back(ours(young, one));
            with.push_back(ours(old, one));
        }
        report.median(fmt::format("batch 500, threads {}: without a history", threads), without,
                      "events/s");
        report.median(
            fmt::format("batch 500, threads {}: beside {} routed webhook_events (at least 90)",
                        threads, history),
            bench::shares(with, without), "%");
    }
}

}  // namespace

int main() {
    const bench::System system{100};
    const std::vector<std::int64_t> sizes = backlogs();
    bench::store_small_events(system.db(), *std::ranges::max_element(sizes),
                              bench::tenant_number(0));
    std::map<Case, std::pair<std::vector<double>, std::vector<double>>> rates;
    for (int round = 0; round < bench::rounds(); ++round) {
        for (const std::int64_t backlog : sizes) {
            for (const std::int64_t batch : {100, 500}) {
                for (const int threads : {1, 2}) {
                    const Case one{backlog, batch, threads};
                    rates[one].first.push_back(ours(system.db(), one));
                    rates[one].second.push_back(limit(system.db(), one));
                }
            }
        }
    }

    bench::Report report{"claim"};
    for (const auto& [one, measured] : rates) {
        const std::map<std::string, std::string> labels{{"backlog", std::to_string(one.backlog)},
                                                        {"batch", std::to_string(one.batch)},
                                                        {"threads", std::to_string(one.threads)}};
        const std::string name =
            fmt::format("waiting {}, batch {}, threads {}", one.backlog, one.batch, one.threads);
        const auto of = [&](const std::string& who) {
            auto all = labels;
            all["who"] = who;
            return all;
        };
        const double rate = bench::median(measured.first);
        report.median(name + ": pgcourier", measured.first, "events/s", of("pgcourier"));
        report.median(name + ": SQL alone", measured.second, "events/s", of("SQL alone"));
        report.figure(name + ": share of SQL", 100 * rate / bench::median(measured.second), "%",
                      of("share of SQL"));
        const auto fewer = rates.find({kClaims, one.batch, one.threads});
        if (one.backlog > kClaims && fewer != rates.end())
            report.median(fmt::format("{}: share of that with {} (at least 90)", name, kClaims),
                          bench::shares(measured.first, fewer->second.first), "%");
    }
    compare_history(report);
    return report.exit_status();
}
