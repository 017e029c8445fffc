#pragma once
// When each message of a claim is to start. Pure.

#include "base/clock.hpp"
#include "outbox/exchange.hpp"

#include <chrono>
#include <vector>

namespace pgcourier::outbox {

/// A claimed message starts within this, or is put back: a STOP may have come meanwhile.
inline constexpr std::chrono::milliseconds kStartWithin{1'000};

struct Turn {
    Claimed message;
    SteadyTime at;
    SteadyTime latest;  // put back when it has not started by then
};

/// A message of a sender with a rate starts when it is its turn, the others at once. The turns are
/// dealt over the tenants as the messages were, so that what comes too late for its turn is not
/// always the same tenant's.
///
/// claimed  its messages are moved from
/// rate     starts a second of a sender; 0: no limit
std::vector<Turn> turns_of(Exchanged& claimed, int rate);

}  // namespace pgcourier::outbox
