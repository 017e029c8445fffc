#include "twilio/message_list.hpp"

#include "base/address.hpp"
#include "base/environment.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/request.hpp"
#include "twilio/sid.hpp"
#include "twilio/url_text.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>

namespace pgcourier::twilio {
namespace {

using namespace std::chrono;

constexpr std::size_t kMostBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kMostMessages = 1000;  // the largest PageSize
constexpr std::size_t kMostPathBytes = 4096;
constexpr int kMostMedia = 64;  // as of a webhook
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::string with_whatsapp(std::string_view address) {
    return std::string{"whatsapp:"}.append(bare_address(address));
}

/// `2026-01-31`
std::string day_text(sys_days day) {
    const year_month_day date{day};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

/// The next word of the text, without it and the spaces around afterwards.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

std::optional<seconds> read_time_of_day(std::string_view text) {
    if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
    const auto hour = whole_number<unsigned>(text.substr(0, 2));
    const auto minute = whole_number<unsigned>(text.substr(3, 2));
    const auto second = whole_number<unsigned>(text.substr(6, 2));
    const bool is_good =
        hour && minute && second && *hour < 24 && *minute < 60 && *second <= 60;  // a leap second
    if (!is_good) return std::nullopt;
    return hours{*hour} + minutes{*minute} + seconds{*second};
}

/// East of Greenwich.
std::optional<minutes> read_zone(std::string_view text) {
    if (text == "GMT" || text == "UTC" || text == "UT" || text == "Z") return minutes{0};
    if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    const auto hour = whole_number<unsigned>(text.substr(1, 2));
    const auto minute = whole_number<unsigned>(text.substr(3, 2));
    if (!hour || !minute || *hour > 14 || *minute > 59) return std::nullopt;
    const minutes offset = hours{*hour} + minutes{*minute};
    return text[0] == '-' ? -offset : offset;
}

/// The field's text; empty when it is missing, null, or no text.
std::string_view text_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd() || !member->value.IsString()) return {};
    return {member->value.GetString(), member->value.GetStringLength()};
}

/// A number, or a text that is one: Twilio writes `num_media` as text.
std::optional<int> number_of(const rapidjson::Value& object, const char* name) {
    return whole_number<int>(text_of(object, name));  // numbers are parsed as text
}

ListedMessage read_message(const rapidjson::Value& object) {
    return {.sid = std::string{text_of(object, "sid")},
            .to = std::string{bare_address(text_of(object, "to"))},
            .from = std::string{bare_address(text_of(object, "from"))},
            .body = std::string{text_of(object, "body")},
            .direction = std::string{text_of(object, "direction")},
            .status = std::string{text_of(object, "status")},
            .created = read_rfc2822(text_of(object, "date_created")),
            .sent = read_rfc2822(text_of(object, "date_sent")),
            .updated = read_rfc2822(text_of(object, "date_updated")),
            .num_media = std::clamp(number_of(object, "num_media").value_or(0), 0, kMostMedia),
            .error_code = number_of(object, "error_code")};
}

}  // namespace

std::string list_messages_path(std::string_view account_sid, const ListFilter& filter) {
    Params query;
    if (!filter.to.empty()) query.emplace_back("To", with_whatsapp(filter.to));
    if (!filter.from.empty()) query.emplace_back("From", with_whatsapp(filter.from));
    if (filter.sent_on) query.emplace_back("DateSent", day_text(*filter.sent_on));
    query.emplace_back("PageSize", std::to_string(filter.page_size));
    return create_message_path(account_sid) + "?" + encode_form(query);
}

Result<MessagePage> read_message_page(std::string_view account_sid, std::string_view body,
                                      BadEntry bad_entry) {
    if (body.size() > kMostBytes) return Problem{"the list of messages is larger than 4 MiB"};
    const auto clean = clean_json(body);  // also bounds how deep it is nested
    rapidjson::Document list;
    constexpr unsigned kFlags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    if (!clean || list.Parse<kFlags>(clean->text.c_str()).HasParseError() || !list.IsObject()) {
        return Problem{"the list of messages is no JSON object"};
    }
    const auto items = list.FindMember("messages");
    if (items == list.MemberEnd() || !items->value.IsArray()) {
        return Problem{"the list of messages has no messages"};
    }
    if (items->value.Size() > kMostMessages) return Problem{"the list has more than 1000 messages"};

    MessagePage page;
    page.messages.reserve(items->value.Size());
    for (const rapidjson::Value& item : items->value.GetArray()) {
        const bool has_sid = item.IsObject() && is_message_sid(text_of(item, "sid"));
        if (!has_sid && bad_entry == BadEntry::is_skipped) {
            ++page.skipped;
            continue;
        }
        if (!item.IsObject()) return Problem{"a listed message is no JSON object"};
        if (!has_sid) return Problem{"a listed message has no readable sid"};
        page.messages.push_back(read_message(item));
    }
    page.next_path = text_of(list, "next_page_uri");
    // Only Twilio's own list is asked on, whatever the answer says: our credentials go with the
    // call.
    const bool is_ours = page.next_path.starts_with(create_message_path(account_sid) + "?") &&
                         page.next_path.size() <= kMostPathBytes && is_url_text(page.next_path);
    if (!page.next_path.empty() && !is_ours) {
        return Problem{"the next page of the list is not of this account's messages"};
    }
    return page;
}

std::optional<sys_seconds> read_rfc2822(std::string_view text) {
    std::string_view word = take_word(text);
    if (word.ends_with(',')) word = take_word(text);
    const auto day_number = whole_number<unsigned>(word);
    const std::string_view month_name = take_word(text);
    const auto month_at = std::find(kMonths.begin(), kMonths.end(), month_name);
    const std::string_view year_word = take_word(text);
    const auto year_number = whole_number<unsigned>(year_word);
    const auto time_of_day = read_time_of_day(take_word(text));
    const auto zone = read_zone(take_word(text));
    if (!day_number || month_at == kMonths.end() || year_word.size() != 4 || !year_number ||
        !time_of_day || !zone || text.find_first_not_of(' ') != std::string_view::npos) {
        return std::nullopt;
    }
    const auto month_number = static_cast<unsigned>(month_at - kMonths.begin()) + 1;
    const year_month_day date{year{static_cast<int>(*year_number)}, month{month_number},
                              day{*day_number}};
    if (!date.ok()) return std::nullopt;
    return sys_days{date} + *time_of_day - *zone;
}

}  // namespace pgcourier::twilio
