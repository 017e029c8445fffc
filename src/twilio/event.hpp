#pragma once
// A verified webhook, read: an inbound message, a status callback, or something that we do not
// know. Total: any bytes give an event, since whatever Twilio signed is stored and answered 200.
// https://www.twilio.com/docs/messaging/guides/webhook-request
// https://www.twilio.com/docs/messaging/guides/track-outbound-message-status

#include "twilio/body_format.hpp"
#include "twilio/payload.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgcourier::twilio {

enum class EventKind { inbound, status, unrecognized };

/// `inbound`, `status`, `unrecognized`: as webhook_events.kind holds it.
std::string_view to_text(EventKind kind);
std::optional<EventKind> event_kind(std::string_view text);

/// Whether Twilio documents it as the status of an outgoing message (`queued`, `delivered`, …).
bool is_message_status(std::string_view text);

// Every text below has been through pg_text.

struct Media {
    std::string url;
    std::string content_type;
    bool operator==(const Media&) const = default;
};

struct InboundMessage {
    std::string message_sid;
    std::string account_sid;  // may be empty
    std::string from;         // bare: E.164 or a WhatsApp user id
    std::string to;           // bare
    std::string body;
    std::vector<Media> media;
    std::string profile_name;
    std::string wa_id;             // digits without `+`, as Twilio gives it
    std::string external_user_id;  // bare
    std::string opt_out_type;      // STOP, START, HELP or empty
    bool is_choice = false;        // a button or a list's entry of the shop's was chosen
    /// A JSON object with what else is there, or empty: button {text, payload, type}, list {id,
    /// title, description}, location {latitude, longitude, address, label}, quoted {message_sid,
    /// sender}, referral {body, headline, source_id, source_type, source_url, media_id,
    /// media_content_type, media_url, num_media, ctwa_clid}, forwarded, frequently_forwarded
    /// (true), interactive_data, flow_data, channel_metadata (JSON), message_type,
    /// date_sent (only of a message that was fetched from Twilio's list: no webhook has it). Values
    /// are text as received unless named otherwise.
    std::string details_json;
};

struct StatusUpdate {
    std::string message_sid;
    std::string account_sid;  // may be empty
    std::string status;       // is_message_status
    std::optional<int> error_code;
    std::string error_message;  // Twilio's, else the channel's
    std::string from;           // bare: the shop
    std::string to;             // bare: the recipient
    std::string
        outbound_id;  // `m` of our StatusCallback URL: the message's id; empty when not ours
    std::optional<int> outbound_attempt;  // `a` of it
};

struct Event {
    EventKind kind = EventKind::unrecognized;
    std::string key;   // idempotency key: msg:<sid>, status:<sid>:<status>, raw:<token or sha256>
    std::string from;  // bare, empty when unrecognized
    std::string to;
    std::variant<std::monostate, InboundMessage, StatusUpdate> content;
};

/// Reads a body that verified. A message is recognised by a well-formed MessageSid, From and To; a
/// callback by MessageSid and a known MessageStatus; an AccountSid must be well formed where there
/// is one.
///
/// query              of the request, without `?`: a callback's reference to its message
/// idempotency_token  I-Twilio-Idempotency-Token or empty; used for unrecognized events when it is
/// at most 128 characters of
///                    [A-Za-z0-9._:-]
/// throws             nothing that depends on the bytes
Event parse_event(BodyFormat format, std::string_view raw, std::string_view query,
                  std::string_view idempotency_token);

}  // namespace pgcourier::twilio
