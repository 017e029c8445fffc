#pragma once
// What an inbound message carries beside its text and media: buttons, lists, location, quoted
// message, advertisement.

#include "twilio/form.hpp"

#include <string>

namespace pgcourier::twilio {

/// InboundMessage::details_json: a JSON object that jsonb accepts, or empty.
std::string details_json(const Form& form);

}  // namespace pgcourier::twilio
