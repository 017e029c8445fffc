#pragma once
// Rows that cannot be written: a trigger or a constraint of the shop's refuses them, or they are
// damaged. They keep none of the others from what is done to all.

#include <atomic>
#include <cstddef>
#include <functional>

namespace pgcourier::outbox {

/// Does something to many rows at once; where one of them fails it, to each alone.
///
/// begin    where to begin: 0, or behind so many that were all refused the time before
/// step     does it to `limit` rows at most, passing over the first `offset`; returns how many
/// returns  how many in all; how many were refused is told in the log
/// throws   pg::Error for what is no row's fault
std::size_t refused_apart(int most, std::atomic<int>& begin,
                          const std::function<std::size_t(int limit, int offset)>& step);

}  // namespace pgcourier::outbox
