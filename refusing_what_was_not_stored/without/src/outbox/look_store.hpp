#pragma once
// The SQL of looks at Twilio's list: takes messages of unknown outcome whose look is due, and
// writes back what came of it. Rows to structs and back; no policy.

#include "base/ids.hpp"
#include "outbox/candidates.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgcourier::outbox {

/// A message of unknown outcome that is ours to look up.
struct Look {
    MessageId id;
    std::int64_t seq = 0;
    TenantId tenant_id;
    CorrelationId correlation_id;
    UnknownSend send;
    int attempts = 0;
    int looks = 0;              // answered ones before this
    int failures = 0;           // failed ones in a row before this
    LeaseToken token;           // of the attempt
    std::int64_t until_us = 0;  // outbox_leases.look_at as this look has set it: a look that was
                                // overtaken by another one writes nothing
    std::string account_sid;    // that it was sent with; empty: not known
};

/// Takes messages whose next look is due, the longest waiting first, so that no other instance does
/// for as long as `lease`.
///
/// first_look  after the attempt
/// throws      pg::Error; what it took then falls due again when the lease ends
/// SQL         queries/outbox/look_claim.sql
std::vector<Look> claim_looks(pg::Connection& db, std::size_t limit,
                              std::chrono::milliseconds first_look,
                              std::chrono::milliseconds lease);

/// Twilio's ids that are accounted for.
class KnownSids {
  public:
    /// message_id  whose it is, as a callback says; empty: a message's row has it, whosever it is
    void add(std::string sid, std::string message_id) {
        owners_.emplace(std::move(sid), std::move(message_id));
    }
    /// Whether it is not what an attempt of this message may have become: another message's, or
    /// settled.
    bool excludes(std::string_view sid, const MessageId& id) const;

  private:
    std::set<std::pair<std::string, std::string>> owners_;
};

/// Only one process decides at a time, so that no sid is adopted for two messages: holds a lock
/// until the transaction ends. SQL  queries/outbox/{plan_by_index,look_lock,look_known}.sql
KnownSids lock_and_find_known(pg::Connection& db, const std::vector<std::string>& sids);

/// What became of a look.
struct LookResult {
    Look look;
    LookStep step;
};

/// Writes results back and ends the transaction. Messages that somebody settled meanwhile (a
/// callback, a person, a late answer) are left alone.
///
/// by       who found out, for the audit log: `list` or `policy`
/// returns  the ids of the messages that it changed
/// SQL      queries/outbox/{look_settle,promote,notify}.sql
std::set<std::string> settle_looks(pg::Transaction& transaction,
                                   std::span<const LookResult> results, std::string_view by);

}  // namespace pgcourier::outbox
