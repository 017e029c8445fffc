#pragma once
// How many reports of one kind are sent, and when many small ones are one large one. Pure.

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace pgcourier::ops {

/// Lets one of a kind through in each period.
class ReportLimit {
  public:
    explicit ReportLimit(std::chrono::nanoseconds period) : period_{period} {}

    /// returns  how many of this kind were held back since the last that went; nullopt: hold it
    /// back
    std::optional<std::uint64_t> admit(const std::string& kind, SteadyTime now);

  private:
    struct Kind {
        SteadyTime next{};
        std::uint64_t held_back = 0;
    };
    std::chrono::nanoseconds period_;
    std::map<std::string, Kind> kinds_;  // as many as the program knows: few
};

/// Many in a short time.
class Spike {
  public:
    Spike(std::size_t count, std::chrono::nanoseconds period) : count_{count}, period_{period} {}

    /// One more. returns whether there were `count` of them within the period
    bool note(SteadyTime now);

  private:
    std::size_t count_;
    std::chrono::nanoseconds period_;
    std::deque<SteadyTime> last_;  // at most `count_`
};

}  // namespace pgcourier::ops
