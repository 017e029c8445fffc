#pragma once
// What a sender says of what it settled: in the log, and as incidents.

#include "base/log.hpp"
#include "outbox/breaker.hpp"
#include "outbox/store.hpp"

#include <chrono>

namespace pgcourier::outbox {

/// call  how long the call took; 0: none was made
void tell_of(const Log& log, const Claimed& message, const Settlement& settlement,
             std::chrono::nanoseconds call);
/// Only of a scope that this batch opens or closes. Its number is masked.
void tell_of(const Log& log, const Scope& scope);

}  // namespace pgcourier::outbox
