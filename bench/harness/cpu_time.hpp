#pragma once
// The processors' time that a process has used: unlike time on the clock it is hardly more on a
// machine that others keep busy.

#include <sys/types.h>

namespace pgcourier::bench {

/// Seconds, user and system, of a process, its children that live, and those that have ended. Those
/// that live and have one thread (PostgreSQL's) to the nanosecond, the others in ticks of 10 ms.
///
/// throws std::runtime_error when there is no such process
double cpu_seconds(pid_t pid);

}  // namespace pgcourier::bench
