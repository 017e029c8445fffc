#pragma once
// Time, passed in so that tests own it. Only loops hold a Clock; pure code takes a time point.
// Nothing else may call
// ::now(). What is due and what has expired is decided by the database's clock, never by this one.

#include <chrono>
#include <string>

namespace pgcourier {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
  public:
    virtual ~Clock() = default;
    /// The wall clock: for what is logged and stored, never for deadlines.
    virtual WallTime now() const = 0;
    /// Monotonic; stands still while the machine is suspended. For latencies.
    virtual SteadyTime steady_now() const = 0;
    /// Monotonic and goes on while the machine is suspended (CLOCK_BOOTTIME). For deadlines of
    /// leases, which the database's clock counts on through a suspend.
    virtual std::chrono::nanoseconds boottime() const = 0;
};

/// The machine's clocks; lives as long as the program.
const Clock& system_clock();

/// `2026-02-08T10:00:00.123Z`
std::string to_iso8601(WallTime time);

}  // namespace pgcourier
