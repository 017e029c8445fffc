#pragma once
// One exchange with the database: outcomes in, messages to send out, in one transaction. First what
// the outcomes say about their scopes, then the settlements, so that their conversations go on,
// then the claim, dealt out over the tenants.

#include "base/clock.hpp"
#include "outbox/breaker.hpp"
#include "outbox/lanes.hpp"
#include "outbox/mark.hpp"
#include "outbox/step.hpp"
#include "outbox/store.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace pgcourier::outbox {

/// A claimed message that is ours no longer to send.
struct Done {
    Claimed message;
    std::optional<twilio::SendOutcome> outcome;  // nullopt: it was not started
    std::chrono::nanoseconds took{0};            // the call; 0: none was made
    /// What was made of it when it could not be written, since somebody else had the message
    /// locked.
    std::optional<Settlement> judged{};
};

struct ExchangeSettings {
    RetryPolicy policy;
    ScopeNames scopes;
    std::string instance_id;
    std::string account_sid;
    std::string default_sender;  // bare; empty: none
    int rate = 0;                // starts a second of a sender; 0: no limit
    std::chrono::milliseconds lease{30'000};
};

struct Exchanged {
    std::vector<Settlement> settled;  // one for each Done
    std::set<std::int64_t> locked;    // seqs of those that are not written: to be given again
    std::vector<Scope> scopes;        // those that were judged
    Claim claim;
    Deal deal;
    bool may_find_more = false;              // looking again at once is worth it
    SteadyTime dealt_at{};                   // what is dealt starts from then on
    std::chrono::nanoseconds claimed_at{0};  // by Clock::boottime: the leases began after it
    /// Until a limit lets something through that it holds up now.
    std::optional<std::chrono::milliseconds> limited_for{};
};

class Exchange {
  public:
    /// clock  outlives it
    explicit Exchange(ExchangeSettings settings, const Clock& clock = system_clock())
        : settings_{std::move(settings)}, clock_{clock} {}

    /// From now on outcomes are judged, and claims made, in these scopes and for this account.
    void use(ScopeNames scopes, std::string account_sid) {
        settings_.scopes = std::move(scopes);
        settings_.account_sid = std::move(account_sid);
    }

    /// limit  messages to claim; 0: none
    /// token  a fresh one for each claim
    /// throws pg::Error: nothing of it happened. pg::CommitUnknown: all or nothing of it; giving
    /// the same outcomes again is safe, and of the claim nothing was sent (find_claimed())
    Exchanged run(pg::Connection& db, std::span<const Done> done, std::size_t limit,
                  const LeaseToken& token);

    /// How long lately a claim took from dealing to the end of its commit.
    using Lead = std::chrono::duration<double, std::milli>;
    Lead lead() const { return lead_; }

    /// A claim failed by one message's own fault: the next one sets that aside, and is due at once.
    bool is_to_set_aside() const { return !suspect_.empty(); }

  private:
    Exchanged exchange(pg::Connection& db, std::span<const Done> done, std::size_t limit,
                       const LeaseToken& token, bool may_record);
    Exchanged without_refused_opt_outs(pg::Connection& db, std::span<const Done> done,
                                       std::size_t limit, const LeaseToken& token);
    std::vector<std::string> scopes_to_judge(std::span<const Done> done, SteadyTime now) const;
    void note_claim(const Lanes& found, Exchanged& result);
    void note_refused_claim(bool is_alone);
    void remember(const ScopeState& scope, SteadyTime now);
    void remember(const Scope& scope, SteadyTime now);

    ExchangeSettings settings_;
    const Clock& clock_;
    SteadyTime skips_locked_until_{};  // somebody's open transaction has held us up
    SteadyTime careful_until_{};       // one is claimed at a time
    std::string suspect_;              // a tenant: its next message is set aside
    std::string claims_of_;  // the tenant of which the claim under way takes one message alone
    std::map<std::int64_t, std::string> opted_out_;  // messages by seq: to be recorded
    std::vector<std::int64_t> recording_;            // those that the exchange under way records
    std::set<std::int64_t> not_recorded_;            // those that cannot be
    bool records_one_ = false;                       // at a time, since some cannot be
    Mark mark_;
    Marks marks_;                        // of the walk over the tenants that goes on
    bool were_many_ = false;             // messages due, at the last look
    std::string walk_from_;              // where it goes on; empty: the next one begins
    std::size_t lanes_until_now_ = 0;    // of this walk
    std::size_t lanes_of_walk_ = 0;      // of the last one that saw all tenants
    bool are_limited_together_ = false;  // lanes, at the last look
    bool walk_may_find_more_ = false;    // than it has taken until now
    std::uint64_t claims_ = 0;           // so many were made
    /// Tenants, and the last claim that served them.
    std::unordered_map<std::string, std::uint64_t> served_;
    Lead lead_{0};                 // from dealing to the end of the commit, lately
    std::size_t look_beyond_ = 0;  // grows while a lane shows nothing claimable
    std::optional<std::chrono::milliseconds> limited_for_;  // of the walk until now
    std::set<std::int64_t> in_doubt_;  // seqs: a commit of their outcomes was not answered
    /// When a success was last noted in a scope that was well: it need not be noted each time.
    std::unordered_map<std::string, SteadyTime> well_since_;
};

}  // namespace pgcourier::outbox
