#include "ops/report_limit.hpp"

namespace pgcourier::ops {

std::optional<std::uint64_t> ReportLimit::admit(const std::string& kind, SteadyTime now) {
    const auto [found, is_first] = kinds_.try_emplace(kind);
    Kind& known = found->second;
    if (!is_first && now < known.next) {
        ++known.held_back;
        return std::nullopt;
    }
    known.next = now + std::chrono::duration_cast<SteadyTime::duration>(period_);
    return std::exchange(known.held_back, 0);
}

bool Spike::note(SteadyTime now) {
    last_.push_back(now);
    if (last_.size() > count_) last_.pop_front();
    return last_.size() == count_ && now - last_.front() <= period_;
}

}  // namespace pgcourier::ops
