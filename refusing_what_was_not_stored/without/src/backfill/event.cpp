#include "backfill/event.hpp"

#include "backfill/window.hpp"
#include "twilio/form.hpp"

#include <algorithm>
#include <array>

namespace pgcourier::backfill {
namespace {

constexpr std::array<std::string_view, 6> kTelling{"sent",   "delivered",   "read",
                                                   "failed", "undelivered", "canceled"};

std::string with_whatsapp(const std::string& address) {
    return "whatsapp:" + address;
}

inbox::NewEvent event_of(const twilio::Params& form) {
    return inbox::new_event(inbox::Source::backfill, twilio::BodyFormat::form,
                            twilio::encode_form(form), "", "");
}

}  // namespace

std::optional<inbox::NewEvent> message_event(const twilio::ListedMessage& message,
                                             const std::vector<twilio::Media>& media,
                                             std::string_view account_sid) {
    if (message.from.empty() || message.to.empty()) return std::nullopt;
    twilio::Params form{{"MessageSid", message.sid},
                        {"AccountSid", std::string{account_sid}},
                        {"From", with_whatsapp(message.from)},
                        {"To", with_whatsapp(message.to)},
                        {"Body", message.body},
                        {"NumMedia", std::to_string(media.size())},
                        {"SmsStatus", "received"}};
    for (std::size_t i = 0; i < media.size(); ++i) {
        form.emplace_back("MediaContentType" + std::to_string(i), media[i].content_type);
        form.emplace_back("MediaUrl" + std::to_string(i), media[i].url);
    }
    const auto date = date_of(message);
    if (date) form.emplace_back("DateSent", to_iso8601(*date));
    inbox::NewEvent event = event_of(form);
    if (event.kind != twilio::EventKind::inbound) return std::nullopt;
    event.occurred = date;
    return event;
}

std::optional<inbox::NewEvent> status_event(const twilio::ListedMessage& message,
                                            std::string_view account_sid) {
    if (std::ranges::find(kTelling, message.status) == kTelling.end()) return std::nullopt;
    twilio::Params form{{"MessageSid", message.sid},
                        {"AccountSid", std::string{account_sid}},
                        {"From", with_whatsapp(message.from)},
                        {"To", with_whatsapp(message.to)},
                        {"MessageStatus", message.status}};
    if (message.error_code) form.emplace_back("ErrorCode", std::to_string(*message.error_code));
    inbox::NewEvent event = event_of(form);
    if (event.kind != twilio::EventKind::status) return std::nullopt;
    event.occurred = message.updated ? message.updated : date_of(message);
    return event;
}

}  // namespace pgcourier::backfill
