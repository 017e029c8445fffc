#include "twilio/media_list.hpp"

#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/payload.hpp"
#include "twilio/url_text.hpp"

#include <rapidjson/document.h>

namespace pgcourier::twilio {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} * 1024;
constexpr rapidjson::SizeType kMostMedia = 64;  // as of a webhook
constexpr std::string_view kJson = ".json";

std::string message_path(std::string_view account_sid, std::string_view message_sid) {
    return "/2010-04-01/Accounts/" + percent_encode(account_sid) + "/Messages/" +
           percent_encode(message_sid);
}

std::string_view text_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd() || !member->value.IsString()) return {};
    return {member->value.GetString(), member->value.GetStringLength()};
}

}  // namespace

std::string media_list_path(std::string_view account_sid, std::string_view message_sid) {
    return message_path(account_sid, message_sid) + "/Media.json";
}

Result<std::vector<Media>> read_media_list(std::string_view base_url, std::string_view account_sid,
                                           std::string_view message_sid, std::string_view body) {
    if (body.size() > kMostBytes) return Problem{"the list of media is larger than 256 KiB"};
    const auto clean = clean_json(body);  // also bounds how deep it is nested
    rapidjson::Document list;
    if (!clean || list.Parse<rapidjson::kParseIterativeFlag>(clean->text.c_str()).HasParseError() ||
        !list.IsObject()) {
        return Problem{"the list of media is no JSON object"};
    }
    const auto items = list.FindMember("media_list");
    if (items == list.MemberEnd() || !items->value.IsArray()) {
        return Problem{"the list of media has no media_list"};
    }
    if (items->value.Size() > kMostMedia) return Problem{"the list has more than 64 media"};

    // Whoever fetches them sends our credentials along: only Twilio's own are taken.
    const std::string own = message_path(account_sid, message_sid) + "/Media/";
    std::vector<Media> media;
    for (const rapidjson::Value& item : items->value.GetArray()) {
        std::string_view uri = item.IsObject() ? text_of(item, "uri") : std::string_view{};
        if (!uri.starts_with(own) || uri.find("..") != std::string_view::npos ||
            !is_url_text(uri)) {
            return Problem{"a listed medium is not of this message"};
        }
        if (uri.ends_with(kJson)) uri.remove_suffix(kJson.size());
        media.push_back(
            {pg_text(std::string{base_url}.append(uri)), pg_text(text_of(item, "content_type"))});
    }
    return media;
}

}  // namespace pgcourier::twilio
