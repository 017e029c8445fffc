#pragma once
// What a plan reads, from the lines of EXPLAIN.

#include "pg/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::test {

inline std::vector<std::string> lines_of(const pg::Rows& explained) {
    std::vector<std::string> plan;
    for (const pg::Row line : explained) plan.push_back(line.string(0));
    return plan;
}

/// Lines of a plan that read a table otherwise than by looking up keys.
inline std::vector<std::string> scans_without_condition(const std::vector<std::string>& plan) {
    std::vector<std::string> bad;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        if (plan[i].find("Seq Scan") != std::string::npos) bad.push_back(plan[i]);
        if (plan[i].find(" Scan using ") == std::string::npos) continue;
        if (i + 1 == plan.size() || plan[i + 1].find("Index Cond: ") == std::string::npos)
            bad.push_back(plan[i]);
    }
    return bad;
}

}  // namespace pgcourier::test
