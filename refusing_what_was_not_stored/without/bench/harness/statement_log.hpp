#pragma once
// Every statement that PostgreSQL gets from the program, by its own log: exact, and told apart by
// connection and name, which pg_stat_statements does not do.

#include "support/test_database.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace pgcourier::bench {

class StatementLog {
  public:
    /// Sessions of this database that begin from now on are logged.
    explicit StatementLog(const test::TestDatabase& db);

    /// Counts anew from here on.
    void begin();
    /// Since begin(): by `role statement`, as in `maintenance maintenance.tick`. Those of tests and
    /// benches are left out. A statement without a name stands with its first words.
    std::map<std::string, std::uint64_t> counts() const;

  private:
    const std::string path_;
    std::uintmax_t from_ = 0;  // bytes of the file
};

}  // namespace pgcourier::bench
