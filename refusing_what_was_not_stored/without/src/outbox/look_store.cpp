#include "outbox/look_store.hpp"

#include "sql/outbox.hpp"

#include <optional>
#include <stdexcept>

namespace pgcourier::outbox {
namespace {

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

std::string_view to_text(LookAct act) {
    switch (act) {
        case LookAct::sent:
            return "sent";
        case LookAct::failed:
            return "failed";
        case LookAct::dead:
            return "dead";
        case LookAct::held:
            return "held";
        case LookAct::next_look:
            return "next look";
        case LookAct::retry_look:
            return "retry look";
    }
    throw std::logic_error{"an act that is none"};
}

}  // namespace

bool KnownSids::excludes(std::string_view sid, const MessageId& id) const {
    for (auto owner = owners_.lower_bound({std::string{sid}, {}});
         owner != owners_.end() && owner->first == sid; ++owner) {
        if (owner->second != id.value) return true;
    }
    return false;
}

std::vector<Look> claim_looks(pg::Connection& db, std::size_t limit,
                              std::chrono::milliseconds first_look,
                              std::chrono::milliseconds lease) {
    const pg::Call calls[] = {
        {sql::outbox::plan_by_index},
        {sql::outbox::look_claim, pg::Params{limit, first_look.count(), lease.count()}}};
    const pg::Rows rows = std::move(db.transact(calls)[1]);
    std::vector<Look> looks;
    looks.reserve(static_cast<std::size_t>(rows.size()));
    for (const pg::Row row : rows) {
        const WallTime attempted{std::chrono::milliseconds{row.int64(8)}};
        looks.push_back({.id = {row.string(0)},
                         .seq = row.int64(1),
                         .tenant_id = {row.string(2)},
                         .correlation_id = {row.string(3)},
                         .send = {.to = row.string(4),
                                  .from = row.string(5),
                                  .body = row.string(6),
                                  .is_template = row.boolean(7),
                                  .attempted = attempted},
                         .attempts = static_cast<int>(row.int64(9)),
                         .looks = static_cast<int>(row.int64(10)),
                         .failures = static_cast<int>(row.int64(11)),
                         .token = {row.string(12)},
                         .until_us = row.int64(13),
                         .account_sid = row.string(14)});
    }
    return looks;
}

KnownSids lock_and_find_known(pg::Connection& db, const std::vector<std::string>& sids) {
    const pg::Call calls[] = {{sql::outbox::plan_by_index},
                              {sql::outbox::look_lock},
                              {sql::outbox::look_known, pg::Params{sids}}};
    KnownSids known;
    const pg::Rows rows = std::move(db.pipeline(calls)[2]);
    for (const pg::Row row : rows) known.add(row.string(0), row.string(1));
    return known;
}

std::set<std::string> settle_looks(pg::Transaction& transaction,
                                   std::span<const LookResult> results, std::string_view by) {
    std::vector<std::int64_t> seqs;
    std::vector<std::string_view> tokens;
    std::vector<std::int64_t> untils;
    std::vector<std::string_view> acts;
    std::vector<std::optional<std::string>> sids;
    std::vector<std::optional<std::string>> senders;
    std::vector<std::optional<std::string>> reasons;
    std::vector<std::int64_t> waits;
    std::vector<std::string_view> freed_tenants;
    std::vector<std::string_view> freed_recipients;
    for (const auto& [look, step] : results) {
        seqs.push_back(look.seq);
        tokens.push_back(look.token.value);
        untils.push_back(look.until_us);
        acts.push_back(to_text(step.act));
        sids.push_back(unless_empty(step.sid));
        senders.push_back(unless_empty(step.from));
        reasons.push_back(unless_empty(step.reason));
        waits.push_back(step.wait.count());
        const bool is_settled =
            step.act == LookAct::sent || step.act == LookAct::failed || step.act == LookAct::dead;
        if (!is_settled) continue;
        freed_tenants.push_back(look.tenant_id.value);
        freed_recipients.push_back(look.send.to);
    }
    std::vector<pg::Call> calls{
        {sql::outbox::look_settle,
         pg::Params{seqs, tokens, untils, acts, sids, senders, reasons, waits, by}}};
    if (!freed_tenants.empty()) {
        calls.push_back(
            {sql::outbox::promote_lock, pg::Params{freed_tenants, freed_recipients, true}});
        calls.push_back({sql::outbox::promote});
        calls.push_back({sql::outbox::notify});
    }
    std::set<std::string> changed;
    const pg::Rows rows = std::move(transaction.commit(calls)[0]);
    for (const pg::Row row : rows) changed.insert(row.string(0));
    return changed;
}

}  // namespace pgcourier::outbox
