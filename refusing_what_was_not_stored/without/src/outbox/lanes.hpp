#pragma once
// How a claim is dealt out: over the tenants that have messages due (lanes), within what their
// scopes allow: breakers, slow starts, the rate of each sender. Pure.

#include "base/ids.hpp"
#include "outbox/mark.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pgcourier::outbox {

/// So many calls in flight are no limit any more (outbox_scopes.calls).
inline constexpr int kFullSpeed = 1024;
/// A scope that had no success for so long starts with one call again.
inline constexpr std::chrono::milliseconds kColdAfter{300'000};

/// A tenant with messages due.
struct Lane {
    TenantId tenant;
    std::string sender;  // bare; empty: none
    std::size_t due = 0;
    bool has_more = false;  // perhaps: it was counted no further
    int deferrals = 0;      // the fewest among them
    bool is_paused = false;
    DueTime first_due = 0;
    std::uint64_t served = 0;  // the number of the claim that served it last; 0: none that is known
};

/// How far a look at the lanes goes.
struct Reach {
    int enough = 0;  // due messages: there a walk over the tenants ends, and the next claim goes on
    int of_each = 0;  // tenant: so many are counted
};

/// Enough to deal a claim out of, of each tenant so many that a walk comes round to all of them in
/// a few claims.
///
/// limit  messages to claim
/// lanes  tenants with messages due, as the last walk found them
/// of_all  at once: they share what they may send, and whoever waits for longest is to come first
Reach reach_of(std::size_t limit, std::size_t lanes, bool of_all = false);

/// What limits lanes together, as the database has it (outbox_scopes).
struct ScopeState {
    std::string name;
    bool is_known = true;  // false: never used before
    bool is_ours = false;  // locked for this claim
    int calls = 1;
    bool is_open = false;
    std::chrono::milliseconds probe_in{0};
    std::optional<std::chrono::milliseconds> success_ago;
    double next_start_in_ms = 0;  // negative: the sender has been idle for so long
    bool has_failed = false;      // since the last success
};

std::string sender_scope(std::string_view sender);

/// Between two starts of a sender that is kept to `rate` a second: a little more than its share, so
/// that a start which comes late makes no second with more than the rate and a twentieth.
///
/// rate  starts a second, > 0
std::chrono::duration<double, std::milli> start_interval(int rate);

/// How late a start of a sender with a rate may come: those that others deal themselves follow at
/// their own times, so that each late one is one more in their second.
inline constexpr std::chrono::milliseconds kLateBy{40};

/// Messages in flight over all instances.
struct InFlight {
    std::map<std::string, int> by_sender;
    int total = 0;
};

struct DealOptions {
    std::size_t limit = 0;  // messages in all
    int rate = 0;           // starts a second of one sender; 0: no limit
    /// Until what is dealt may start: how long its claim takes to commit. Starts of a sender with a
    /// rate are not dealt earlier, or they would come late, several at once.
    std::chrono::duration<double, std::milli> lead{0};
    std::vector<std::string> shared{};  // scopes of all lanes: the provider, the credentials
};

struct Share {
    TenantId tenant;
    std::string sender;
    int messages = 0;
    bool is_probe = false;
    DueTime first_due = 0;
    /// Of a sender that is kept to a rate: when its first message may start, from the look at its
    /// scope on; the others follow at its interval. Counts over all shares of the sender.
    std::chrono::duration<double, std::milli> first_start{0};
    /// Nothing of its sender started lately: these may start late.
    bool is_after_idle = false;
};

struct Deal {
    std::vector<Share> shares;
    std::vector<std::string> probes;  // open scopes that a share is a probe of
    /// Tenants of which everything due was dealt: when one still has something due afterwards,
    /// somebody else has it locked.
    std::vector<std::string> whole;
    bool is_full = false;  // the limit ended it
    /// Until a limit of a scope lets something through that it holds up now.
    std::optional<std::chrono::milliseconds> limited_for;
    bool limits_many =
        false;  // lanes, together: others that share the limit may not have been seen
};

/// Whether the scope must be locked, and calls in flight be counted, before anything is dealt.
bool is_limiting(const ScopeState& scope, int rate);

/// Deals messages out in turns over the lanes, one by one unless there are too many lanes for that,
/// until the limit is reached, all are served, or nothing more is allowed. Whoever was not served
/// for longest comes first, so that lanes that share a rate or a slow start share it fairly. A lane
/// without a sender stands in no scope: its messages are refused here.
Deal deal(std::span<const Lane> lanes, std::span<const ScopeState> scopes,
          const InFlight& in_flight, const DealOptions& options);

}  // namespace pgcourier::outbox
