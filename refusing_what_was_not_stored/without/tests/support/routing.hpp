#pragma once
// Events as the inbox leaves them, for tests of what comes after it.

#include "support/test_database.hpp"
#include "twilio/event.hpp"
#include "twilio/form.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace pgcourier::test {

/// The body of an inbound WhatsApp message: `MessageSid` is SM and the number in 32 digits; further
/// parameters follow.
inline std::string an_inbound(int number, const std::string& from, const std::string& to,
                              const twilio::Params& parameters = {}) {
    const std::string digits = std::to_string(number);
    twilio::Params all{{"MessageSid", "SM" + std::string(32 - digits.size(), '0') + digits},
                       {"From", "whatsapp:" + from},
                       {"To", "whatsapp:" + to}};
    all.insert(all.end(), parameters.begin(), parameters.end());
    return twilio::encode_form(all);
}

/// Stores a form body as the inbox does, and queues it. returns its id
inline std::int64_t receive(const TestDatabase& db, const std::string& raw,
                            const std::string& query = "", const std::string& received_at = "now") {
    static constexpr pg::Statement kReceive{
        "test.receive",
        "WITH event AS (INSERT INTO webhook_events (key, kind, format, raw, query, payload, "
        "\"from\", \"to\", "
        "correlation_id, received_at) VALUES ($1, $2, 'form', $3, $4, $5::text::jsonb, $6, $7, "
        "gen_random_uuid()::text, "
        "$8::text::timestamptz) RETURNING id) INSERT INTO webhook_queue (id) SELECT id FROM event "
        "RETURNING id"};
    const twilio::Event event = twilio::parse_event(twilio::BodyFormat::form, raw, query, "");
    pg::Params params{event.key, twilio::to_text(event.kind)};
    params.add_bytes(raw);
    params.add(query).add(twilio::payload_json(twilio::BodyFormat::form, raw));
    params.add(event.from).add(event.to).add(received_at);
    return db.connect().exec(kReceive, params)[0].int64(0);
}

/// Stores and queues `count` messages at once; their MessageSids are numbered from 1.
inline void receive_many(const TestDatabase& db, int count, const std::string& from,
                         const std::string& to) {
    static constexpr pg::Statement kReceive{
        "test.receive_many",
        "WITH events AS (INSERT INTO webhook_events (key, kind, format, raw, payload, \"from\", "
        "\"to\", correlation_id) "
        "SELECT 'msg:SM' || lpad(n::text, 32, '0'), 'inbound', 'form', convert_to(format("
        "'MessageSid=SM%s&From=whatsapp%%3A%%2B%s&To=whatsapp%%3A%%2B%s&Body=hello+%s', "
        "lpad(n::text, 32, '0'), "
        "substr($2, 2), substr($3, 2), n), 'UTF8'), '{}', $2, $3, gen_random_uuid()::text "
        "FROM generate_series(1, $1::integer) AS n RETURNING id) INSERT INTO webhook_queue (id) "
        "SELECT id FROM events"};
    db.connect().exec(kReceive, pg::Params{count, from, to});
}

}  // namespace pgcourier::test
