#pragma once
// What Twilio accepts as a new message, and how it says no. Pure.
// https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource

#include "http/request.hpp"
#include "sim/message.hpp"
#include "twilio/form.hpp"

#include <string>
#include <variant>

namespace pgcourier::sim {

struct ApiError {
    int status;           // HTTP
    int code;             // Twilio's
    std::string message;  // empty: what the table of codes says
};

/// `{"code":21211,"message":"…","more_info":"…","status":400}`
http::Response to_response(const ApiError& error);

/// The message that a create call asks for, without sids and times, or the first thing wrong with
/// it.
std::variant<Message, ApiError> read_create(const twilio::Params& params);

/// By the ending of a URL's path, `application/octet-stream` when that says nothing.
std::string content_type_of(std::string_view url);

}  // namespace pgcourier::sim
