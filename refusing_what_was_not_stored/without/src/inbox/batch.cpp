#include "inbox/batch.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace pgcourier::inbox {

std::vector<std::size_t> insertion_order(std::span<const std::string_view> keys) {
    std::vector<std::size_t> order(keys.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [keys](std::size_t a, std::size_t b) {
        const int by_key = keys[a].compare(keys[b]);
        return by_key != 0 ? by_key < 0 : a < b;
    });
    const auto twins = std::unique(
        order.begin(), order.end(),
        [keys](std::size_t kept, std::size_t next) { return keys[kept] == keys[next]; });
    order.erase(twins, order.end());
    return order;
}

std::vector<std::int64_t> inserted_ids(std::span<const std::string_view> keys,
                                       std::span<const std::size_t> order,
                                       std::span<const Inserted> rows) {
    std::vector<std::int64_t> ids(keys.size(), 0);
    auto next = order.begin();
    for (const Inserted& row : rows) {
        // PostgreSQL returns them in the order of insertion; it does not promise to.
        if (next == order.end() || keys[*next] > row.key) next = order.begin();
        next = std::lower_bound(
            next, order.end(), row.key,
            [keys](std::size_t index, std::string_view key) { return keys[index] < key; });
        if (next == order.end() || keys[*next] != row.key) {
            throw std::logic_error{"the inbox got a row back that it had not inserted"};
        }
        ids[*next++] = row.event_id;
    }
    return ids;
}

}  // namespace pgcourier::inbox
