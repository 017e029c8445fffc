#pragma once
// Two shops that both write to Anna and to Bert: what a statement does to one of these four
// conversations it must not do to another, which has the shop, the person or the state in common.

#include "support/eventually.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pgcourier::test {

struct Crowd {
    TestDatabase db;
    pg::Connection connection = db.connect();

    Crowd() {
        db.exec(R"(
            INSERT INTO tenants (id, name, whatsapp_phone_number)
            VALUES ('one', 'one', '+33700000001'), ('two', 'two', '+33700000002');
            CREATE TABLE crowd AS
            SELECT s.shop || '.' || p.person AS name, s.shop, p.person, s.place + p.place AS place
            FROM (VALUES ('one', 0), ('two', 2)) AS s (shop, place),
                 (VALUES ('anna', 0), ('bert', 1)) AS p (person, place))");
    }

    /// Rows as other statements would have left them: no trigger says anything to it.
    void exec(const std::string& script) const {
        db.exec("SET session_replication_role = replica; " + script);
    }

    /// Messages `one.anna.1` … `two.bert.3`, in turns: the first of each conversation has this
    /// status and, when it is `sending` or `unknown`, a lease. All leases have the token `token`,
    /// as those that one claim took. The others are behind it. One that is `pending` or `failed` is
    /// in the queue, due a second ago.
    void conversations(const std::string& status) const {
        const bool is_leased = status == "sending" || status == "unknown";
        exec(fmt::format(R"(
            INSERT INTO messages_out (id, seq, tenant_id, "to", body, status, lease_token, attempts, calls, correlation_id)
            SELECT c.name || '.' || n, 10 * n + c.place, c.shop, c.person, 'text ' || c.name || n,
                   CASE n WHEN 1 THEN '{0}' ELSE 'pending' END, CASE WHEN n = 1 AND {1} THEN 'token' END,
                   (n = 1 AND {1})::integer, (n = 1 AND {1})::integer, 'correlation ' || c.name || n
            FROM crowd AS c, generate_series(1, 3) AS n;
            INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, instance_id, claimed_at, expires_at,
                                       sender, account_sid, unknown_since, look_at)
            SELECT m.tenant_id, m."to", m.seq, m.id, m.lease_token, 1, 'i', now(), now() + interval '1 h', t.whatsapp_phone_number,
                   'AC1', CASE WHEN '{0}' = 'unknown' THEN now() END, CASE WHEN '{0}' = 'unknown' THEN now() END
            FROM messages_out AS m JOIN tenants AS t ON t.id = m.tenant_id WHERE m.lease_token IS NOT NULL;
            INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, is_behind)
            SELECT m.seq, m.id, m.tenant_id, m."to", now() + CASE WHEN m.seq >= 20 THEN interval '1 h' ELSE interval '-1 s' END, m.seq >= 20
            FROM messages_out AS m WHERE m.lease_token IS NULL AND m.status IN ('pending', 'failed'))",
                         status, is_leased));
    }

    /// What is other than it was: `message one.anna.1`, `queue one.anna.2`, `lease one.anna`,
    /// `event message_sent one.anna.1`, …
    template <class Act>
    std::vector<std::string> changed(Act act) const {
        const std::vector<std::string> before = everything();
        act();
        const std::vector<std::string> after = everything();
        std::vector<std::string> differ;
        std::ranges::set_symmetric_difference(before, after, std::back_inserter(differ));
        std::set<std::string> names;
        for (const std::string& row : differ) names.insert(row.substr(0, row.find('|')));
        return {names.begin(), names.end()};
    }

    std::string value(const std::string& query) const { return db.query_value(query); }

    /// Does it while another session has made this change; the other one commits as soon as we wait
    /// for it. On a thread of its own: no BOOST_TEST in it.
    template <class Act>
    void beside(const std::string& change, Act act) const {
        pg::Connection other = db.connect();
        other.exec_script("BEGIN; SET LOCAL session_replication_role = replica");
        other.exec_script(change.c_str());
        std::string error;
        std::jthread acting{[&] {
            try {
                act();
            } catch (const std::exception& e) {
                error = e.what();
            }
        }};
        BOOST_TEST(eventually([&] {
            return value(
                       "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                       "current_database() AND wait_event_type = 'Lock'") == "1";
        }));
        other.exec_script("COMMIT");
        acting.join();
        BOOST_TEST(error == "");
    }

  private:
    std::vector<std::string> everything() const {
        std::vector<std::string> rows = db.query_rows(R"(
            SELECT 'message ' || x.id, to_jsonb(x) - 'updated_at' FROM messages_out AS x
            UNION ALL SELECT 'queue ' || x.message_id, to_jsonb(x) FROM outbox_queue AS x
            UNION ALL SELECT 'lease ' || x.tenant_id || '.' || x.recipient, to_jsonb(x) FROM outbox_leases AS x
            UNION ALL SELECT 'event ' || x.event_type || ' ' || coalesce(x.entity_id, ''), to_jsonb(x) FROM event_log AS x
            UNION ALL SELECT 'letter ' || (x.payload ->> 'message_out_id'), to_jsonb(x)
                      FROM dead_letter_jobs AS x WHERE x.job_type = 'message_out'
            UNION ALL SELECT 'letter ' || x.job_type || ' ' || x.id, to_jsonb(x)
                      FROM dead_letter_jobs AS x WHERE x.job_type <> 'message_out'
            UNION ALL SELECT 'scope ' || x.scope, to_jsonb(x) FROM outbox_scopes AS x
            UNION ALL SELECT 'opt-out ' || x.tenant_id || '.' || x.phone_number, to_jsonb(x) FROM opt_outs AS x
            UNION ALL SELECT 'callback ' || x.provider_message_id || ' ' || x.status, to_jsonb(x) FROM delivery_events AS x
            UNION ALL SELECT 'queued webhook ' || x.id, to_jsonb(x) FROM webhook_queue AS x
            UNION ALL SELECT 'received ' || x.provider_message_id, to_jsonb(x) FROM messages_in AS x
            UNION ALL SELECT 'webhook ' || x.key, to_jsonb(x) FROM webhook_events AS x
            UNION ALL SELECT 'key ' || x.tenant_id || '.' || x.dedupe_key, to_jsonb(x) FROM outbox_dedupe_keys AS x)");
        std::ranges::sort(rows);
        return rows;
    }
};

/// TEST_CHANGED(crowd.changed(…), "message one.anna.1", …): these and nothing else.
#define TEST_CHANGED(found, ...) \
    BOOST_TEST((found) == (std::vector<std::string>{__VA_ARGS__}), boost::test_tools::per_element())

}  // namespace pgcourier::test
