#pragma once
// Twilio's answer to a create call, as one of four outcomes. A call that got no answer is judged by
// its caller: no connection is ProviderDown, anything after the first written byte OutcomeUnknown.

#include "twilio/error_codes.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pgcourier::twilio {

struct Accepted {
    std::string message_sid;
    std::string status;  // queued, accepted, …
};

/// Surely not sent: Twilio answered and said no.
struct Refused {
    int code = 0;  // Twilio's, 0 when it gave none
    int http_status = 0;
    bool permanent = false;  // a dead letter at once
    bool permanent_on_repeat =
        false;  // an unknown refusal: a dead letter when the next attempt ends like this too
    ErrorClass error_class =
        ErrorClass::transient;  // transient, rate_limited, permanent or systemic
    ErrorScope scope = ErrorScope::message;
    bool is_guess = false;  // nobody knows this code, or there is none
    std::string reason;     // `twilio 21211: …`; no body and no full number
    std::optional<std::chrono::milliseconds> retry_after;  // Twilio's wish, at most a day
};

/// Surely not sent: no connection, or 503 with Twilio's own 20503.
struct ProviderDown {
    std::string reason;
    int code = 0;
    int http_status = 0;
    std::optional<std::chrono::milliseconds> retry_after;
};

/// It may have been sent: never send again before reconciling.
struct OutcomeUnknown {
    std::string reason;
    int code = 0;
    int http_status = 0;
};

using SendOutcome = std::variant<Accepted, Refused, ProviderDown, OutcomeUnknown>;

/// Reads the answer: on its code first, then on its HTTP status (error_codes.hpp). A 2xx without a
/// readable message sid is OutcomeUnknown.
///
/// retry_after  the header's value; seconds are understood, dates are not
SendOutcome read_reply(int http_status, std::string_view content_type,
                       std::optional<std::string_view> retry_after, std::string_view body);

}  // namespace pgcourier::twilio
