#include "sim/create.hpp"

#include "base/address.hpp"
#include "base/utf8.hpp"
#include "sim/json_object.hpp"
#include "twilio/error_codes.hpp"
#include "twilio/json.hpp"
#include "twilio/sid.hpp"

#include <optional>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr std::size_t kMostBodyCharacters = 1600;
constexpr std::size_t kMostMedia = 10;

std::size_t count_characters(std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(first_code_point(text).bytes);
    return count;
}

bool is_address(std::string_view address) {
    const std::string_view bare = bare_address(address);
    return is_e164(bare) || (is_user_id(bare) && bare.size() < address.size());
}

bool is_whatsapp(std::string_view address) {
    return bare_address(address).size() < address.size();
}

// http(s), a host, no underscore in it (error 21609).
bool is_callback_url(std::string_view url) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!url.starts_with(scheme)) continue;
        const std::string_view rest = url.substr(scheme.size());
        const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
        return !host.empty() && host.find_first_of("_ \t\r\n") == std::string_view::npos;
    }
    return false;
}

ApiError bad(int code, std::string message) {
    return {.status = 400, .code = code, .message = std::move(message)};
}

std::optional<ApiError> read_parties(const twilio::Params& params, Message& message) {
    message.to = twilio::value_or_empty(params, "To");
    message.from = twilio::value_or_empty(params, "From");
    message.messaging_service_sid = twilio::value_or_empty(params, "MessagingServiceSid");
    if (message.to.empty()) return bad(21604, "A 'To' phone number is required.");
    if (message.from.empty() && message.messaging_service_sid.empty()) {
        return bad(21603, "A 'From' phone number is required.");
    }
    if (!is_address(message.to)) {
        return bad(21211, "The 'To' number " + message.to + " is not a valid phone number.");
    }
    if (!message.messaging_service_sid.empty()) {
        if (!twilio::is_messaging_service_sid(message.messaging_service_sid)) {
            return ApiError{404, 21701, "The messaging service does not exist."};
        }
        message.status = "accepted";
    }
    if (message.from.empty()) return std::nullopt;
    if (!is_e164(bare_address(message.from))) {
        return bad(21212, "The 'From' number " + message.from + " is not a valid phone number.");
    }
    if (is_whatsapp(message.from) != is_whatsapp(message.to)) {
        return bad(21910, "Invalid From and To pair. From and To should be of the same channel");
    }
    return std::nullopt;
}

std::optional<ApiError> read_content(const twilio::Params& params, Message& message) {
    const std::string* body = twilio::find(params, "Body");
    message.body = body ? *body : std::string{};
    for (const auto& [key, value] : params) {
        if (key != "MediaUrl") continue;
        message.media.push_back({.sid = {}, .url = value, .content_type = content_type_of(value)});
    }
    message.content_sid = twilio::value_or_empty(params, "ContentSid");
    const std::string_view variables = twilio::value_or_empty(params, "ContentVariables");

    if (message.content_sid.empty()) {
        if (!variables.empty()) return bad(21654, "The ContentSid parameter is required.");
        if (message.body.empty() && message.media.empty()) {
            return body ? bad(21602, "Message body is required.")
                        : bad(21619, "A text message body or media urls must be specified.");
        }
    } else if (!twilio::is_content_sid(message.content_sid)) {
        return bad(21655, "The ContentSid parameter is invalid.");
    } else if (!variables.empty()) {
        const auto json = twilio::clean_json(variables);
        if (!json || !json->is_object) {
            return bad(21656, "The ContentVariables parameter is invalid.");
        }
    }
    if (count_characters(message.body) > kMostBodyCharacters) {
        return bad(21617, "The concatenated message body exceeds the 1600 character limit");
    }
    if (message.media.size() > kMostMedia) {
        return bad(21623, "Number of media files exceeds allowed limit");
    }
    for (const Media& media : message.media) {
        if (!is_callback_url(media.url)) return bad(21620, "Invalid media URL(s)");
    }
    // WhatsApp takes one item and ignores the rest.
    if (is_whatsapp(message.to) && message.media.size() > 1) message.media.resize(1);
    // A template's body is its rendered text; its words are not known here, its variables are.
    if (!message.content_sid.empty() && message.body.empty()) {
        message.body = "[" + message.content_sid + "]";
        if (!variables.empty()) message.body.append(" ").append(variables);
    }
    return std::nullopt;
}

}  // namespace

http::Response to_response(const ApiError& error) {
    const twilio::ErrorCode* known = twilio::find_error(error.code);
    std::string message = error.message;
    if (message.empty()) message = known ? std::string{known->words} : "Scripted error";
    http::Response response{.status = error.status,
                            .content_type = "application/json",
                            .body = JsonObject{}
                                        .number("code", error.code)
                                        .text("message", message)
                                        .text("more_info", "https://www.twilio.com/docs/errors/" +
                                                               std::to_string(error.code))
                                        .number("status", error.status)
                                        .done()};
    if (error.status == 401) {
        response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Twilio API\"");
    }
    return response;
}

std::variant<Message, ApiError> read_create(const twilio::Params& params) {
    Message message;
    if (auto error = read_parties(params, message)) return *std::move(error);
    if (auto error = read_content(params, message)) return *std::move(error);
    message.status_callback = twilio::value_or_empty(params, "StatusCallback");
    if (!message.status_callback.empty() && !is_callback_url(message.status_callback)) {
        return bad(21609,
                   "The 'StatusCallback' URL " + message.status_callback + " is not a valid URL.");
    }
    return message;
}

std::string content_type_of(std::string_view url) {
    constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
        {".jpg", "image/jpeg"},  {".jpeg", "image/jpeg"},     {".png", "image/png"},
        {".webp", "image/webp"}, {".ogg", "audio/ogg"},       {".mp3", "audio/mpeg"},
        {".mp4", "video/mp4"},   {".pdf", "application/pdf"}, {".vcf", "text/vcard"},
    };
    url = url.substr(0, url.find_first_of("?#"));
    for (const auto& [ending, type] : kTypes) {
        if (url.ends_with(ending)) return std::string{type};
    }
    return "application/octet-stream";
}

}  // namespace pgcourier::sim
