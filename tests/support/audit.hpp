#pragma once
// What became of all messages, by the provider's ledger and the tables alone: never by what the
// program says of itself. Each check lists what it holds against somebody, a line each; empty is
// good. Texts must occur once, see Cluster::write.

#include "pg/connection.hpp"
#include "sim/ledger.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pgcourier::test {

using Complaints = std::vector<std::string>;

/// Messages that reached a person twice, or will: taken, and yet waiting to be sent.
Complaints doubled(pg::Connection& db, const std::vector<sim::LedgerEntry>& ledger);

/// Messages that reach nobody: rows that are gone, said to be sent and never taken, or waiting
/// where no claim looks.
///
/// written  how many were inserted
Complaints lost(pg::Connection& db, const std::vector<sim::LedgerEntry>& ledger, int written);

/// Messages and conversations that nothing moves on: in flight without a lease or past its end, of
/// unknown outcome without anybody who will look, due and unclaimed, behind a lease of nobody.
///
/// patience  how long past its time something may be
Complaints stuck(pg::Connection& db, std::chrono::seconds patience);

/// People who got a later message before an earlier one. The order is that of the numbers at the
/// ends of the texts.
Complaints out_of_order(const std::vector<sim::LedgerEntry>& ledger);

/// Messages that were given up: dead, expired, blocked, canceled; or left to a person.
Complaints given_up(pg::Connection& db);

struct Open {
    std::int64_t sending;
    std::int64_t unknown;
    std::int64_t waiting;           // in the queue
    std::int64_t waiting_for_none;  // of these, those with no message of their conversation ahead
                                    // that is in flight or unknown
    /// Nothing goes on any more but the settling of unknown outcomes.
    bool is_quiet() const { return sending == 0 && waiting_for_none == 0; }
    bool is_settled() const { return sending == 0 && unknown == 0 && waiting == 0; }
};
Open open_messages(pg::Connection& db);

/// The complaints, the first few of them, for a test's message.
std::string first_of(const Complaints& complaints);

}  // namespace pgcourier::test
