#include "harness/backlog.hpp"

#include "harness/system.hpp"
#include "inbox/event.hpp"
#include "inbox/store.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pgcourier::bench {
namespace {

inbox::NewEvent webhook(std::int64_t number, int tenants) {
    const auto index = static_cast<std::uint64_t>(number);
    const twilio::Params form = test::inbound_form(
        index, client_number(index % 10000), tenant_number(static_cast<int>(number % tenants)),
        fmt::format("Bonjour, avez-vous encore la robe {} en 38 ?", number));
    return inbox::new_event(inbox::Source::webhook, twilio::BodyFormat::form,
                            twilio::encode_form(form), "", "");
}

}  // namespace

pg::Connection patient(const test::TestDatabase& db) {
    pg::ConnectOptions options = db.options("fill");
    options.statement_timeout = std::chrono::hours{1};
    options.answer_timeout = std::chrono::hours{1};
    pg::Connection connection{std::move(options)};
    connection.exec_script("SET synchronous_commit = off");
    return connection;
}

void store_webhooks(pg::Connection& connection, std::int64_t first, std::int64_t end, int tenants) {
    std::vector<inbox::NewEvent> events;
    for (std::int64_t i = first; i < end; ++i) events.push_back(webhook(i, tenants));
    std::vector<const inbox::NewEvent*> pointers;
    for (const inbox::NewEvent& event : events) pointers.push_back(&event);
    inbox::insert_events(connection, pointers);
}

void store_small_events(const test::TestDatabase& db, std::int64_t count, const std::string& to) {
    constexpr std::int64_t kPart = 250'000;  // rows in one transaction
    pg::Connection connection = patient(db);
    for (std::int64_t from = 1; from <= count; from += kPart) {
        connection.exec_script(
            fmt::format(
                R"(INSERT INTO webhook_events (key, kind, format, raw, payload, "from", "to", correlation_id)
                   SELECT 'msg:SM' || lpad(to_hex(g), 32, '0'), 'inbound', 'form', 'Body=1', '{{"Body": "1"}}',
                          '+33612345678', '{}', 'c' || g FROM generate_series({}, {}) AS g)",
                to, from, std::min(count, from + kPart - 1))
                .c_str());
    }
    connection.exec_script("VACUUM ANALYZE webhook_events");
}

void store_webhooks(const test::TestDatabase& db, std::int64_t count, int tenants) {
    constexpr std::int64_t kPart = 2000;
    pg::Connection connection = patient(db);
    for (std::int64_t from = 0; from < count; from += kPart)
        store_webhooks(connection, from, std::min(count, from + kPart), tenants);
    connection.exec_script("VACUUM ANALYZE webhook_events");
}

void queue_events(const test::TestDatabase& db, std::int64_t count, std::int64_t last) {
    pg::Connection connection = patient(db);
    connection.exec_script("TRUNCATE messages_in, event_log, webhook_queue");
    connection.exec_script(
        fmt::format("INSERT INTO webhook_queue (id) SELECT e.id FROM (SELECT id FROM "
                    "webhook_events WHERE id <= {} ORDER BY id DESC LIMIT {}) AS e ORDER BY e.id",
                    last, count)
            .c_str());
    connection.exec_script("VACUUM ANALYZE webhook_queue");
    connection.exec_script("CHECKPOINT");
}

}  // namespace pgcourier::bench
