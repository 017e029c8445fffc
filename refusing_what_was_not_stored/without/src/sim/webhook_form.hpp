#pragma once
// The webhooks that the simulator posts, as Twilio fills them in. Pure.
// https://www.twilio.com/docs/messaging/guides/webhook-request

#include "base/clock.hpp"
#include "base/result.hpp"
#include "sim/message.hpp"
#include "twilio/form.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::sim {

/// A message that a person sends to the account.
struct Inbound {
    std::string from;  // a number or a WhatsApp user id, with or without `whatsapp:`
    std::string to;    // empty: SimulatorOptions::inbound_to
    std::string body;
    std::vector<Media> media;
    twilio::Params
        more;         // Twilio's further parameters by their names; they win over what is derived
    std::string sid;  // of a message that was posted before, to post it again; empty: a new one
    std::optional<WallTime> sent_at;  // for a message of the past; nullopt: now
    int times = 1;                    // posted so often: the same message, as Twilio's repeats are
    bool is_concurrent = false;       // all of them at once, not one after the other's answer
    bool is_posted = true;  // false: it only stands in the list, as when a webhook was lost
};

/// Reads one from flat fields, as a form or a JSON object has them: `from`, `to`, `body`, `media`
/// (a URL; repeatable), `media_type` (of the media before it), `times`, `concurrently`, `post`,
/// `sid`, `sent_at_ms` (since 1970). Whatever begins with a capital is one of Twilio's parameters:
/// `ProfileName`, `ButtonPayload`, `Latitude`…
Result<Inbound> read_inbound(const twilio::Params& fields);

/// The form of the inbound webhook, in Twilio's order.
twilio::Params inbound_form(const Inbound& inbound, const Message& message,
                            const std::string& account_sid);

/// The form of a status callback. `error_code` goes with `undelivered` and `failed`.
twilio::Params status_form(const Message& message, std::string_view status, int error_code,
                           const std::string& account_sid);

}  // namespace pgcourier::sim
