#pragma once
// What one transaction of the inbox holds, decided purely: which of the waiting events go into it
// and in what order, and whom each returned row answers. Knows neither the database nor time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pgcourier::inbox {

/// The order in which waiting events are inserted: ascending by key (bytewise), each key once.
///
/// keys     of the waiting events, in the order in which they came
/// returns  indexes into `keys`: of twins the one that came first
std::vector<std::size_t> insertion_order(std::span<const std::string_view> keys);

/// A row that the insert returned.
struct Inserted {
    std::string_view key;
    std::int64_t event_id = 0;
};

/// Which event each returned row is.
///
/// order    what insertion_order(keys) gave
/// rows     in any order
/// returns  for each of `keys` its row's id, or 0 when it was not inserted: a twin came before it,
///          here or elsewhere
std::vector<std::int64_t> inserted_ids(std::span<const std::string_view> keys,
                                       std::span<const std::size_t> order,
                                       std::span<const Inserted> rows);

}  // namespace pgcourier::inbox
