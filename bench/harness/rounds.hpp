#pragma once
// What is measured is measured several times, in turns with what it is held against, so that a disk
// or a neighbour that slows down meets all of them. And how much of it: what the environment makes
// less stands in the report, so that no chart is drawn of a short form.

#include "harness/sample.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pgcourier::bench {

/// A whole number from the environment: how much is measured.
std::int64_t setting(const char* name, std::int64_t otherwise);

/// The same for words: any others than these make a run a short form.
std::string words(const char* name, const char* otherwise);

/// What the environment asked for so far that is not the default.
struct Sizes {
    std::map<std::string, std::string> given;
    bool is_short = false;  // one of them is less than the default
};
const Sizes& sizes();

/// BENCH_ROUNDS (3): how often each figure is taken.
inline int rounds() {
    return static_cast<int>(setting("BENCH_ROUNDS", 3));
}

inline double median(std::vector<double> values) {
    return percentile(std::move(values), 0.5);
}

/// What each round gave, in times of what the same round of the other gave; for the rounds that
/// both have.
std::vector<double> ratios(const std::vector<double>& of, const std::vector<double>& in);

/// The same in %.
std::vector<double> shares(const std::vector<double>& of, const std::vector<double>& in);

}  // namespace pgcourier::bench
