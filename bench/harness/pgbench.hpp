#pragma once
// PostgreSQL's own load generator, for what writers do: one connection each, one transaction after
// another.

#include "support/process.hpp"
#include "support/test_database.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pgcourier::bench {

class Pgbench {
  public:
    /// Begins: `clients` connections run the script again and again.
    ///
    /// script   SQL and pgbench's backslash commands
    Pgbench(const test::TestDatabase& db, const std::string& script, int clients, int seconds);

    /// Waits for its end. A connection's first transactions compile functions and plans, which an
    /// application does once a day: the first seconds are left out.
    ///
    /// skip     seconds
    /// returns  transactions a second after those
    double rate(int skip);

  private:
    std::string script_path_;
    test::Process process_;
};

/// The plans that the router asks for: see queries/router/plan.sql.
inline constexpr const char* kRouterPlans =
    "-c jit=off -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
    "-c plan_cache_mode=force_generic_plan";

/// A client's first transactions, in which it makes its plans and reads the catalog.
inline constexpr std::int64_t kWarm = 3;

/// One run of a script to its end, as a limit that a program of ours is held against.
struct Drain {
    std::string script;  // its file, from the top of the tree
    std::map<std::string, std::int64_t> variables{};
    std::string options{};  // of the session
    int clients = 1;
    std::int64_t transactions = 0;  // of all clients together
};

struct Drained {
    std::int64_t transactions = 0;  // each client makes as many
    double rate = 0;                // transactions a second
};

/// Runs it. The database must have the work for it: a script does not notice that it found nothing,
/// so that expect_count() follows.
///
/// returns  the rate while all clients were warm and at work
/// throws   std::runtime_error: pgbench failed, or had too few transactions for a rate
Drained run_drain(const test::TestDatabase& db, const Drain& drain);

/// That something was done, or is left, as often as planned.
///
/// throws  std::runtime_error with what was found and what was expected
void expect_count(const test::TestDatabase& db, const std::string& query, std::int64_t expected);

/// A script that is begun so often, whatever became of the ones before.
struct Paced {
    std::string script;  // its file, from the top of the tree
    std::map<std::string, std::int64_t> variables{};
    int clients = 1;
    double a_second = 0;
    int seconds = 0;
};

/// Runs it.
///
/// returns  how long each took, from when it was due, ms
std::vector<double> run_paced(const test::TestDatabase& db, const Paced& paced);

}  // namespace pgcourier::bench
