#pragma once
// The request that creates a message.
// https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource

#include <string>
#include <string_view>

namespace pgcourier::twilio {

/// Fields that are empty are left out. Addresses are bare; `whatsapp:` is added here.
struct Outgoing {
    std::string account_sid;
    std::string from;
    std::string to;
    std::string body;
    std::string media_url;
    std::string content_sid;        // a template, instead of body and media
    std::string content_variables;  // JSON text, with content_sid
    std::string status_callback;    // URL
};

/// `/2010-04-01/Accounts/AC…/Messages.json`, below TWILIO_API_BASE_URL.
std::string create_message_path(std::string_view account_sid);

/// The body, application/x-www-form-urlencoded.
std::string create_message_body(const Outgoing& message);

}  // namespace pgcourier::twilio
