#pragma once
// The SQL of the outbox: claims under a lease, settlements by lease token, sweeping. Rows to
// structs and back; no policy.

#include "base/ids.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pgcourier::outbox {

/// A message that is ours to send until its lease ends.
struct Claimed {
    MessageId id;
    std::int64_t seq = 0;
    TenantId tenant_id;
    CorrelationId correlation_id;
    std::string to;    // bare
    std::string from;  // bare; empty: the tenant has no number, and there is no default
    std::string body;
    std::string media_url;
    std::string content_sid;
    std::string content_variables;
    int attempt = 0;  // this one; from 1
    LeaseToken token;
};

struct ClaimRequest {
    LeaseToken token;         // a fresh one for each claim
    std::size_t limit = 0;    // messages
    std::size_t look_at = 0;  // due rows; those not claimable among them are put out of the way
    std::chrono::milliseconds lease{30'000};
    std::string instance_id;
    std::string default_sender;  // bare; empty: none
};

struct Claim {
    std::vector<Claimed> messages;  // in the order of seq
    std::size_t looked_at = 0;
    std::size_t put_behind = 0;  // rows that it moved out of the way of later claims
    /// Until the next row falls due, among all that still wait; 0: one is due. nullopt: none waits.
    std::optional<std::chrono::milliseconds> next_due;
};

/// What makes a claimed message ours, and how its row in outbox_leases is found.
struct Lease {
    TenantId tenant_id;
    std::string recipient;
    LeaseToken token;
};

enum class Settled { sent, failed, dead, unknown, pending };

/// As messages_out.status holds it.
std::string_view to_text(Settled status);

/// What became of a claimed message.
struct Settlement {
    MessageId id;
    std::int64_t seq = 0;
    Lease lease;
    Settled status = Settled::unknown;
    int attempts = 0;                   // as the row is to hold them
    std::string message_sid;            // sent
    std::string from;                   // sent
    int code = 0;                       // Twilio's; 0: none
    std::string reason;                 // not sent
    std::chrono::milliseconds wait{0};  // failed, pending: until it is due
};

/// Leases up to `limit` due messages, the head of each free conversation, oldest first, and makes
/// them `sending`. Messages to people who opted out become `blocked` instead.
///
/// throws  pg::Error; on CommitUnknown they may be ours without our knowing: find_claimed() tells
/// SQL     queries/outbox/{claim_lease,claim_take,next_due}.sql
Claim claim(pg::Connection& db, const ClaimRequest& request);

/// Writes outcomes back, in one transaction. Rows whose token is no longer ours are left alone, so
/// that doing it again after CommitUnknown is safe.
///
/// returns  how many of them were still ours
/// SQL      queries/outbox/{settle,promote}.sql
std::size_t settle(pg::Connection& db, std::span<const Settlement> settlements);

/// Both in one transaction and one round trip: settlements first, so that their conversations go
/// on.
Claim settle_and_claim(pg::Connection& db, std::span<const Settlement> settlements,
                       const ClaimRequest& request);

/// The messages of a claim whose COMMIT got no reply. Only id, seq, tenant, recipient, attempt and
/// token are set. SQL  queries/outbox/find_claimed.sql
std::vector<Claimed> find_claimed(pg::Connection& db, const LeaseToken& token);

/// Makes leases last `lease` from now. Those that have ended and were swept are left alone.
/// SQL  queries/outbox/renew.sql
void renew(pg::Connection& db, std::span<const Lease> leases, std::chrono::milliseconds lease);

/// Makes messages `unknown` whose lease ended without an outcome. For every instance, each few
/// seconds.
///
/// returns  how many
/// SQL      queries/outbox/sweep.sql
std::size_t sweep(pg::Connection& db);

}  // namespace pgcourier::outbox
