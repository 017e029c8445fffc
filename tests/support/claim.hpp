#pragma once
// A claim as the sender makes it.

#include "outbox/exchange.hpp"

namespace pgcourier::test {

/// Looks once more where something that had to wait for its time may be claimed now.
inline outbox::Claim claim(outbox::Exchange& exchange, pg::Connection& db, std::size_t limit,
                           const LeaseToken& token) {
    outbox::Claim first = exchange.run(db, {}, limit, token).claim;
    if (first.has_ripened && first.messages.empty())
        return exchange.run(db, {}, limit, token).claim;
    return first;
}

}  // namespace pgcourier::test
