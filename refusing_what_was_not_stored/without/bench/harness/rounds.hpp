#pragma once
// What is measured is measured several times, in turns with what it is held against, so that a disk
// or a neighbour that slows down meets all of them.

#include "harness/sample.hpp"

#include <cstdlib>
#include <string>
#include <vector>

namespace pgcourier::bench {

/// A whole number from the environment.
inline std::int64_t setting(const char* name, std::int64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr || *text == '\0' ? otherwise : std::stoll(text);
}

/// BENCH_ROUNDS (3): how often each figure is taken.
inline int rounds() {
    return static_cast<int>(setting("BENCH_ROUNDS", 3));
}

inline double median(std::vector<double> values) {
    return percentile(std::move(values), 0.5);
}

}  // namespace pgcourier::bench
