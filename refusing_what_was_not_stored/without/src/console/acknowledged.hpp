#pragma once
// How fast this process has answered webhooks of late: from the histogram that it keeps for
// /metrics, which counts since the start, by what was added in the last minutes.

#include "base/clock.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace pgcourier::console {

/// The p99 in ms of what a histogram counted between two looks, judged within its bucket.
///
/// bounds  upper bounds of the buckets in seconds, but for the last, which has none
/// before, after  how many are in each bucket or below
/// returns  nullopt when nothing was counted between
std::optional<double> p99_between(const std::vector<double>& bounds,
                                  const std::vector<std::uint64_t>& before,
                                  const std::vector<std::uint64_t>& after);

class Acknowledged {
  public:
    /// Over the last five or six minutes, or since the first look when that is less long ago. To be
    /// called each minute, whether somebody wants to know or not.
    std::optional<double> p99(SteadyTime now);

  private:
    struct Look {
        SteadyTime at;
        std::vector<std::uint64_t> counts;
    };
    std::deque<Look>
        looks_;  // the oldest first: the last one that is five minutes old, and later ones
};

}  // namespace pgcourier::console
