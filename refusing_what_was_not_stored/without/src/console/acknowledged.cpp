#include "console/acknowledged.hpp"

#include "webhook/routes.hpp"

#include <cmath>

namespace pgcourier::console {
namespace {

constexpr std::chrono::minutes kSpan{5};
constexpr std::chrono::seconds kBetween{55};
constexpr double kShare = 0.99;

}  // namespace

std::optional<double> p99_between(const std::vector<double>& bounds,
                                  const std::vector<std::uint64_t>& before,
                                  const std::vector<std::uint64_t>& after) {
    const auto added = [&](std::size_t i) {
        return after[i] - (i < before.size() ? before[i] : 0);
    };
    if (after.empty() || added(after.size() - 1) == 0) return std::nullopt;
    const double wanted = kShare * static_cast<double>(added(after.size() - 1));
    double below = 0;
    double lower = 0;
    for (std::size_t i = 0; i < bounds.size() && i < after.size(); ++i) {
        const auto count = static_cast<double>(added(i));
        if (count >= wanted)
            return 1000 * (lower + (bounds[i] - lower) * (wanted - below) / (count - below));
        below = count;
        lower = bounds[i];
    }
    return 1000 * lower;  // slower than the last bound: at least that
}

std::optional<double> Acknowledged::p99(SteadyTime now) {
    std::vector<double> bounds;
    std::vector<std::uint64_t> counts;
    for (const auto& bucket : webhook::answer_times().Collect().histogram.bucket) {
        if (std::isfinite(bucket.upper_bound)) bounds.push_back(bucket.upper_bound);
        counts.push_back(bucket.cumulative_count);
    }
    const std::vector<std::uint64_t> since =
        looks_.empty() ? std::vector<std::uint64_t>{} : looks_.front().counts;
    const auto p99 = p99_between(bounds, since, counts);
    if (looks_.empty()) {
        // Since the start of the process: whoever looks first sees what was before too.
        looks_.push_back({now, std::vector<std::uint64_t>(counts.size(), 0)});
    } else if (now - looks_.back().at >= kBetween) {
        looks_.push_back({now, counts});
        while (now - looks_[1].at >= kSpan) looks_.pop_front();
    }
    return p99;
}

}  // namespace pgcourier::console
