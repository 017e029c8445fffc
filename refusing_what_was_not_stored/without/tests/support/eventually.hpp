#pragma once
// To wait for another thread or process: never a bare sleep.

#include <chrono>
#include <functional>

namespace pgcourier::test {

/// Looks every 10 ms until `predicate` holds.
/// returns  false when it still does not at the deadline
bool eventually(const std::function<bool()>& predicate,
                std::chrono::milliseconds deadline = std::chrono::milliseconds{10000});

}  // namespace pgcourier::test
