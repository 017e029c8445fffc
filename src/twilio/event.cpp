#include "twilio/event.hpp"

#include "base/address.hpp"
#include "twilio/details.hpp"
#include "twilio/digest.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/sid.hpp"

#include <algorithm>
#include <charconv>

namespace pgcourier::twilio {
namespace {

constexpr std::size_t kMaxTokenChars = 128;
constexpr std::size_t kMaxAddressChars =
    160;  // a user id has at most 128 characters after its country
constexpr std::size_t kMaxReferenceChars = 200;
constexpr int kMaxMedia = 64;

constexpr std::string_view kStatuses[] = {
    "accepted",           "scheduled", "queued", "sending",     "sent",
    "delivered",          "read",      "failed", "undelivered", "canceled",
    "partially_delivered"};

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_token(std::string_view text) {
    return !text.empty() && text.size() <= kMaxTokenChars &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '.' || c == '_' || c == ':' || c == '-';
           });
}

/// Nothing requires E.164 of a sender, but no blanks, no controls and no end of another parameter
/// either.
bool is_sender(std::string_view bare) {
    return !bare.empty() && bare.size() <= kMaxAddressChars &&
           std::all_of(bare.begin(), bare.end(), [](char c) {
               return is_alphanumeric(c) || c == '+' || c == '.' || c == '_' || c == ':' ||
                      c == '-';
           });
}

std::optional<int> to_int(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// The parameters of one request, as texts for PostgreSQL.
class Reader {
  public:
    explicit Reader(Form form) : form_{std::move(form)} {}

    const Form& form() const { return form_; }
    bool has(std::string_view key) const { return form_.has(key); }
    std::string_view raw(std::string_view key) const { return form_.value(key); }
    std::string text(std::string_view key) const { return pg_text(raw(key)); }
    std::string address(std::string_view key) const { return pg_text(bare_address(raw(key))); }

  private:
    Form form_;
};

std::vector<Media> media_of(const Reader& request) {
    const int announced = std::min(to_int(request.raw("NumMedia")).value_or(0), kMaxMedia);
    std::vector<Media> media;
    for (int i = 0; i < kMaxMedia; ++i) {
        const std::string number = std::to_string(i);
        std::string url = request.text("MediaUrl" + number);
        if (!url.empty()) {
            media.push_back({std::move(url), request.text("MediaContentType" + number)});
        } else if (i >= announced) {
            break;
        }
    }
    return media;
}

bool is_ours(const Reader& request) {
    return is_message_sid(request.raw("MessageSid")) &&
           (request.raw("AccountSid").empty() || is_account_sid(request.raw("AccountSid")));
}

/// An inbound message has no MessageStatus; its SmsStatus, where there is one, says so.
bool is_inbound(const Reader& request) {
    const std::string_view sms_status = request.raw("SmsStatus");
    return !request.has("MessageStatus") &&
           (sms_status.empty() || sms_status == "received" || sms_status == "receiving") &&
           is_sender(bare_address(request.raw("From"))) && is_e164(bare_address(request.raw("To")));
}

InboundMessage message_of(const Reader& request) {
    return {.message_sid = request.text("MessageSid"),
            .account_sid = request.text("AccountSid"),
            .from = request.address("From"),
            .to = request.address("To"),
            .body = request.text("Body"),
            .media = media_of(request),
            .profile_name = request.text("ProfileName"),
            .wa_id = request.text("WaId"),
            .external_user_id = request.address("ExternalUserId"),
            .opt_out_type = request.text("OptOutType"),
            .is_choice = !request.raw("ButtonText").empty() ||
                         !request.raw("ButtonPayload").empty() || !request.raw("ListId").empty(),
            .details_json = details_json(request.form())};
}

StatusUpdate update_of(const Reader& request, std::string_view query) {
    StatusUpdate update{.message_sid = request.text("MessageSid"),
                        .account_sid = request.text("AccountSid"),
                        .status = request.text("MessageStatus"),
                        .error_code = to_int(request.raw("ErrorCode")),
                        .error_message = request.text("ErrorMessage"),
                        .from = request.address("From"),
                        .to = request.address("To"),
                        .outbound_id = {},
                        .outbound_attempt = {}};
    if (update.error_message.empty()) update.error_message = request.text("ChannelStatusMessage");
    const Reader reference{Form{query}};
    if (reference.raw("m").size() <= kMaxReferenceChars) update.outbound_id = reference.text("m");
    if (const auto attempt = to_int(reference.raw("a")); attempt && *attempt > 0)
        update.outbound_attempt = attempt;
    return update;
}

}  // namespace

std::string_view to_text(EventKind kind) {
    switch (kind) {
        case EventKind::inbound:
            return "inbound";
        case EventKind::status:
            return "status";
        case EventKind::unrecognized:
            break;
    }
    return "unrecognized";
}

std::optional<EventKind> event_kind(std::string_view text) {
    for (const EventKind kind : {EventKind::inbound, EventKind::status, EventKind::unrecognized}) {
        if (text == to_text(kind)) return kind;
    }
    return std::nullopt;
}

bool is_message_status(std::string_view text) {
    return std::find(std::begin(kStatuses), std::end(kStatuses), text) != std::end(kStatuses);
}

Event parse_event(BodyFormat format, std::string_view raw, std::string_view query,
                  std::string_view idempotency_token) {
    const Reader request{format == BodyFormat::form ? Form{raw} : Form{json_fields(raw)}};
    Event event;
    if (is_ours(request) && is_inbound(request)) {
        InboundMessage message = message_of(request);
        event.kind = EventKind::inbound;
        event.key = "msg:" + message.message_sid;
        event.from = message.from;
        event.to = message.to;
        event.content = std::move(message);
    } else if (is_ours(request) && is_message_status(request.raw("MessageStatus"))) {
        StatusUpdate update = update_of(request, query);
        event.kind = EventKind::status;
        event.key = "status:" + update.message_sid + ":" + update.status;
        event.from = update.from;
        event.to = update.to;
        event.content = std::move(update);
    } else {
        event.key = "raw:" + (is_token(idempotency_token) ? std::string{idempotency_token}
                                                          : sha256_hex(raw));
    }
    return event;
}

}  // namespace pgcourier::twilio
