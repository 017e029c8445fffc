#include "outbox/store.hpp"

#include "outbox/metrics.hpp"
#include "outbox/refused.hpp"
#include "sql/outbox.hpp"

#include <algorithm>
#include <atomic>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

// So many due messages are looked at together, whosever they are; when there are more, the index is
// walked tenant by tenant.
constexpr int kFewDue = 256;
constexpr int kTenantsAWalk = 64;
constexpr int kTenantsAWalkFromMarks = 1'024;  // with messages or without
// So many due messages tell whose marks lie below all others'.
constexpr int kMostFirstDue = 10'000;
// Where one tenant's mark is so far below the others', looking at all of them together from there
// on would walk what the others' claims have left.
constexpr DueTime kFarBelow = 5'000'000;
// A probe whose outcome nobody wrote back is followed by another one then: at most one a minute.
constexpr milliseconds kProbeAgain{60'000};

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

}  // namespace

std::string_view to_text(Settled status) {
    switch (status) {
        case Settled::sent:
            return "sent";
        case Settled::failed:
            return "failed";
        case Settled::dead:
            return "dead";
        case Settled::unknown:
            return "unknown";
        case Settled::pending:
            return "pending";
    }
    throw std::logic_error{"a status that is none"};
}

pg::Call lanes_call(const std::string& default_sender, const std::string& after, const Marks& marks,
                    bool were_many, const Reach& reach) {
    const bool asks =
        marks.are_none() || (!were_many && *marks.others() - *marks.lowest() < kFarBelow);
    const int few = asks ? kFewDue : 0;
    const int visits = marks.are_none() ? kTenantsAWalk : kTenantsAWalkFromMarks;
    return {sql::outbox::lanes,
            pg::Params{unless_empty(default_sender), after, few, visits, marks.lowest(),
                       marks.others(), marks.json(), reach.enough, reach.of_each}};
}

Lanes read_lanes(const pg::Rows& rows, const Reach& reach) {
    Lanes found;
    std::size_t due = 0;
    for (const pg::Row row : rows) {
        found.next_walk = row.string(5);
        found.now_due = row.int64(8);
        found.took = std::chrono::microseconds{row.int64(9)};
        found.is_walk = row.boolean(10);
        if (row.is_null(0)) break;  // nobody has anything due here
        found.lanes.push_back({.tenant = {row.string(0)},
                               .sender = row.string(1),
                               .due = static_cast<std::size_t>(row.int64(2)),
                               .has_more = found.is_walk && row.int64(2) >= reach.of_each,
                               .deferrals = static_cast<int>(row.int64(3)),
                               .is_paused = row.boolean(4),
                               .first_due = row.int64(7)});
        due += found.lanes.back().due;
    }
    // Of a shop that has many, a few are counted.
    found.are_many = due >= kFewDue / 4;
    return found;
}

pg::Call first_due_call() {
    return {sql::outbox::first_due, pg::Params{kMostFirstDue}};
}

FirstDue read_first_due(const pg::Rows& rows) {
    FirstDue first;
    for (const pg::Row row : rows) {
        first.took = std::chrono::microseconds{row.int64(2)};
        if (row.is_null(0)) {
            first.others = row.int64(1);
            first.messages = static_cast<std::size_t>(row.int64(3));
            first.is_whole = first.messages < kMostFirstDue;
        } else {
            first.tenants.emplace(row.string(0), row.int64(1));
        }
    }
    return first;
}

pg::Call scopes_call(const std::vector<std::string>& shared, int rate) {
    return {sql::outbox::scopes, pg::Params{shared, rate > 0}};
}

std::vector<ScopeState> read_scopes(const pg::Rows& rows) {
    std::vector<ScopeState> scopes;
    for (const pg::Row row : rows) {
        ScopeState& scope = scopes.emplace_back();
        scope.name = row.string(0);
        scope.is_known = row.boolean(1);
        scope.is_ours = row.boolean(2);
        scope.calls = static_cast<int>(row.int64(3));
        scope.is_open = row.boolean(4);
        if (!row.is_null(5)) scope.probe_in = milliseconds{row.int64(5)};
        if (!row.is_null(6)) scope.success_ago = milliseconds{row.int64(6)};
        if (!row.is_null(7)) scope.next_start_in_ms = row.number(7);
        scope.has_failed = row.boolean(8);
    }
    return scopes;
}

InFlight read_in_flight(const pg::Rows& rows) {
    InFlight in_flight;
    for (const pg::Row row : rows) {
        const int calls = static_cast<int>(row.int64(1));
        in_flight.by_sender[row.string(0)] = calls;
        in_flight.total += calls;
    }
    return in_flight;
}

void add_claim(std::vector<pg::Call>& calls, const Deal& deal, const LeaseOptions& options) {
    if (!deal.shares.empty()) {
        std::vector<std::string_view> tenants;
        std::vector<std::int32_t> messages;
        std::vector<std::string_view> senders;
        std::vector<bool> probes;
        std::vector<DueTime> first_due;
        for (const Share& share : deal.shares) {
            tenants.push_back(share.tenant.value);
            messages.push_back(share.messages);
            senders.push_back(share.sender);
            probes.push_back(share.is_probe);
            first_due.push_back(share.first_due);
        }
        const double interval_ms = options.rate > 0 ? start_interval(options.rate).count() : 0;
        calls.push_back({sql::outbox::claim_lease,
                         pg::Params{options.token.value, tenants, messages, senders,
                                    options.look_beyond, options.lease.count(), options.instance_id,
                                    probes, options.account_sid, first_due}});
        if (options.sets_aside) {
            calls.push_back({sql::outbox::set_aside, pg::Params{options.token.value}});
        } else {
            calls.push_back(
                {sql::outbox::claim_take, pg::Params{options.token.value, interval_ms, deal.probes,
                                                     kProbeAgain.count(), options.lead.count()}});
        }
    }
    std::vector<std::optional<DueTime>> marks;
    for (const std::string& tenant : deal.whole) marks.push_back(options.marks.of(tenant));
    calls.push_back({sql::outbox::next_due, pg::Params{deal.whole, marks}});
}

std::vector<SetAside> read_set_aside(const pg::Rows& rows) {
    std::vector<SetAside> all;
    for (const pg::Row row : rows)
        all.push_back({.message_id = row.string(0), .tenant_id = row.string(1)});
    return all;
}

Claim read_claim(std::span<const pg::Rows> answers, const Deal& deal, const LeaseToken& token) {
    Claim claim;
    if (const pg::Rows& due = answers.back(); !due.empty())
        claim.next_due = milliseconds{due[0].int64(0)};
    if (deal.shares.empty()) return claim;
    claim.put_behind = static_cast<std::size_t>(answers[0][0].int64(1));
    claim.saw_not_all = answers[0][0].boolean(2);
    claim.messages.reserve(static_cast<std::size_t>(answers[1].size()));
    for (const pg::Row row : answers[1]) {
        const auto share = std::ranges::find(deal.shares, row.text(2),
                                             [](const Share& s) { return s.tenant.value; });
        claim.messages.push_back({.id = {row.string(0)},
                                  .seq = row.int64(1),
                                  .tenant_id = {row.string(2)},
                                  .correlation_id = {row.string(9)},
                                  .to = row.string(3),
                                  .from = row.string(10),
                                  .body = row.string(4),
                                  .media_url = row.string(5),
                                  .content_sid = row.string(6),
                                  .content_variables = row.string(7),
                                  .attempt = static_cast<int>(row.int64(8)),
                                  .call = static_cast<int>(row.int64(12)),
                                  .deferrals = static_cast<int>(row.int64(11)),
                                  .is_probe = share != deal.shares.end() && share->is_probe,
                                  .expires_in = milliseconds{row.int64(13)},
                                  .token = token});
    }
    return claim;
}

void add_settlement(std::vector<pg::Call>& calls, std::span<const Settlement> settlements,
                    bool skips_locked) {
    std::vector<std::int64_t> seqs;
    std::vector<std::string_view> tokens;
    std::vector<std::string_view> statuses;
    std::vector<std::int32_t> attempts;
    std::vector<std::int32_t> deferrals;
    std::vector<std::optional<std::string>> sids;
    std::vector<std::optional<std::string>> senders;
    std::vector<std::optional<std::int32_t>> codes;
    std::vector<std::optional<std::string>> reasons;
    std::vector<std::optional<std::int64_t>> waits;
    std::vector<std::string_view> freed_tenants;
    std::vector<std::string_view> freed_recipients;
    for (const Settlement& s : settlements) {
        const bool is_due_again = s.status == Settled::failed || s.status == Settled::pending;
        seqs.push_back(s.seq);
        tokens.push_back(s.lease.token.value);
        statuses.push_back(to_text(s.status));
        attempts.push_back(s.attempts);
        deferrals.push_back(s.deferrals);
        sids.push_back(unless_empty(s.message_sid));
        senders.push_back(unless_empty(s.from));
        codes.push_back(s.code == 0 ? std::nullopt : std::optional{s.code});
        reasons.push_back(unless_empty(s.reason));
        waits.push_back(is_due_again ? std::optional<std::int64_t>{s.wait.count()} : std::nullopt);
        if (s.status == Settled::unknown) continue;
        freed_tenants.push_back(s.lease.tenant_id.value);
        freed_recipients.push_back(s.lease.recipient);
    }
    pg::Params settle{seqs,    tokens, statuses, attempts, sids,
                      senders, codes,  reasons,  waits,    deferrals};
    calls.push_back({sql::outbox::settle, std::move(settle)});
    calls.push_back(
        {sql::outbox::promote_lock, pg::Params{freed_tenants, freed_recipients, skips_locked}});
    calls.push_back({sql::outbox::promote});
}

std::set<std::int64_t> read_locked(const pg::Rows& answer) {
    std::set<std::int64_t> seqs;
    for (const pg::Row row : answer) {
        if (row.boolean(1)) seqs.insert(row.int64(0));
    }
    return seqs;
}

std::size_t settle(pg::Connection& db, std::span<const Settlement> settlements) {
    std::vector<pg::Call> calls{{sql::outbox::plan_by_index}};
    add_settlement(calls, settlements);
    const std::vector<pg::Rows> answers = db.transact(calls);
    return static_cast<std::size_t>(answers[1].size()) - read_locked(answers[1]).size();
}

std::vector<Claimed> find_claimed(pg::Connection& db, const LeaseToken& token) {
    std::vector<Claimed> found;
    for (const pg::Row row : db.exec(sql::outbox::find_claimed, pg::Params{token.value})) {
        Claimed& message = found.emplace_back();
        message.id = {row.string(0)};
        message.seq = row.int64(1);
        message.tenant_id = {row.string(2)};
        message.to = row.string(3);
        message.attempt = static_cast<int>(row.int64(4));
        message.deferrals = static_cast<int>(row.int64(5));
        message.token = token;
    }
    return found;
}

void renew(pg::Connection& db, std::span<const Lease> leases, std::chrono::milliseconds lease) {
    std::vector<std::string_view> tenants;
    std::vector<std::string_view> recipients;
    std::vector<std::string_view> tokens;
    for (const Lease& l : leases) {
        tenants.push_back(l.tenant_id.value);
        recipients.push_back(l.recipient);
        tokens.push_back(l.token.value);
    }
    const pg::Call calls[] = {
        {sql::outbox::plan_by_index},
        {sql::outbox::renew, pg::Params{tenants, recipients, tokens, lease.count()}}};
    db.transact(calls);
}

std::size_t sweep(pg::Connection& db) {
    constexpr int kMost = 1'000;
    static std::atomic<int> begin{0};
    return refused_apart(kMost, begin, [&db](int limit, int offset) {
        const pg::Call calls[] = {{sql::outbox::plan_by_index},
                                  {sql::outbox::sweep, pg::Params{limit, offset}}};
        const auto count = static_cast<std::size_t>(db.transact(calls)[1].size());
        lost_leases().Increment(static_cast<double>(count));
        return count;
    });
}

}  // namespace pgcourier::outbox
