#include "harness/bare_claim.hpp"

#include "harness/notification.hpp"

#include <chrono>
#include <stdexcept>

namespace pgcourier::bench {
namespace {

constexpr pg::Statement kInsert{
    "bench.bare_insert", "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ($1, $2, 'x')"};
// In the plans of the program's own claim.
constexpr pg::Statement kPlan{
    "bench.bare_plan",
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), "
    "set_config('plan_cache_mode', 'force_generic_plan', true)"};
constexpr pg::Statement kLease{
    "bench.bare_lease",
    "WITH due AS MATERIALIZED ("
    "    SELECT q.seq, q.message_id, q.tenant_id, q.recipient FROM outbox_queue AS q"
    "    WHERE q.due_at <= now() ORDER BY q.due_at, q.seq LIMIT 64 FOR UPDATE SKIP LOCKED)"
    "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, instance_id,"
    "                           sender, claimed_at, expires_at) "
    "SELECT d.tenant_id, d.recipient, d.seq, d.message_id, $1::text, 1, 'bare', '',"
    "       clock_timestamp(), clock_timestamp() + interval '30 s' "
    "FROM due AS d ON CONFLICT (tenant_id, recipient) DO NOTHING"};
constexpr pg::Statement kTake{
    "bench.bare_take",
    "UPDATE messages_out AS m SET status = 'sending', attempts = m.attempts + 1,"
    "       lease_token = $1::text, updated_at = clock_timestamp() AT TIME ZONE 'UTC' "
    "FROM outbox_leases AS l "
    "WHERE l.token = $1::text AND m.seq BETWEEN l.seq AND l.seq AND m.status = 'pending'"
    "  AND NOT EXISTS (SELECT FROM opt_outs AS o"
    "                  WHERE o.tenant_id = l.tenant_id AND o.phone_number = l.recipient) "
    "RETURNING m.seq, m.\"to\", m.body, m.attempts"};
constexpr pg::Statement kDequeue{"bench.bare_dequeue",
                                 "DELETE FROM outbox_queue AS q USING outbox_leases AS l "
                                 "WHERE l.token = $1::text AND q.seq BETWEEN l.seq AND l.seq"};

}  // namespace

BareClaim::BareClaim(const test::TestDatabase& db)
    : writer_{db.connect("bare writer")}, listener_{db.connect("bare claimer")} {
    listener_.exec_script("LISTEN messages_out");
}

double BareClaim::once(const std::string& tenant, const std::string& to) {
    const auto start = std::chrono::steady_clock::now();
    writer_.exec(kInsert, pg::Params{tenant, to});
    await_notification(listener_);
    const pg::Call calls[] = {
        {kPlan}, {kLease, pg::Params{to}}, {kTake, pg::Params{to}}, {kDequeue, pg::Params{to}}};
    if (listener_.transact(calls)[2].size() != 1)
        throw std::runtime_error{"the bare claim did not get its message"};
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

}  // namespace pgcourier::bench
