#include "twilio/account.hpp"

#include "base/address.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"

#include <rapidjson/document.h>

#include <optional>

namespace pgcourier::twilio {
namespace {

std::optional<rapidjson::Document> read_object(std::string_view body) {
    const auto clean = clean_json(body);  // also bounds how deep it is nested
    rapidjson::Document document;
    if (!clean ||
        document.Parse<rapidjson::kParseIterativeFlag>(clean->text.c_str()).HasParseError() ||
        !document.IsObject()) {
        return std::nullopt;
    }
    return document;
}

/// The field's text; empty when it is missing, null, or no text.
std::string text_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd() || !member->value.IsString()) return {};
    return {member->value.GetString(), member->value.GetStringLength()};
}

const rapidjson::Value* object_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    return member != object.MemberEnd() && member->value.IsObject() ? &member->value : nullptr;
}

WhatsappSender read_sender(const rapidjson::Value& object) {
    WhatsappSender sender;
    sender.number = std::string{bare_address(text_of(object, "sender_id"))};
    sender.status = text_of(object, "status");
    if (const rapidjson::Value* webhook = object_of(object, "webhook")) {
        sender.callback_url = text_of(*webhook, "callback_url");
        sender.callback_method = text_of(*webhook, "callback_method");
        sender.fallback_url = text_of(*webhook, "fallback_url");
    }
    return sender;
}

}  // namespace

std::string account_path(std::string_view account_sid) {
    return "/2010-04-01/Accounts/" + percent_encode(account_sid) + ".json";
}

Result<AccountState> read_account(std::string_view body) {
    const auto account = read_object(body);
    if (!account) return Problem{"the account is no JSON object"};
    AccountState state{text_of(*account, "status"), text_of(*account, "type")};
    if (state.status.empty()) return Problem{"the account has no status"};
    return state;
}

std::string senders_url(std::string_view api_base_url) {
    constexpr std::string_view kApi = "https://api.";
    std::string base{api_base_url};
    if (base.starts_with(kApi) && base.ends_with(".twilio.com"))
        base.replace(0, kApi.size(), "https://messaging.");
    return base + "/v2/Channels/Senders?Channel=whatsapp&PageSize=1000";
}

Result<SenderPage> read_sender_page(std::string_view body) {
    const auto list = read_object(body);
    if (!list) return Problem{"the list of senders is no JSON object"};
    const auto items = list->FindMember("senders");
    if (items == list->MemberEnd() || !items->value.IsArray())
        return Problem{"the list of senders has no senders"};
    SenderPage page;
    for (const rapidjson::Value& item : items->value.GetArray()) {
        if (!item.IsObject()) return Problem{"a listed sender is no JSON object"};
        page.senders.push_back(read_sender(item));
    }
    const rapidjson::Value* meta = object_of(*list, "meta");
    page.has_more = meta != nullptr && !text_of(*meta, "next_page_url").empty();
    return page;
}

}  // namespace pgcourier::twilio
