#pragma once
// A closed-loop HTTP load: each connection sends its next request when the answer to the last one
// is there. One thread, epoll, requests rendered beforehand: the generator must not be what is
// measured.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pgcourier::bench {

struct LoadResult {
    double seconds = 0;
    std::uint64_t answers = 0;
    std::uint64_t not_200 = 0;
    std::vector<float> latencies_ms;  // sorted

    double rate() const { return static_cast<double>(answers) / seconds; }
    /// share  0.5 is the median
    double percentile(double share) const;
};

/// Sends all of `requests` (whole HTTP/1.1 requests, kept alive) over `connections` connections to
/// 127.0.0.1, shared out over the ports.
LoadResult run_load(const std::vector<std::uint16_t>& ports,
                    const std::vector<std::string>& requests, std::size_t connections);
inline LoadResult run_load(std::uint16_t port, const std::vector<std::string>& requests,
                           std::size_t connections) {
    return run_load(std::vector{port}, requests, connections);
}

}  // namespace pgcourier::bench
