#pragma once
// The SQL of the outbox: claims under a lease, settlements by lease token, sweeping. Rows to
// structs and back; no policy. What is a part of a transaction (exchange.hpp) is a call and a
// reader of its answer.

#include "base/ids.hpp"
#include "outbox/lanes.hpp"
#include "outbox/mark.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
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
    int attempt = 0;        // this one; from 1
    int call = 0;           // of all calls made for it: what callbacks carry; from 1
    int deferrals = 0;      // how often it was put back without using an attempt
    bool is_probe = false;  // of a scope whose breaker is open
    /// From the claim until its time is over, a day at the most.
    std::chrono::milliseconds expires_in{std::chrono::days{1}};
    LeaseToken token;
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
    int deferrals = 0;                  // the same
    std::string message_sid;            // sent
    std::string from;                   // sent
    int code = 0;                       // Twilio's; 0: none
    std::string reason;                 // not sent
    std::chrono::milliseconds wait{0};  // failed, pending: until it is due
};

/// queries/outbox/lanes.sql
///
/// after  the walk begins behind this tenant; empty: with the first
/// marks  what fell due before is left alone
/// were_many  due messages, a moment ago: whether they are few is not asked
pg::Call lanes_call(const std::string& default_sender, const std::string& after, const Marks& marks,
                    bool were_many, const Reach& reach);
struct Lanes {
    std::vector<Lane> lanes;
    bool are_many = false;              // messages due: the next look need not ask
    bool is_walk = false;               // else all that is due was counted
    std::string next_walk;              // empty: the walk has seen all tenants
    DueTime now_due = 0;                // the database's time
    std::chrono::microseconds took{0};  // in the database
};
Lanes read_lanes(const pg::Rows& rows, const Reach& reach);

/// queries/outbox/first_due.sql
pg::Call first_due_call();
FirstDue read_first_due(const pg::Rows& rows);

/// queries/outbox/scopes.sql; after lanes_call() in the same transaction, whose senders it reads
/// too.
pg::Call scopes_call(const std::vector<std::string>& shared, int rate);
std::vector<ScopeState> read_scopes(const pg::Rows& rows);

/// queries/outbox/in_flight.sql
InFlight read_in_flight(const pg::Rows& rows);

/// A message that cannot be claimed.
struct SetAside {
    std::string message_id;
    std::string tenant_id;
};

struct LeaseOptions {
    LeaseToken token;              // a fresh one for each claim
    std::size_t look_beyond = 16;  // due rows of each lane, for those that are not claimable
    std::chrono::milliseconds lease{30'000};
    std::string instance_id;
    std::string account_sid;
    Marks marks{};  // as for lanes_call(); what is dealt is claimed from what the lanes found on
    int rate = 0;   // starts a second of a sender; 0: no limit
    std::chrono::duration<double, std::milli> lead{0};  // as it was dealt with
    bool sets_aside = false;  // what is found is not to be sent now, but put off
};
/// queries/outbox/{claim_lease,claim_take,set_aside,next_due}.sql: makes what was dealt ours.
void add_claim(std::vector<pg::Call>& calls, const Deal& deal, const LeaseOptions& options);
struct Claim {
    std::vector<Claimed> messages;    // in the order of seq
    std::size_t put_behind = 0;       // rows that it moved out of the way of later claims
    bool saw_not_all = false;         // of some lane
    std::vector<SetAside> set_aside;  // instead of being claimed
    /// Until the next row falls due; 0: one is due that somebody else has locked. nullopt: none
    /// waits.
    std::optional<std::chrono::milliseconds> next_due;
};
/// rows  of set_aside.sql, the second of these calls
std::vector<SetAside> read_set_aside(const pg::Rows& rows);
/// answers  those of the calls that add_claim() added
Claim read_claim(std::span<const pg::Rows> answers, const Deal& deal, const LeaseToken& token);

/// queries/outbox/{settle,promote}.sql: what settle() does, as part of a transaction.
///
/// skips_locked  what comes next in a conversation and is locked is left for a minute: whoever has
///               it locked is no claim
void add_settlement(std::vector<pg::Call>& calls, std::span<const Settlement> settlements,
                    bool skips_locked = false);
/// The seqs of those that somebody else has locked.
///
/// answer  to the first call that add_settlement() added
std::set<std::int64_t> read_locked(const pg::Rows& answer);

/// Writes outcomes back, in one transaction. Rows whose token is no longer ours are left alone, so
/// that doing it again after CommitUnknown is safe; and those that somebody else has locked.
///
/// returns  how many of them were still ours, and could be written
/// SQL      queries/outbox/{settle,promote}.sql
std::size_t settle(pg::Connection& db, std::span<const Settlement> settlements);

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
/// A message that cannot be written stays as it is, and keeps no other one so.
std::size_t sweep(pg::Connection& db);

}  // namespace pgcourier::outbox
