#pragma once
// An event on its way into webhook_events, and what became of it.

#include "base/ids.hpp"
#include "twilio/event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pgcourier::inbox {

enum class Source { webhook, backfill };

/// `webhook` or `backfill`: as webhook_events.source holds it.
std::string_view to_text(Source source);

/// One row of webhook_events. All but `raw` is text that PostgreSQL can hold.
struct NewEvent {
    std::string key;  // idempotency key; what makes a second delivery a no-op
    twilio::EventKind kind = twilio::EventKind::unrecognized;
    Source source = Source::webhook;
    twilio::BodyFormat format = twilio::BodyFormat::form;
    std::string raw;
    std::string query;
    std::string payload_json;
    std::string from;
    std::string to;
    CorrelationId correlation_id;  // fresh for each delivery
    /// Twilio's date, of what was fetched afterwards.
    std::optional<std::chrono::sys_seconds> occurred{};
};

/// A received body made into a row, under a correlation id of its own.
///
/// raw    as received, and already verified
/// query  of the request as received, without `?`
NewEvent new_event(Source source, twilio::BodyFormat format, std::string raw,
                   std::string_view query, std::string_view idempotency_token);

/// The event is on disk.
struct Stored {
    std::int64_t event_id = 0;
    CorrelationId correlation_id;  // the first delivery's
    bool is_new = false;           // false: an earlier delivery had stored it
};

struct NotStored {
    enum class Reason {
        too_late,  // its deadline passed while the database was away or slow
        refused,   // the database does not take this row
        stopping   // the writer has ended
    };
    Reason reason = Reason::too_late;
};

using Outcome = std::variant<Stored, NotStored>;

}  // namespace pgcourier::inbox
