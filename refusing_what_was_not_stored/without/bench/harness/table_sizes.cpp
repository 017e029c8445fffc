#include "harness/table_sizes.hpp"

#include <fmt/format.h>

namespace pgcourier::bench {

std::map<std::string, TableSize> table_sizes(const test::TestDatabase& db,
                                             const std::vector<std::string>& tables) {
    constexpr double kMib = 1 << 20;
    std::map<std::string, TableSize> all;
    for (const std::string& table : tables) {
        const auto number = [&](const char* what) {
            return std::stod(db.query_value(fmt::format(
                "SELECT {} FROM pg_stat_user_tables WHERE relname = '{}'", what, table)));
        };
        all[table] = {.dead_rows = number("n_dead_tup"),
                      .table_mib = number("pg_table_size(relid)") / kMib,
                      .indexes_mib = number("pg_indexes_size(relid)") / kMib};
    }
    return all;
}

}  // namespace pgcourier::bench
