#include "sim/account_json.hpp"

#include "sim/json_object.hpp"

#include <fmt/format.h>

namespace pgcourier::sim {
namespace {

constexpr const char* kSendersPath = "/v2/Channels/Senders";

std::string sender_json(const SimulatedSender& sender, std::size_t index,
                        const std::string& base_url) {
    const std::string sid = fmt::format("XE{:032x}", index + 1);
    const bool has_webhook = !sender.callback_url.empty();
    const bool has_fallback = !sender.fallback_url.empty();
    return JsonObject{}
        .text("sid", sid)
        .text("status", sender.status)
        .text("sender_id", "whatsapp:" + sender.number)
        .raw("webhook", JsonObject{}
                            .text_or_null("callback_url", sender.callback_url)
                            .text_or_null("callback_method", has_webhook ? "POST" : "")
                            .text_or_null("fallback_url", sender.fallback_url)
                            .text_or_null("fallback_method", has_fallback ? "POST" : "")
                            .raw("status_callback_url", "null")
                            .raw("status_callback_method", "null")
                            .done())
        .raw("offline_reasons", "null")
        .text("url", base_url + kSendersPath + "/" + sid)
        .done();
}

}  // namespace

std::string account_json(const SimulatorOptions& options) {
    const std::string path = "/2010-04-01/Accounts/" + options.account_sid;
    return JsonObject{}
        .text("auth_token", options.auth_token.reveal())
        .text("date_created", "Thu, 01 Jan 2026 00:00:00 +0000")
        .text("date_updated", "Thu, 01 Jan 2026 00:00:00 +0000")
        .text("friendly_name", "A simulated account")
        .text("owner_account_sid", options.account_sid)
        .text("sid", options.account_sid)
        .text("status", options.account_status)
        .raw("subresource_uris", JsonObject{}.text("messages", path + "/Messages.json").done())
        .text("type", options.account_type)
        .text("uri", path + ".json")
        .done();
}

std::string senders_json(const SimulatorOptions& options, const std::string& base_url) {
    std::vector<SimulatedSender> senders = options.senders;
    if (senders.empty() && !options.inbound_to.empty())
        senders.push_back({.number = options.inbound_to, .callback_url = options.inbound_url});
    std::string items;
    for (std::size_t i = 0; i < senders.size(); ++i)
        items += (i == 0 ? "" : ",") + sender_json(senders[i], i, base_url);
    const std::string page = base_url + kSendersPath + "?Channel=whatsapp&PageSize=50&Page=0";
    return JsonObject{}
        .raw("senders", "[" + items + "]")
        .raw("meta", JsonObject{}
                         .number("page", 0)
                         .number("page_size", 50)
                         .text("first_page_url", page)
                         .raw("previous_page_url", "null")
                         .text("url", page)
                         .raw("next_page_url", "null")
                         .text("key", "senders")
                         .done())
        .done();
}

}  // namespace pgcourier::sim
