#include "inbox/event.hpp"

#include "twilio/payload.hpp"

namespace pgcourier::inbox {

std::string_view to_text(Source source) {
    return source == Source::webhook ? "webhook" : "backfill";
}

NewEvent new_event(Source source, twilio::BodyFormat format, std::string raw,
                   std::string_view query, std::string_view idempotency_token) {
    twilio::Event event = twilio::parse_event(format, raw, query, idempotency_token);
    std::string payload = twilio::payload_json(format, raw);
    return {
        .key = std::move(event.key),
        .kind = event.kind,
        .source = source,
        .format = format,
        .raw = std::move(raw),
        .query = twilio::pg_text(query),
        .payload_json = std::move(payload),
        .from = std::move(event.from),
        .to = std::move(event.to),
        .correlation_id = {new_ordered_id()},
    };
}

}  // namespace pgcourier::inbox
