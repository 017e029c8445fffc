#include "twilio/request.hpp"

#include "base/address.hpp"
#include "twilio/form.hpp"

namespace pgcourier::twilio {
namespace {

std::string whatsapp(std::string_view address) {
    return std::string{"whatsapp:"}.append(bare_address(address));
}

}  // namespace

std::string create_message_path(std::string_view account_sid) {
    return "/2010-04-01/Accounts/" + percent_encode(account_sid) + "/Messages.json";
}

std::string create_message_body(const Outgoing& message) {
    Params params{{"To", whatsapp(message.to)}, {"From", whatsapp(message.from)}};
    const auto add = [&params](const char* key, const std::string& value) {
        if (!value.empty()) params.emplace_back(key, value);
    };
    add("Body", message.body);
    add("MediaUrl", message.media_url);
    add("ContentSid", message.content_sid);
    add("ContentVariables", message.content_variables);
    add("StatusCallback", message.status_callback);
    return encode_form(params);
}

}  // namespace pgcourier::twilio
