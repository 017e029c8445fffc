#include "sim/webhook_form.hpp"

#include "base/address.hpp"
#include "base/environment.hpp"
#include "sim/create.hpp"
#include "twilio/error_codes.hpp"

#include <algorithm>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr int kMostTimes = 10'000;
// Every sender on a channel has an installation of it; the simulator's account has this one.
constexpr std::string_view kChannelInstallSid = "XE000000000000000000000000000051a0";

bool is_whatsapp(std::string_view address) {
    return bare_address(address).size() < address.size();
}

/// `image/jpeg` is `image`; `text/vcard` is `contacts`.
std::string message_type_of(const Message& message) {
    if (message.media.empty()) return "text";
    const std::string& type = message.media.front().content_type;
    if (type == "text/vcard") return "contacts";
    if (type == "image/webp") return "sticker";
    for (const std::string_view kind : {"image", "audio", "video"}) {
        if (type.starts_with(kind)) return std::string{kind};
    }
    return "document";
}

std::string upper(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    });
    return out;
}

}  // namespace

Result<Inbound> read_inbound(const twilio::Params& fields) {
    Inbound inbound;
    for (const auto& [key, value] : fields) {
        const auto bad = [&key = key, &value = value](std::string_view expected) {
            return Problem{key + ": found " + shown(value) + ", expected " + std::string{expected}};
        };
        const bool is_true = value == "true";
        const bool is_flag = is_true || value == "false";
        if (!key.empty() && key.front() >= 'A' && key.front() <= 'Z') {
            inbound.more.emplace_back(key, value);
        } else if (key == "from") {
            inbound.from = value;
        } else if (key == "to") {
            inbound.to = value;
        } else if (key == "body") {
            inbound.body = value;
        } else if (key == "sid") {
            inbound.sid = value;
        } else if (key == "media") {
            inbound.media.push_back(
                {.sid = {}, .url = value, .content_type = content_type_of(value)});
        } else if (key == "media_type") {
            if (inbound.media.empty()) return bad("a media before it");
            inbound.media.back().content_type = value;
        } else if (key == "times") {
            const auto times = whole_number<int>(value);
            if (!times || *times < 1 || *times > kMostTimes) return bad("a number from 1 to 10000");
            inbound.times = *times;
        } else if (key == "concurrently") {
            if (!is_flag) return bad("true or false");
            inbound.is_concurrent = is_true;
        } else if (key == "post") {
            if (!is_flag) return bad("true or false");
            inbound.is_posted = is_true;
        } else if (key == "sent_at_ms") {
            const auto time = whole_number<std::int64_t>(value);
            if (!time) return bad("milliseconds since 1970");
            inbound.sent_at = WallTime{std::chrono::milliseconds{*time}};
        } else {
            return Problem{"an inbound message has no field " + shown(key)};
        }
    }
    if (inbound.from.empty()) return Problem{"an inbound message needs from"};
    return inbound;
}

twilio::Params inbound_form(const Inbound& inbound, const Message& message,
                            const std::string& account_sid) {
    const std::string sender{bare_address(message.from)};
    twilio::Params form;
    const auto add = [&](std::string key, std::string value) {
        if (!twilio::find(inbound.more, key)) form.emplace_back(std::move(key), std::move(value));
    };
    for (std::size_t i = 0; i < message.media.size(); ++i) {
        add("MediaContentType" + std::to_string(i), message.media[i].content_type);
    }
    add("SmsMessageSid", message.sid);
    add("NumMedia", std::to_string(message.media.size()));
    if (is_whatsapp(message.from)) {
        add("ProfileName", "Simulated Person");
        add("MessageType", message_type_of(message));
    }
    add("SmsSid", message.sid);
    if (is_whatsapp(message.from)) {
        if (is_user_id(sender)) {
            add("ExternalUserId", message.from);
        } else {
            add("WaId", sender.starts_with('+') ? sender.substr(1) : sender);
        }
    }
    add("SmsStatus", "received");
    add("Body", message.body);
    add("To", message.to);
    for (std::size_t i = 0; i < message.media.size(); ++i) {
        add("MediaUrl" + std::to_string(i), message.media[i].url);
    }
    add("NumSegments", "1");
    add("ReferralNumMedia", "0");
    add("MessageSid", message.sid);
    add("AccountSid", account_sid);
    add("From", message.from);
    add("ApiVersion", "2010-04-01");
    form.insert(form.end(), inbound.more.begin(), inbound.more.end());
    return form;
}

twilio::Params status_form(const Message& message, std::string_view status, int error_code,
                           const std::string& account_sid) {
    twilio::Params form;
    if (is_whatsapp(message.to)) {
        form = {{"ChannelPrefix", "whatsapp"},
                {"ChannelInstallSid", std::string{kChannelInstallSid}},
                {"ChannelToAddress", std::string{bare_address(message.to)}},
                {"EventType", upper(status)}};
    }
    form.insert(form.end(), {{"ApiVersion", "2010-04-01"},
                             {"MessageStatus", std::string{status}},
                             {"SmsSid", message.sid},
                             {"SmsStatus", std::string{status}},
                             {"To", message.to},
                             {"From", message.from},
                             {"MessageSid", message.sid},
                             {"AccountSid", account_sid}});
    if (status == "failed" || status == "undelivered") {
        const twilio::ErrorCode* error = twilio::find_error(error_code);
        form.emplace_back("ErrorCode", std::to_string(error_code));
        form.emplace_back("ErrorMessage", error ? std::string{error->words} : "Unknown error");
        if (is_whatsapp(message.to)) {
            form.emplace_back("ChannelStatusMessage", error ? std::string{error->words} : "Failed");
        }
    }
    return form;
}

}  // namespace pgcourier::sim
