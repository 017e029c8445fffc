#pragma once
// PostgreSQL's own load generator, for what writers do: one connection each, one transaction after
// another.

#include "support/process.hpp"
#include "support/test_database.hpp"

#include <string>

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

}  // namespace pgcourier::bench
