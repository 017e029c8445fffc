// sql_mutations BUILD_DIR LIST: takes each condition, each lock and each ON CONFLICT DO NOTHING out
// of the statements on the way of a message, one at a time, and runs the suites that use the
// statement until a case fails. One that no case misses is a hole in the tests, unless LIST says
// why nobody can miss it.
//
// LIST is a file: the name of a mutant a line (`outbox.sweep ended: l.expires_at <= …`), and below
// it, indented, why the statement does the same without it.
//
// Of the environment it takes
// - ONLY: words; those mutants alone that have them in their names
// - JOBS: how many suites run at the same time; 2
// - MUTATION_MINUTES: none is begun after that; 120
// - LIST_ONLY: set, it prints the names and runs nothing
//
// It returns 0 when all are killed or on the list; 1 when some survived, or were not run; 2 when it
// cannot run, or the list names one that is not there.
#include "base/clock.hpp"
#include "base/environment.hpp"
#include "mutations/mutants.hpp"
#include "mutations/suite.hpp"
#include "sql/all.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace pgcourier::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Those that run statements in their own process and take seconds; of each only what uses a
/// mutant's statement is run. What only a suite of half a minute misses wants a test of its own.
constexpr const char* kSuites[] = {
    "claim_neighbours",  "lane_neighbours",
    "outbox_neighbours", "delivery_neighbours",
    "look_neighbours",   "router_neighbours",
    "timer_neighbours",  "opt_out_locks",
    "dead_letters",      "opt_out",
    "maintenance",       "outbox_messages",
    "outbox_refused",    "inbox",
    "outbox_delivery",   "router",
    "outbox_claims",     "backfill",
};

/// Those by which a message comes that no webhook brought.
bool is_of_backfill(std::string_view statement) {
    return statement == "inbox.insert_missing" || statement == "backfill.receiving" ||
           statement == "backfill.gap";
}

/// On the way of a message: to the shop, out, and what becomes of it; and what brings back what was
/// lost.
bool is_hot(std::string_view statement) {
    static constexpr std::string_view kTimers[] = {"maintenance.tick", "maintenance.end_stalled",
                                                   "maintenance.route_again"};
    return statement.starts_with("outbox.") || statement.starts_with("router.") ||
           statement.starts_with("inbox.") || is_of_backfill(statement) ||
           std::ranges::find(kTimers, statement) != std::end(kTimers);
}

/// The suites that only pass by a statement are spared.
bool is_asked(std::string_view suite, std::string_view statement) {
    if (is_of_backfill(statement) || suite == "backfill")
        return is_of_backfill(statement) && suite == "backfill";
    return !statement.starts_with("maintenance.") || suite == "maintenance" ||
           suite == "timer_neighbours";
}

struct Task {
    const pg::Statement* statement;
    Mutant mutant;
    std::string name() const { return fmt::format("{} {}", statement->name, mutant.name); }
};

std::string variable(const char* name, const char* otherwise) {
    const char* value = std::getenv(name);
    return value == nullptr || *value == '\0' ? otherwise : value;
}

std::vector<Task> all_tasks() {
    std::vector<Task> tasks;
    for (const pg::Statement& statement : sql::kAll) {
        if (!is_hot(statement.name)) continue;
        for (Mutant& mutant : mutants_of(statement.text))
            tasks.push_back({&statement, std::move(mutant)});
    }
    // What waits for the clock comes last.
    std::ranges::stable_partition(
        tasks, [](const Task& t) { return !t.name().starts_with("maintenance."); });
    return tasks;
}

/// Names of mutants; lines that begin with a space say why, those with # are remarks.
std::set<std::string> read_list(const std::string& path) {
    std::ifstream file{path};
    if (!file) throw std::runtime_error{"cannot read " + path};
    std::set<std::string> names;
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line[0] != ' ' && line[0] != '#') names.insert(line);
    }
    return names;
}

/// A mutant that PostgreSQL does not understand would be killed by any test.
std::size_t complain_of_nonsense(const std::vector<Task>& tasks) {
    const TestDatabase db;
    const pg::Connection connection = db.connect();
    std::size_t bad = 0;
    for (const Task& task : tasks) {
        const pg::ResultHandle result{PQprepare(const_cast<pg::Connection&>(connection).raw(), "",
                                                task.mutant.text.c_str(), 0, nullptr)};
        if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) continue;
        ++bad;
        fmt::print("no SQL    {}: {}", task.name(), PQresultErrorMessage(result.get()));
    }
    return bad;
}

/// What fails, hangs or dies once may do so for another reason: only the same twice counts.
bool is_again(const SuiteRun& first, const SuiteRun& second) {
    if (first.end == SuiteRun::End::hangs && second.end == SuiteRun::End::failed) return true;
    return first.end == second.end && first.failed_case == second.failed_case;
}

/// Which case killed which mutant the last time: it is asked first.
class Killers {
  public:
    explicit Killers(std::string path) : path_{std::move(path)} {
        std::ifstream file{path_};
        for (std::string line; std::getline(file, line);) {
            const std::size_t tab = line.find('\t');
            const std::size_t second = line.find('\t', tab + 1);
            if (second != std::string::npos)
                known_[line.substr(0, tab)] = {line.substr(tab + 1, second - tab - 1),
                                               line.substr(second + 1)};
        }
    }
    struct Killer {
        std::string suite;
        std::string in_case;
    };
    Killer of(const std::string& mutant) const {
        const std::lock_guard lock{mutex_};
        const auto found = known_.find(mutant);
        return found == known_.end() ? Killer{} : found->second;
    }
    void set(const std::string& mutant, const Killer& killer) {
        const std::lock_guard lock{mutex_};
        known_[mutant] = killer;
        std::ofstream file{path_, std::ios::trunc};
        for (const auto& [name, one] : known_)
            file << name << '\t' << one.suite << '\t' << one.in_case << '\n';
    }

  private:
    std::string path_;
    mutable std::mutex mutex_;
    std::map<std::string, Killer> known_;  // guarded by mutex_
};

class Run {
  public:
    Run(const std::string& build, std::vector<Task> tasks)
        : directory_{build + "/mutations"},
          build_{build},
          tasks_{std::move(tasks)},
          killers_{[this] {
              fs::create_directories(directory_);
              return directory_ + "/killers.txt";
          }()} {}

    /// As they were built, the suites pass. returns whether they do
    bool suites_pass(std::size_t jobs) {
        std::atomic<std::size_t> next = 0;
        std::atomic<bool> all_pass = true;
        const auto run_some = [&] {
            for (std::size_t i = next++; i < std::size(kSuites); i = next++) {
                const std::string name = kSuites[std::size(kSuites) - 1 - i];  // long ones first
                const Suite suite = a_copy(name, 0);
                if (std::ranges::none_of(tasks_, [&](const Task& t) {
                        return is_asked(name, t.statement->name) && suite.has(t.statement->text);
                    }))
                    continue;
                // A pass is remembered until the suite is built anew.
                const std::string note = fmt::format("{}/{}.passed", directory_, name);
                milliseconds::rep known = 0;
                if (fs::exists(note) &&
                    fs::last_write_time(note) > fs::last_write_time(built(name)))
                    std::ifstream{note} >> known;
                const SuiteRun run =
                    known > 0 ? SuiteRun{SuiteRun::End::passed, {}, {}, milliseconds{known}}
                              : suite.run({}, {}, {}, 10min);
                const std::lock_guard lock{mutex_};
                took_[name] = run.took;
                if (run.end == SuiteRun::End::passed) {
                    if (known == 0) std::ofstream{note} << run.took.count() << '\n';
                    continue;
                }
                all_pass = false;
                fmt::print("integration/{} fails without any mutation: {}\n", name,
                           run.failed_case);
            }
        };
        {
            std::vector<std::jthread> workers;
            for (std::size_t i = 0; i < jobs; ++i) workers.emplace_back(run_some);
        }
        return all_pass;
    }

    void work(std::size_t jobs, SteadyTime until) {
        std::vector<std::jthread> workers;
        for (std::size_t i = 0; i < jobs; ++i)
            workers.emplace_back([this, i, until] { work_off(i, until); });
    }

    std::size_t killed() const { return killed_; }
    std::size_t survived() const { return survived_; }
    std::size_t not_run() const { return tasks_.size() - killed_ - survived_; }

  private:
    Suite a_copy(const std::string& name, std::size_t worker) const {
        return {built(name), copied(name, worker)};
    }
    std::string built(const std::string& name) const {
        return fmt::format("{}/tests/integration_{}", build_, name);
    }
    std::string copied(const std::string& name, std::size_t worker) const {
        return fmt::format("{}/{}_{}", directory_, name, worker);
    }

    void work_off(std::size_t worker, SteadyTime until) {
        std::map<std::string, std::unique_ptr<Suite>> suites;
        for (const auto& [name, took] : took_)
            suites[name] =
                std::make_unique<Suite>(fmt::format("{}/tests/integration_{}", build_, name),
                                        fmt::format("{}/{}_{}", directory_, name, worker));
        while (system_clock().steady_now() < until) {
            const Task* task = nullptr;
            {
                const std::lock_guard lock{mutex_};
                if (next_ == tasks_.size()) return;
                task = &tasks_[next_++];
            }
            try_one(*task, suites);
        }
    }

    /// Cheap ones first, but before them what has killed others of this statement.
    std::vector<std::string> order_for(const Task& task) {
        std::vector<std::string> names;
        for (const auto& [name, took] : took_) names.push_back(name);
        const std::lock_guard lock{mutex_};
        const std::map<std::string, int>& kills = kills_[task.statement->name];
        const auto kills_of = [&](const std::string& name) {
            const auto found = kills.find(name);
            return found == kills.end() ? 0 : found->second;
        };
        std::ranges::stable_sort(names, [&](const std::string& a, const std::string& b) {
            return kills_of(a) != kills_of(b) ? kills_of(a) > kills_of(b) : took_[a] < took_[b];
        });
        return names;
    }

    bool is_killed_by(const Task& task, const std::string& name, const Suite& suite,
                      std::string& by) {
        // On a machine that is busy otherwise, too.
        const milliseconds patience = 5 * took_[name] + 4min;
        const auto run = [&](const std::string& only) {
            return suite.run(task.statement->text, task.mutant.text, only, patience);
        };
        for (int tries = 0; tries < 3; ++tries) {
            const SuiteRun first = run({});
            if (first.end == SuiteRun::End::passed) return false;
            const SuiteRun second = run(first.failed_case);
            by = first.failed_case;
            if (first.end == SuiteRun::End::hangs) by = "it hangs";
            if (first.end == SuiteRun::End::died) by = "it dies";
            if (is_again(first, second)) return true;
            say(fmt::format("doubtful  {}\n          {} {} once of two times: {}", task.name(),
                            name, by, first.said));
        }
        return false;
    }

    void try_one(const Task& task, const std::map<std::string, std::unique_ptr<Suite>>& suites) {
        const SteadyTime began = system_clock().steady_now();
        std::string by;
        std::string killer;
        const Killers::Killer last = killers_.of(task.name());
        if (const auto found = suites.find(last.suite); found != suites.end()) {
            // It fails by that name: one that is called otherwise by now is not found, and dies.
            const auto fails = [&] {
                const SuiteRun run =
                    found->second->run(task.statement->text, task.mutant.text, last.in_case, 5min);
                return run.end == SuiteRun::End::failed && run.failed_case == last.in_case;
            };
            if (fails() && fails()) {
                killer = last.suite;
                by = last.in_case;
            }
        }
        if (killer.empty()) {
            for (const std::string& name : order_for(task)) {
                const Suite& suite = *suites.at(name);
                if (!is_asked(name, task.statement->name) || !suite.has(task.statement->text) ||
                    !is_killed_by(task, name, suite, by))
                    continue;
                killer = name;
                if (!by.starts_with("it ")) killers_.set(task.name(), {name, by});
                break;
            }
        }
        const double seconds =
            std::chrono::duration<double>(system_clock().steady_now() - began).count();
        say(killer.empty() ? fmt::format("SURVIVED  {}  ({:.0f} s)", task.name(), seconds)
                           : fmt::format("killed    {}\n          by {} {}  ({:.1f} s)",
                                         task.name(), killer, by, seconds));
        const std::lock_guard lock{mutex_};
        ++(killer.empty() ? survived_ : killed_);
        if (!killer.empty()) ++kills_[task.statement->name][killer];
    }

    void say(const std::string& line) {
        const std::lock_guard lock{mutex_};
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }

    std::string directory_;
    std::string build_;
    std::vector<Task> tasks_;
    Killers killers_;
    std::map<std::string, milliseconds> took_;  // the suites that use any of the statements
    std::mutex mutex_;
    std::size_t next_ = 0;  // guarded by mutex_, as all below
    std::size_t killed_ = 0;
    std::size_t survived_ = 0;
    std::map<std::string, std::map<std::string, int>> kills_;  // of a statement, by a suite
};

int run(const std::string& build, const std::string& list) {
    const SteadyTime began = system_clock().steady_now();
    const std::string only = variable("ONLY", "");
    const std::set<std::string> equivalent = read_list(list);
    std::vector<Task> tasks = all_tasks();
    std::set<std::string> stale = equivalent;
    for (const Task& task : tasks) stale.erase(task.name());
    for (const std::string& name : stale) fmt::print("{} is not there: {}\n", list, name);
    if (!stale.empty()) return 2;
    const std::size_t all = tasks.size();
    std::erase_if(tasks, [&](const Task& t) { return equivalent.contains(t.name()); });
    const std::size_t listed = all - tasks.size();
    std::erase_if(tasks, [&](const Task& t) { return t.name().find(only) == std::string::npos; });
    if (!variable("LIST_ONLY", "").empty()) {
        for (const Task& task : tasks) fmt::print("{}\n", task.name());
        return 0;
    }
    if (complain_of_nonsense(tasks) > 0) return 2;
    fmt::print("{} mutants, {} more on the list\n", tasks.size(), listed);
    std::fflush(stdout);

    Run run{build, std::move(tasks)};
    const std::size_t jobs = whole_number<std::size_t>(variable("JOBS", "2")).value_or(2);
    if (!run.suites_pass(jobs)) return 2;
    const std::chrono::minutes patience{
        whole_number<int>(variable("MUTATION_MINUTES", "120")).value_or(120)};
    run.work(jobs, began + patience);
    fmt::print("{} killed, {} survived, {} not run, {} on the list, in {:.0f} s\n", run.killed(),
               run.survived(), run.not_run(), listed,
               std::chrono::duration<double>(system_clock().steady_now() - began).count());
    return run.survived() + run.not_run() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pgcourier::test

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: sql_mutations BUILD_DIR LIST\n";
        return 2;
    }
    try {
        return pgcourier::test::run(argv[1], argv[2]);
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 2;
    }
}
