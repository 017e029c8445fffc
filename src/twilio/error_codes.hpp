#pragma once
// What Twilio's error codes mean for a message, as one table.
// https://www.twilio.com/docs/api/errors

#include <span>
#include <string_view>

namespace pgcourier::twilio {

enum class ErrorClass {
    transient,     // surely not sent: again after a backoff
    rate_limited,  // surely not sent: again, slower
    permanent,     // this message will never be sent: a dead letter
    systemic,      // not the message's fault: pause sending in the scope, consume no attempt
    ambiguous,     // may have been sent: reconcile before anything else
};

/// Whom the error concerns: only this message, all of one sender number, or all of the account.
enum class ErrorScope { message, sender, account };

std::string_view to_text(ErrorClass error_class);
std::string_view to_text(ErrorScope scope);

struct ErrorCode {
    int code;
    ErrorClass error_class;
    ErrorScope scope;
    std::string_view words;  // for a person; no number, no body
};

/// All known codes, ascending.
std::span<const ErrorCode> error_codes();

/// returns  nullptr for a code that is not in the table
const ErrorCode* find_error(int code);

struct Verdict {
    ErrorClass error_class;
    ErrorScope scope;
    std::string_view words;
    /// A guess: nobody knows this code. A permanent one is believed when it comes a second time, a
    /// systemic one is believed to be the account's when no others are sent meanwhile.
    bool is_guess;
};

/// What a refused request means: by its code, then by its HTTP status. Codes of a callback come
/// with status 0; code 0 is none.
///
/// - 429 is never ambiguous.
/// - 500, 502 and 504 are ambiguous unless the code itself is permanent or systemic.
/// - 401, 403, 404 and redirects are systemic without a known code: wrong credentials, account or
/// base URL.
/// - No code at all with another 4xx is systemic too: it does not come from Twilio's API, which
/// has one in each refusal.
/// - An unknown code with another 4xx is permanent as a guess, with 5xx and with no status
/// ambiguous (408 too, with or without a code).
Verdict judge(int code, int http_status);

}  // namespace pgcourier::twilio
