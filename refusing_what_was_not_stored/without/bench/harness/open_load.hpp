#pragma once
// An open-loop HTTP load: requests fall due at a fixed rate, whether or not those before were
// answered. A latency counts from the time at which its request was due, so that a server that
// stands still is charged for each request that it kept waiting (which a closed loop would not even
// have sent: "coordinated omission").

#include "harness/load.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace pgcourier::bench {

struct OpenLoad {
    std::vector<std::uint16_t> ports;  // on 127.0.0.1; the connections are shared out over them
    double rate = 0;                   // requests a second
    std::size_t count = 0;
    /// The nth whole HTTP/1.1 request, kept alive; used until the next one is asked for.
    std::function<std::string_view(std::size_t)> request;
    std::size_t connections = 64;
};

using WallMicros = std::chrono::sys_time<std::chrono::microseconds>;

struct OpenResult {
    LoadResult load;       // latencies from when each request was due
    WallMicros started{};  // when the first was due, by the wall clock
    double rate = 0;
    /// How late the generator itself was with requests that had a connection free, p99. What it
    /// adds to the latencies.
    double late_ms = 0;
    std::vector<double> p99_of_seconds;  // of the requests that were due in each second

    /// When the nth request was due.
    WallMicros due(std::size_t n) const;
};

/// Sends all of it and waits for the answers. One thread, like run_load().
///
/// throws std::runtime_error when an answer does not come for 30 s, or a connection is closed
OpenResult run_open_load(const OpenLoad& load);

}  // namespace pgcourier::bench
