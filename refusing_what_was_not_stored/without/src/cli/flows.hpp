#pragma once
// How much comes in and goes out a second, as counts by the minute tell. Pure.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace pgcourier::cli {

struct Flow {
    std::string name;
    std::int64_t this_minute = 0;
    std::int64_t last_minute = 0;
    std::int64_t last_hour = 0;
};

/// One look at all of them.
struct Flows {
    std::int64_t minute = 0;  // the running one's number, since 1970
    double seconds = 0;       // how many of it have passed
    std::vector<Flow> all;    // always the same ones, in the same order
};

/// Events a second of each flow between two looks; without one before, or one that is too old to
/// tell, since the last minute began.
std::vector<double> per_second(const Flows* before, const Flows& now);

/// The looks of the last seconds: a rate over one second alone would jump.
class FlowRates {
  public:
    std::vector<double> add(const Flows& now);

  private:
    std::deque<Flows> looks_;
};

}  // namespace pgcourier::cli
