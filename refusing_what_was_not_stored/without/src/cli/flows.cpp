#include "cli/flows.hpp"

#include <algorithm>

namespace pgcourier::cli {
namespace {

constexpr double kMinute = 60;
constexpr double kWindow = 5;  // seconds that a rate is of
constexpr double kTooShort = 0.1;

double seconds_between(const Flows& before, const Flows& now) {
    return static_cast<double>(now.minute - before.minute) * kMinute + now.seconds - before.seconds;
}

}  // namespace

std::vector<double> per_second(const Flows* before, const Flows& now) {
    const std::int64_t minutes = before == nullptr ? -1 : now.minute - before->minute;
    const bool is_usable = (minutes == 0 || minutes == 1) && before->all.size() == now.all.size() &&
                           seconds_between(*before, now) >= kTooShort;
    std::vector<double> rates;
    for (std::size_t i = 0; i < now.all.size(); ++i) {
        const Flow& flow = now.all[i];
        std::int64_t count = flow.this_minute;
        if (!is_usable || minutes == 1) count += flow.last_minute;
        if (is_usable) count -= before->all[i].this_minute;
        const double seconds = is_usable ? seconds_between(*before, now) : kMinute + now.seconds;
        // Counts may fall: above some number they are estimates.
        rates.push_back(std::max(0.0, static_cast<double>(count) / seconds));
    }
    return rates;
}

std::vector<double> FlowRates::add(const Flows& now) {
    while (looks_.size() > 1 && seconds_between(looks_[1], now) >= kWindow) looks_.pop_front();
    std::vector<double> rates = per_second(looks_.empty() ? nullptr : &looks_.front(), now);
    looks_.push_back(now);
    return rates;
}

}  // namespace pgcourier::cli
