#include "router/mark.hpp"

#include <algorithm>

namespace pgcourier::router {
namespace {

// How finely the past is remembered: the mark trails by up to this much more.
constexpr std::chrono::milliseconds kStep{100};

}  // namespace

std::int64_t Mark::begin(SteadyTime now) {
    while (!seen_.empty() && now - seen_.front().at >= kTrail) {
        trail_ = seen_.front().id;
        seen_.pop_front();
    }
    is_sweeping_ = is_sweep_due(now);
    if (is_sweeping_) {
        is_sweep_wanted_ = false;
        begun_ = now;
        return 0;
    }
    return is_full_ ? cursor_ : trail_;
}

void Mark::found(std::int64_t highest, bool is_full, SteadyTime now) {
    if (is_sweeping_) {
        const SteadyTime::duration pause = std::clamp<SteadyTime::duration>(
            (now - begun_) * kSweepShare, kSweepInterval, kMaxSweepInterval);
        next_sweep_ = now + pause;
        is_sweeping_ = false;
    }
    is_full_ = is_full;
    cursor_ = highest;
    if (highest > 0) is_sweep_wanted_ = true;
    head_ = std::max(head_, highest);
    const bool is_news = head_ > (seen_.empty() ? trail_ : seen_.back().id);
    if (is_news && (seen_.empty() || now - seen_.back().at >= kStep)) seen_.push_back({now, head_});
}

void Mark::went_back(SteadyTime now) {
    is_full_ = false;
    is_sweep_wanted_ = true;
    next_sweep_ = now;
}

}  // namespace pgcourier::router
