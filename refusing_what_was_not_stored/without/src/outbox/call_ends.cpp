#include "outbox/call_ends.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

constexpr double kNewest = 0.2;  // the weight of the time since the last exchange
constexpr std::chrono::milliseconds kStandstill{500};

}  // namespace

void CallEnds::ended(SteadyTime now) {
    ++ended_;
    last_end_ = now;
}

void CallEnds::exchange_began(SteadyTime now) {
    if (now > exchange_began_) smoothed_ += kNewest * (a_second(now - exchange_began_) - smoothed_);
    exchange_began_ = now;
    ended_ = 0;
}

double CallEnds::expected(SteadyTime now, Seconds least, Seconds ahead) const {
    const double before = now - last_end_ < kStandstill ? smoothed_ : 0;
    const Seconds since = std::max<Seconds>(least, now - exchange_began_);
    return std::max(a_second(since), before) * ahead.count();
}

}  // namespace pgcourier::outbox
