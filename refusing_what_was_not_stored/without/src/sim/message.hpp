#pragma once
// A message as the simulated Twilio keeps it, and as its API shows it.
// https://www.twilio.com/docs/messaging/api/message-resource

#include "base/clock.hpp"
#include "base/rng.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::sim {

struct Media {
    std::string sid;  // ME…
    std::string url;
    std::string content_type;
};

struct Message {
    std::uint64_t number = 0;  // counts messages in order of arrival; the store gives it
    std::string sid;           // SM…, MM… with media
    std::string from;          // with `whatsapp:`; empty when a Messaging Service chooses
    std::string to;
    std::string body;
    std::string messaging_service_sid;
    std::string content_sid;
    std::string status_callback;
    std::vector<Media> media;
    // Literals: `outbound-api` or `inbound`; `queued`, `accepted`, `sent`, `received`…
    std::string_view direction = "outbound-api";
    std::string_view status = "queued";
    WallTime created;
    WallTime updated;
    std::optional<WallTime> sent;
    int error_code = 0;
};

/// Two capitals and 32 hexadecimal digits.
std::string new_sid(std::string_view prefix, Rng& rng);

/// `Fri, 24 May 2019 17:44:46 +0000`, as Twilio writes times.
std::string rfc2822(WallTime time);

/// `/2010-04-01/Accounts/AC…/Messages`, the beginning of all its paths.
std::string messages_path(std::string_view account_sid);

/// The message resource.
std::string to_json(const Message& message, std::string_view account_sid);

/// The message's Media list resource.
std::string media_json(const Message& message, std::string_view account_sid);

}  // namespace pgcourier::sim
