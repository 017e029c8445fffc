#include "sim/message.hpp"

#include "http/reply_text.hpp"
#include "sim/json_object.hpp"
#include "twilio/error_codes.hpp"

namespace pgcourier::sim {
namespace {

constexpr std::string_view kApiVersion = "2010-04-01";

}  // namespace

std::string new_sid(std::string_view prefix, Rng& rng) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string sid{prefix};
    for (int half = 0; half < 2; ++half) {
        std::uint64_t bits = rng();
        for (int digit = 0; digit < 16; ++digit, bits >>= 4) sid += kDigits[bits & 0xF];
    }
    return sid;
}

std::string rfc2822(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
    std::string text = http::http_date(seconds.count());
    text.replace(text.size() - 3, 3, "+0000");  // HTTP writes the same date with GMT
    return text;
}

std::string messages_path(std::string_view account_sid) {
    return std::string{"/2010-04-01/Accounts/"}.append(account_sid).append("/Messages");
}

std::string to_json(const Message& message, std::string_view account_sid) {
    const std::string path = messages_path(account_sid) + "/" + message.sid;
    const twilio::ErrorCode* error =
        message.error_code != 0 ? twilio::find_error(message.error_code) : nullptr;
    JsonObject json;
    json.text("account_sid", account_sid)
        .text("api_version", kApiVersion)
        .text("body", message.body)
        .text("date_created", rfc2822(message.created))
        .text_or_null("date_sent", message.sent ? rfc2822(*message.sent) : std::string{})
        .text("date_updated", rfc2822(message.updated))
        .text("direction", message.direction);
    if (message.error_code != 0) {
        json.number("error_code", message.error_code);
    } else {
        json.raw("error_code", "null");
    }
    json.text_or_null("error_message", error ? error->words : std::string_view{})
        .text_or_null("from", message.from)
        .text_or_null("messaging_service_sid", message.messaging_service_sid)
        .text("num_media", std::to_string(message.media.size()))
        .text("num_segments", "1")
        .raw("price", "null")
        .raw("price_unit", "null")
        .text("sid", message.sid)
        .text("status", message.status)
        .raw("subresource_uris", JsonObject{}.text("media", path + "/Media.json").done())
        .text("to", message.to)
        .text("uri", path + ".json");
    return json.done();
}

std::string media_json(const Message& message, std::string_view account_sid) {
    const std::string path = messages_path(account_sid) + "/" + message.sid + "/Media";
    std::string items;
    for (const Media& media : message.media) {
        if (!items.empty()) items += ',';
        items += JsonObject{}
                     .text("account_sid", account_sid)
                     .text("content_type", media.content_type)
                     .text("date_created", rfc2822(message.created))
                     .text("date_updated", rfc2822(message.updated))
                     .text("parent_sid", message.sid)
                     .text("sid", media.sid)
                     .text("uri", path + "/" + media.sid + ".json")
                     .done();
    }
    const auto count = static_cast<long long>(message.media.size());
    return JsonObject{}
        .number("end", count > 0 ? count - 1 : 0)
        .text("first_page_uri", path + ".json?PageSize=50&Page=0")
        .raw("media_list", "[" + items + "]")
        .raw("next_page_uri", "null")
        .number("page", 0)
        .number("page_size", 50)
        .raw("previous_page_uri", "null")
        .number("start", 0)
        .text("uri", path + ".json?PageSize=50&Page=0")
        .done();
}

}  // namespace pgcourier::sim
