#pragma once
// Lets one line of a kind into the log each second, with the number of those that it stands for.
// Pure.

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace pgcourier::webhook {

class LogInterval {
  public:
    /// Counts one happening.
    /// returns  how many a line stands for that is written now, this one among them; 0: write none
    std::uint64_t admit(SteadyTime now) {
        ++unlogged_;
        if (logged_ && now - *logged_ < std::chrono::seconds{1}) return 0;
        logged_ = now;
        return std::exchange(unlogged_, 0);
    }

  private:
    std::optional<SteadyTime> logged_;
    std::uint64_t unlogged_ = 0;
};

}  // namespace pgcourier::webhook
