#pragma once
// What a figure or a setting of the database means for pgcourier. Pure.

#include "doctor/finding.hpp"
#include "doctor/limits.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pgcourier::doctor {

/// server  as libpq has it: 150014 is 15.14
Verdict judge_version(int server);

Verdict judge_round_trip(std::chrono::microseconds median, const Limits& limits);

struct Durability {
    bool has_fsync = true;
    bool has_full_page_writes = true;
    std::string synchronous_commit = "on";  // of the role's sessions
    bool is_neon = false;                   // the server's disk is not where the data is kept
};
Verdict judge_durability(const Durability& durability);

/// ahead        by how much the other clock is before this host's; negative: behind
/// uncertainty  how far that may be wrong
/// whose        "the database's clock"
Verdict judge_clock(std::chrono::milliseconds ahead, std::chrono::milliseconds uncertainty,
                    const std::string& whose, const Limits& limits);

/// A length of time as people say it: 0.4 ms, 12 ms, 3.5 s, 12 min, 5 h.
std::string span(std::chrono::microseconds length);

/// State by age: ok below the first limit, fail from the second on.
State state_of_age(std::chrono::seconds age, std::chrono::seconds warn, std::chrono::seconds fail);

}  // namespace pgcourier::doctor
