#include "support/audit.hpp"

#include "base/address.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>

namespace pgcourier::test {
namespace {

constexpr pg::Statement kMessages{"audit_messages",
                                  "SELECT m.\"to\", m.body, m.status, "
                                  "       m.held_reason IS NOT NULL OR EXISTS (SELECT FROM "
                                  "outbox_queue AS q WHERE q.seq = m.seq) "
                                  "FROM messages_out AS m"};

// outbox_leases.look_at says when somebody looks for an unknown message next; NULL: some time after
// its claim.
constexpr pg::Statement kStuck{"audit_stuck", R"(
SELECT m.status || ' without a lease: ' || m.body
FROM messages_out AS m
WHERE m.status IN ('sending', 'unknown') AND m.held_reason IS NULL
  AND NOT EXISTS (SELECT FROM outbox_leases AS l WHERE l.message_id = m.id AND l.token = m.lease_token)
UNION ALL
SELECT 'in flight past the end of its lease: ' || m.body
FROM messages_out AS m
JOIN outbox_leases AS l ON l.message_id = m.id
WHERE l.unknown_since IS NULL AND l.expires_at < clock_timestamp() - $1::integer * interval '1 s'
UNION ALL
SELECT 'unknown, and nobody will look soon: ' || m.body
FROM messages_out AS m
JOIN outbox_leases AS l ON l.message_id = m.id
WHERE l.unknown_since IS NOT NULL AND l.look_at > clock_timestamp() + interval '5 min' AND m.held_reason IS NULL
UNION ALL
SELECT 'a lease of nobody: ' || l.message_id
FROM outbox_leases AS l
WHERE NOT EXISTS (SELECT FROM messages_out AS m
                  WHERE m.id = l.message_id AND m.status IN ('sending', 'unknown'))
UNION ALL
SELECT 'waits and is ' || coalesce(m.status, 'gone') || ': ' || coalesce(m.body, q.message_id)
FROM outbox_queue AS q
LEFT JOIN messages_out AS m ON m.seq = q.seq
WHERE m.status IS NULL OR m.status NOT IN ('pending', 'failed')
UNION ALL
SELECT 'due and not claimed: ' || m.body
FROM outbox_queue AS q
JOIN messages_out AS m ON m.seq = q.seq
WHERE q.due_at < clock_timestamp() - $1::integer * interval '1 s'
  AND NOT EXISTS (SELECT FROM outbox_leases AS l WHERE l.tenant_id = q.tenant_id AND l.recipient = q.recipient)
  AND NOT EXISTS (SELECT FROM outbox_queue AS a
                  WHERE a.tenant_id = q.tenant_id AND a.recipient = q.recipient AND a.seq < q.seq))"};

constexpr pg::Statement kGivenUp{"audit_given_up",
                                 "SELECT status || ' ' || coalesce(held_reason, last_error, '') || "
                                 "': ' || body FROM messages_out "
                                 "WHERE status IN ('dead', 'expired', 'blocked', 'canceled') OR "
                                 "held_reason IS NOT NULL"};

constexpr pg::Statement kOpen{"audit_open", R"(
SELECT (SELECT count(*) FROM messages_out WHERE status = 'sending'),
       (SELECT count(*) FROM messages_out WHERE status = 'unknown'),
       (SELECT count(*) FROM outbox_queue),
       (SELECT count(*) FROM outbox_queue AS q
        WHERE NOT EXISTS (SELECT FROM outbox_leases AS l
                          WHERE l.tenant_id = q.tenant_id AND l.recipient = q.recipient)))"};

using Key = std::pair<std::string, std::string>;  // recipient, text

std::map<Key, int> taken(const std::vector<sim::LedgerEntry>& ledger) {
    std::map<Key, int> counts;
    for (const sim::LedgerEntry& e : ledger) {
        if (e.kind == "create" && e.accepted) ++counts[{std::string{bare_address(e.to)}, e.body}];
    }
    return counts;
}

std::int64_t number_at_end(const std::string& text) {
    const auto last = text.find_last_not_of("0123456789");
    const std::size_t first = last == std::string::npos ? 0 : last + 1;
    std::int64_t number = -1;
    std::from_chars(text.data() + first, text.data() + text.size(), number);
    return number;
}

Complaints texts(const pg::Rows& rows) {
    Complaints lines;
    for (const pg::Row row : rows) lines.push_back(row.string(0));
    return lines;
}

}  // namespace

Complaints doubled(pg::Connection& db, const std::vector<sim::LedgerEntry>& ledger) {
    Complaints complaints;
    const std::map<Key, int> counts = taken(ledger);
    for (const auto& [key, count] : counts) {
        if (count > 1) complaints.push_back(fmt::format("sent {} times: {}", count, key.second));
    }
    for (const pg::Row row : db.exec(kMessages)) {
        const std::string status = row.string(2);
        if ((status == "pending" || status == "failed") &&
            counts.contains({row.string(0), row.string(1)}))
            complaints.push_back(fmt::format("taken and yet {}: {}", status, row.string(1)));
    }
    return complaints;
}

Complaints lost(pg::Connection& db, const std::vector<sim::LedgerEntry>& ledger, int written) {
    Complaints complaints;
    const std::map<Key, int> counts = taken(ledger);
    const pg::Rows rows = db.exec(kMessages);
    if (rows.size() < written)
        complaints.push_back(fmt::format("{} rows are gone", written - rows.size()));
    for (const pg::Row row : rows) {
        const std::string status = row.string(2);
        if (status == "sent" && !counts.contains({row.string(0), row.string(1)}))
            complaints.push_back("said to be sent, never taken: " + row.string(1));
        if ((status == "pending" || status == "failed") && !row.boolean(3))
            complaints.push_back(fmt::format("{} where no claim looks: {}", status, row.string(1)));
    }
    return complaints;
}

Complaints stuck(pg::Connection& db, std::chrono::seconds patience) {
    return texts(db.exec(kStuck, pg::Params{patience.count()}));
}

Complaints out_of_order(const std::vector<sim::LedgerEntry>& ledger) {
    Complaints complaints;
    std::map<std::string, std::int64_t> newest;
    for (const sim::LedgerEntry& e : ledger) {
        if (e.kind != "create" || !e.accepted) continue;
        const auto [last, is_first] = newest.try_emplace(e.to, -1);
        const std::int64_t number = number_at_end(e.body);
        if (number < last->second)
            complaints.push_back(fmt::format("{} came after number {}", e.body, last->second));
        last->second = std::max(last->second, number);
    }
    return complaints;
}

Complaints given_up(pg::Connection& db) {
    return texts(db.exec(kGivenUp));
}

Open open_messages(pg::Connection& db) {
    const pg::Rows rows = db.exec(kOpen);
    return {rows[0].int64(0), rows[0].int64(1), rows[0].int64(2), rows[0].int64(3)};
}

std::string first_of(const Complaints& complaints) {
    constexpr std::size_t kMost = 5;
    std::string text = fmt::format("{} complaints", complaints.size());
    for (std::size_t i = 0; i < std::min(kMost, complaints.size()); ++i)
        text += "\n  " + complaints[i];
    return text;
}

}  // namespace pgcourier::test
