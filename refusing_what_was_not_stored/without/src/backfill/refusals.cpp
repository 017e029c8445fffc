#include "backfill/refusals.hpp"

namespace pgcourier::backfill {

void Refusals::note(SteadyTime now) {
    const std::scoped_lock lock{mutex_};
    if (!first_) first_ = now;
    last_ = now;
}

bool Refusals::go_on(SteadyTime now) const {
    const std::scoped_lock lock{mutex_};
    return first_ && now - last_ < kQuiet;
}

std::optional<std::chrono::milliseconds> Refusals::over(SteadyTime now) const {
    return go_on(now) ? std::nullopt : pending(now);
}

std::optional<std::chrono::milliseconds> Refusals::pending(SteadyTime now) const {
    const std::scoped_lock lock{mutex_};
    if (!first_) return std::nullopt;
    return std::chrono::ceil<std::chrono::milliseconds>(now - *first_) + kToldLate;
}

void Refusals::forget(SteadyTime now) {
    const std::scoped_lock lock{mutex_};
    if (first_ && last_ <= now) first_.reset();
}

}  // namespace pgcourier::backfill
