#include "outbox/turns.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

namespace pgcourier::outbox {

std::vector<Turn> turns_of(Exchanged& claimed, int rate) {
    using Steady = std::chrono::steady_clock;
    std::unordered_map<std::string, std::size_t> shares;
    for (std::size_t i = 0; i < claimed.deal.shares.size(); ++i)
        shares.emplace(claimed.deal.shares[i].tenant.value, i);
    struct Dealt {
        std::size_t round;
        std::size_t share;
        Claimed* message;
    };
    std::vector<Dealt> order;
    std::vector<std::size_t> rounds(claimed.deal.shares.size());
    for (Claimed& message : claimed.claim.messages) {
        const std::size_t share = shares.at(message.tenant_id.value);
        order.push_back({rounds[share]++, share, &message});
    }
    std::ranges::sort(order, {}, [](const Dealt& t) { return std::pair{t.round, t.share}; });

    std::vector<Turn> turns;
    std::unordered_map<std::string, int> starts;
    for (const Dealt& turn : order) {
        Claimed& message = *turn.message;
        SteadyTime start_at = claimed.dealt_at;
        // Its scope waits for what becomes of it: the first free call is its.
        if (message.is_probe && rate == 0) start_at -= kStartWithin;
        SteadyTime latest = SteadyTime::max();
        if (rate > 0 && !message.from.empty()) {
            const Share& share = claimed.deal.shares[turn.share];
            const int start = starts[message.from]++;
            const auto offset = share.first_start + start_interval(rate) * start;
            start_at += std::chrono::duration_cast<Steady::duration>(offset);
            // The first one may come late: alone it is no burst, and something always goes out.
            if (start > 0 && !share.is_after_idle) latest = start_at + kLateBy;
        }
        turns.push_back({std::move(message), start_at, latest});
    }
    return turns;
}

}  // namespace pgcourier::outbox
