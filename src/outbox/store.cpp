#include "outbox/store.hpp"

#include "sql/outbox.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

void add_settlement(std::vector<pg::Call>& calls, std::span<const Settlement> settlements) {
    std::vector<std::int64_t> seqs;
    std::vector<std::string_view> tokens;
    std::vector<std::string_view> statuses;
    std::vector<std::int32_t> attempts;
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
        sids.push_back(unless_empty(s.message_sid));
        senders.push_back(unless_empty(s.from));
        codes.push_back(s.code == 0 ? std::nullopt : std::optional{s.code});
        reasons.push_back(unless_empty(s.reason));
        waits.push_back(is_due_again ? std::optional<std::int64_t>{s.wait.count()} : std::nullopt);
        if (s.status == Settled::unknown) continue;
        freed_tenants.push_back(s.lease.tenant_id.value);
        freed_recipients.push_back(s.lease.recipient);
    }
    pg::Params settle{seqs, tokens, statuses, attempts, sids, senders, codes, reasons, waits};
    calls.push_back({sql::outbox::settle, std::move(settle)});
    calls.push_back({sql::outbox::promote, pg::Params{freed_tenants, freed_recipients}});
}

void add_claim(std::vector<pg::Call>& calls, const ClaimRequest& request) {
    const std::size_t look_at = std::max(request.look_at, request.limit);
    calls.push_back(
        {sql::outbox::claim_lease, pg::Params{request.token.value, request.limit, look_at,
                                              request.lease.count(), request.instance_id}});
    calls.push_back({sql::outbox::claim_take,
                     pg::Params{request.token.value, unless_empty(request.default_sender)}});
    calls.push_back({sql::outbox::next_due});
}

// The last three of a transaction's answers are add_claim's.
Claim read_claim(std::span<const pg::Rows> answers, const LeaseToken& token) {
    const auto last = answers.last(3);
    Claim claim;
    claim.looked_at = static_cast<std::size_t>(last[0][0].int64(0));
    claim.put_behind = static_cast<std::size_t>(last[0][0].int64(1));
    claim.messages.reserve(static_cast<std::size_t>(last[1].size()));
    for (const pg::Row row : last[1]) {
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
                                  .token = token});
    }
    if (!last[2].empty()) claim.next_due = std::chrono::milliseconds{last[2][0].int64(0)};
    return claim;
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

Claim claim(pg::Connection& db, const ClaimRequest& request) {
    return settle_and_claim(db, {}, request);
}

std::size_t settle(pg::Connection& db, std::span<const Settlement> settlements) {
    std::vector<pg::Call> calls{{sql::outbox::plan_by_index}};
    add_settlement(calls, settlements);
    return static_cast<std::size_t>(db.transact(calls)[1].size());
}

Claim settle_and_claim(pg::Connection& db, std::span<const Settlement> settlements,
                       const ClaimRequest& request) {
    std::vector<pg::Call> calls{{sql::outbox::plan_by_index}};
    if (!settlements.empty()) add_settlement(calls, settlements);
    add_claim(calls, request);
    return read_claim(db.transact(calls), request.token);
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
    const pg::Call calls[] = {{sql::outbox::plan_by_index}, {sql::outbox::sweep}};
    return static_cast<std::size_t>(db.transact(calls)[1].size());
}

}  // namespace pgcourier::outbox
