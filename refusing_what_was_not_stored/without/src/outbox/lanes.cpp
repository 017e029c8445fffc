#include "outbox/lanes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

constexpr int kUnlimited = std::numeric_limits<int>::max();
constexpr std::string_view kSenderPrefix = "sender:";
// Starts are dealt so far ahead, so that a claim is worth its round trip. Less than the second
// after which a claimed message is put back.
constexpr double kHorizonMs = 100;
// Of a sender that started nothing for a second, few are dealt, and at once: even when they come
// late, they and the next second's make no more than the rate and a twentieth.
constexpr double kIdleMs = 1'000;
constexpr int kAfterIdle = 4;
// When there are more lanes than messages to deal, some get a few and the others come first next
// time: a claim of few lanes costs less.
constexpr std::size_t kAtOnce = 4;
constexpr std::size_t kLanesServed = 8;
constexpr milliseconds kBusy{10};    // somebody else has the scope locked
constexpr milliseconds kInUse{100};  // all its calls are in flight, perhaps elsewhere

/// What a scope allows now.
struct Budget {
    int calls = kUnlimited;
    milliseconds wait{0};  // until there may be more
    bool is_probe = false;
    double start_ms = 0;  // the next start of a sender with a rate
    bool is_after_idle = false;
    int lanes = 0;  // that share it
};

bool is_sender(const ScopeState& scope) {
    return scope.name.starts_with(kSenderPrefix);
}

bool is_cold(const ScopeState& scope) {
    return !scope.success_ago || *scope.success_ago > kColdAfter;
}

void keep_to_rate(Budget& budget, const ScopeState& scope, double interval_ms, double lead_ms) {
    budget.is_after_idle = scope.next_start_in_ms <= -kIdleMs;
    if (budget.is_after_idle) lead_ms = 0;
    budget.start_ms = std::max(lead_ms, scope.next_start_in_ms);
    const double ahead = lead_ms + kHorizonMs - budget.start_ms;
    int starts = ahead < 0 ? 0 : static_cast<int>(ahead / interval_ms) + 1;
    if (budget.is_after_idle) starts = std::min(starts, kAfterIdle);
    budget.calls = std::min(budget.calls, starts);
    // When half of the horizon is free again.
    const double next = budget.start_ms + starts * interval_ms - lead_ms - kHorizonMs / 2;
    budget.wait = std::max({budget.wait, kBusy, milliseconds{static_cast<int>(std::ceil(next))}});
}

Budget budget_of(const ScopeState& scope, const InFlight& in_flight, const DealOptions& options) {
    if (!is_limiting(scope, options.rate)) return {};
    if (!scope.is_ours) return {.calls = 0, .wait = kBusy};
    if (scope.is_open) {
        if (scope.probe_in > milliseconds{0}) return {.calls = 0, .wait = scope.probe_in};
        return {.calls = 1, .wait = kInUse, .is_probe = true};
    }
    Budget budget;
    const int allowed = is_cold(scope) ? 1 : scope.calls;
    if (allowed < kFullSpeed) {
        int busy = in_flight.total;
        if (is_sender(scope)) {
            const auto found = in_flight.by_sender.find(scope.name.substr(kSenderPrefix.size()));
            busy = found == in_flight.by_sender.end() ? 0 : found->second;
        }
        budget.calls = std::max(0, allowed - busy);
        budget.wait = kInUse;
    }
    if (options.rate > 0 && is_sender(scope))
        keep_to_rate(budget, scope, start_interval(options.rate).count(), options.lead.count());
    return budget;
}

/// A lane while it is dealt to.
struct Hand {
    const Lane* lane;
    std::vector<Budget*> budgets;
    Share share;
    bool is_limited = false;

    bool is_served() const {
        return !lane->has_more && static_cast<std::size_t>(share.messages) >= lane->due;
    }
    bool is_probe() const {
        return std::ranges::any_of(budgets, [](const Budget* b) { return b->is_probe; });
    }
};

}  // namespace

Reach reach_of(std::size_t limit, std::size_t lanes, bool of_all) {
    constexpr std::size_t kLeast = 256;
    constexpr std::size_t kForEachWanted = 4;
    constexpr std::size_t kMost = 16;
    const auto parts_of = [](std::size_t all, std::size_t one) { return (all + one - 1) / one; };
    const std::size_t wanted = std::max(kLeast, kForEachWanted * limit);
    lanes = std::max<std::size_t>(lanes, 1);
    const std::size_t of_each = std::clamp(wanted / lanes, kAtOnce, kMost);
    const std::size_t looks = of_all ? 1 : parts_of(lanes * of_each, wanted);
    // All of them and one, or as many in each look: a last one with few would give each of them
    // more.
    const std::size_t seen = looks == 1 ? lanes + 1 : parts_of(lanes, looks);
    return {.enough = of_all ? std::numeric_limits<int>::max()
                             : static_cast<int>(looks == 1 ? std::max(wanted, seen * of_each)
                                                           : seen * of_each),
            .of_each = static_cast<int>(of_each)};
}

std::string sender_scope(std::string_view sender) {
    return std::string{kSenderPrefix}.append(sender);
}

std::chrono::duration<double, std::milli> start_interval(int rate) {
    constexpr double kHeadroom = 1.025;
    return std::chrono::duration<double, std::milli>{1000.0 * kHeadroom / rate};
}

bool is_limiting(const ScopeState& scope, int rate) {
    return scope.is_open || scope.calls < kFullSpeed || is_cold(scope) ||
           (rate > 0 && is_sender(scope));
}

Deal deal(std::span<const Lane> lanes, std::span<const ScopeState> scopes,
          const InFlight& in_flight, const DealOptions& options) {
    std::map<std::string, Budget> budgets;
    for (const ScopeState& scope : scopes)
        budgets[scope.name] = budget_of(scope, in_flight, options);

    Deal result;
    const auto hold_up = [&result](milliseconds wait) {
        result.limited_for = std::min(result.limited_for.value_or(wait), wait);
    };
    std::vector<Hand> hands;
    for (const Lane& lane : lanes) {
        if (lane.is_paused) continue;
        Hand& hand = hands.emplace_back();
        hand.lane = &lane;
        hand.share = {.tenant = lane.tenant, .sender = lane.sender, .first_due = lane.first_due};
        if (lane.sender.empty()) continue;
        for (const std::string& name : options.shared) hand.budgets.push_back(&budgets[name]);
        Budget& own = budgets[sender_scope(lane.sender)];
        hand.budgets.push_back(&own);
        for (Budget* budget : hand.budgets) ++budget->lanes;
        hand.share.is_probe = hand.is_probe();
        hand.share.first_start = std::chrono::duration<double, std::milli>{own.start_ms};
        hand.share.is_after_idle = own.is_after_idle;
    }
    // A probe is a message that was put back least often: of another conversation than the last
    // probe, if there is one.
    std::ranges::stable_sort(hands, {}, [](const Hand& hand) {
        return std::pair{hand.share.is_probe ? hand.lane->deferrals : 0, hand.lane->served};
    });

    const std::size_t at_once =
        hands.size() > options.limit
            ? std::clamp<std::size_t>(options.limit / kLanesServed, 1, kAtOnce)
            : 1;
    std::size_t dealt = 0;
    for (bool goes_on = true; goes_on && dealt < options.limit;) {
        goes_on = false;
        for (Hand& hand : hands) {
            // Of those that were counted: there may be no more.
            const std::size_t most = std::min(at_once, std::max<std::size_t>(hand.lane->due, 1));
            for (std::size_t n = 0; n < most && dealt < options.limit; ++n) {
                if (hand.is_limited || hand.is_served()) break;
                const auto empty = std::ranges::find_if(
                    hand.budgets, [](const Budget* b) { return b->calls == 0; });
                if (empty != hand.budgets.end()) {
                    hand.is_limited = true;
                    hold_up((*empty)->wait);
                    result.limits_many = result.limits_many || (*empty)->lanes > 1;
                    break;
                }
                for (Budget* budget : hand.budgets) {
                    if (budget->calls != kUnlimited) --budget->calls;
                }
                ++hand.share.messages;
                ++dealt;
                goes_on = true;
            }
        }
    }
    result.is_full = dealt == options.limit;
    for (Hand& hand : hands) {
        if (hand.is_served()) result.whole.push_back(hand.lane->tenant.value);
        if (hand.share.messages == 0) continue;
        if (hand.share.is_probe) {
            for (const std::string& name : options.shared) {
                if (budgets[name].is_probe) result.probes.push_back(name);
            }
            if (budgets[sender_scope(hand.lane->sender)].is_probe)
                result.probes.push_back(sender_scope(hand.lane->sender));
        }
        result.shares.push_back(std::move(hand.share));
    }
    return result;
}

}  // namespace pgcourier::outbox
