#pragma once
// Messages of one tenant that are written one by one while something else goes on, and how long
// each took to the call at Twilio.

#include "harness/system.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace pgcourier::bench {

/// share  0.5 is the median, 1 the largest
double percentile(std::vector<double> values, double share);

struct Delays {
    std::vector<double> insert_ms;   // what the INSERT itself took, its COMMIT included
    std::vector<double> to_call_ms;  // from the COMMIT's answer to the call
    std::size_t missing = 0;         // never called, or not within a minute after the last
};

/// Inserts `count` messages of the tenant, one each `every`, each to another person, and waits for
/// their calls.
Delays sample_delays(System& system, const std::string& tenant, std::chrono::milliseconds every,
                     std::size_t count);

}  // namespace pgcourier::bench
