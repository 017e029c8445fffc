#pragma once
// What a process with threads uses: finer than cpu_seconds(), which counts those in ticks of 10 ms.

#include <cstdint>
#include <sys/types.h>

namespace pgcourier::bench {

struct ProcessUse {
    double cpu_ms = 0;           // of its threads that live, to the nanosecond
    std::uint64_t sleeps = 0;    // how often they went to sleep, and so were woken
    double memory_mib = 0;       // resident now
    double most_memory_mib = 0;  // that it ever had
};

/// throws std::runtime_error when there is no such process
ProcessUse process_use(pid_t pid);

}  // namespace pgcourier::bench
