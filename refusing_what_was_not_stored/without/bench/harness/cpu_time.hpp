#pragma once
// The processors' time that a process has used: unlike time on the clock it is hardly more on a
// machine that others keep busy.

#include <sys/types.h>

namespace pgcourier::bench {

/// Seconds, user and system, of a process, its children that live, and those that have ended.
///
/// throws std::runtime_error when there is no such process
double cpu_seconds(pid_t pid);

}  // namespace pgcourier::bench
