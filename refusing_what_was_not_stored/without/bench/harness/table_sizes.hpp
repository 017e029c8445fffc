#pragma once
// How large tables are and how many of their rows are dead.

#include "support/test_database.hpp"

#include <map>
#include <string>
#include <vector>

namespace pgcourier::bench {

struct TableSize {
    double dead_rows = 0;
    double table_mib = 0;
    double indexes_mib = 0;

    double mib() const { return table_mib + indexes_mib; }
};

/// By name. Dead rows are what PostgreSQL's statistics say.
std::map<std::string, TableSize> table_sizes(const test::TestDatabase& db,
                                             const std::vector<std::string>& tables);

}  // namespace pgcourier::bench
