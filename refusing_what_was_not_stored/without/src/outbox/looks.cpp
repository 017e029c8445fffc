#include "outbox/looks.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirst{5};
constexpr milliseconds kLongestEcho{640};  // 5 + 10 + … + 640 ms = 1.3 s
constexpr milliseconds kLongestBlocked{1'000};
constexpr milliseconds kLongest = std::chrono::days{30};  // added to a time it must stay one

}  // namespace

void Looks::woken(SteadyTime now) {
    next_ = now;
    echo_ = kFirst;
}

void Looks::looked(SteadyTime now, bool may_find_more, std::optional<milliseconds> next_due,
                   std::optional<milliseconds> limited_for) {
    if (may_find_more) {
        next_ = now;
        blocked_ = milliseconds{0};
        return;
    }
    const bool is_blocked = next_due == milliseconds{0};
    blocked_ = is_blocked ? std::clamp(blocked_ * 2, kFirst, kLongestBlocked) : milliseconds{0};

    std::optional<milliseconds> wait = is_blocked ? std::optional{blocked_} : next_due;
    if (limited_for) wait = std::min(wait.value_or(*limited_for), *limited_for);
    if (echo_ > milliseconds{0}) {
        wait = std::min(wait.value_or(echo_), echo_);
        echo_ = echo_ < kLongestEcho ? echo_ * 2 : milliseconds{0};
    }
    next_ = wait ? std::optional{now + std::min(*wait, kLongest)} : std::nullopt;
}

}  // namespace pgcourier::outbox
