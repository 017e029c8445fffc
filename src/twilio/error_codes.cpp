#include "twilio/error_codes.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace pgcourier::twilio {
namespace {

using enum ErrorClass;
using enum ErrorScope;

// https://www.twilio.com/docs/api/errors/N for each N; the sorting is ours. Ascending by code.
constexpr auto kErrors = std::to_array<ErrorCode>({
    {14107, transient, message, "too many replies between these two numbers in 30 seconds"},
    {20003, systemic, account, "the credentials are wrong or may not do this"},
    {20004, systemic, account, "the credentials do not allow this method"},
    {20005, systemic, account, "the account is not active or out of funds"},
    {20006, systemic, account, "access to this account is denied"},
    {20008, systemic, account, "test credentials cannot send"},
    {20404, systemic, account, "the account or path does not exist"},
    {20429, rate_limited, account, "too many requests at the same time"},
    {20500, ambiguous, message, "internal error at Twilio: the message may have been sent"},
    {20503, transient, account, "Twilio is not available"},
    {21211, permanent, message, "the recipient is no valid number"},
    {21212, systemic, sender, "the sender is no valid number"},
    {21217, permanent, message, "the recipient does not seem to be a valid number"},
    {21266, permanent, message, "sender and recipient are the same"},
    {21408, permanent, message, "sending to the recipient's country is not enabled"},
    {21421, permanent, message, "the number is not valid"},
    {21601, permanent, message, "the number cannot receive messages"},
    {21602, permanent, message, "the message has no body"},
    {21603, permanent, message, "the message has no sender"},
    {21604, permanent, message, "the message has no recipient"},
    {21606, systemic, sender, "the sender is no number of this account that can send"},
    {21607, systemic, sender, "a trial account cannot send from this number"},
    {21608, systemic, account, "a trial account can send to verified numbers only"},
    {21609, permanent, message, "the StatusCallback URL is not valid"},
    {21610, permanent, message, "the recipient has opted out"},
    {21611, rate_limited, sender, "the sender's queue is full"},
    {21612, permanent, message, "the recipient cannot be reached from this sender"},
    {21614, permanent, message, "the recipient is no mobile number"},
    {21617, permanent, message, "the body is longer than 1600 characters"},
    {21618, permanent, message, "the body cannot be sent"},
    {21619, permanent, message, "the message has neither body, media nor template"},
    {21620, permanent, message, "the media URL is not valid"},
    {21622, permanent, message, "the media cannot be sent"},
    {21623, permanent, message, "the message has too many media"},
    {21654, permanent, message, "template variables without a template"},
    {21655, permanent, message, "the template does not exist in this account"},
    {21656, permanent, message, "the template's variables are not valid"},
    {21701, systemic, account, "the messaging service does not exist"},
    {21703, systemic, account, "the messaging service has no sender"},
    {30001, rate_limited, sender, "the queue is full"},
    {30002, systemic, account, "the account is suspended"},
    {30003, permanent, message, "the recipient's phone cannot be reached"},
    {30004, permanent, message, "the message was blocked"},
    {30005, permanent, message, "the recipient's number is unknown"},
    {30006, permanent, message, "the recipient is a landline or its carrier cannot be reached"},
    {30007, permanent, message, "the message was filtered"},
    {30008, permanent, message, "the carrier gave no reason"},
    {30410, permanent, message, "the next provider timed out; Twilio does not send again"},
    {63001, systemic, sender, "the channel does not accept the sender's credentials"},
    {63002, systemic, sender, "the channel does not know the sender's address"},
    {63003, permanent, message, "the recipient is not on WhatsApp"},
    {63005, permanent, message, "the channel refused the content"},
    {63006, permanent, message, "the channel cannot take this content"},
    {63007, systemic, sender, "there is no WhatsApp channel for the sender"},
    {63008, systemic, account, "the channel is not set up rightly"},
    {63009, transient, message, "the channel returned an error"},
    {63010, transient, message, "internal error of the channel"},
    {63012, transient, message, "the channel is not available"},
    {63013, permanent, message, "the message breaks the channel's rules"},
    {63014, permanent, message, "the recipient has blocked the sender"},
    {63015, permanent, message, "the recipient has not joined the sandbox"},
    {63016, permanent, message, "outside the 24-hour window: a template is needed"},
    {63017, transient, message, "the message expired at the channel"},
    {63018, rate_limited, sender, "the sender is over its rate or daily conversation limit"},
    {63019, transient, message, "the media could not be downloaded"},
    {63020, systemic, sender, "the WhatsApp business account is not verified or invited"},
    {63021, permanent, message, "the channel found the content not valid"},
    {63022, systemic, sender, "the sender's name or certificate is not valid"},
    {63024, permanent, message, "the recipient cannot receive this: not on WhatsApp"},
    {63026, systemic, sender, "the sender is not set up at the channel"},
    {63027, permanent, message, "the template does not exist in this language"},
    {63028, permanent, message, "the number of template variables is wrong"},
    {63029, permanent, message, "the template's text does not match"},
    {63030, permanent, message, "a parameter of the message is not supported"},
    {63031, permanent, message, "sender and recipient are the same"},
    {63032, permanent, message, "WhatsApp does not deliver to this recipient"},
    {63033, permanent, message, "the recipient has blocked the sender"},
    {63034, permanent, message, "the template or media was refused"},
    {63037, permanent, message, "the channel refused the message"},
    {63038, systemic, account, "the account is over its daily limit of messages"},
    {63041, permanent, message, "the template is paused"},
    {63042, permanent, message, "the template is disabled"},
    {63049, permanent, message, "Meta chose not to deliver this marketing message"},
    {63051, systemic, sender, "the WhatsApp business account is locked"},
    {63101, systemic, account, "the WhatsApp business account is not valid or not usable"},
});
static_assert(std::ranges::adjacent_find(kErrors, std::ranges::greater_equal{}, &ErrorCode::code) ==
              kErrors.end());

Verdict by_status(int code, int http_status) {
    if (http_status == 429) return {rate_limited, account, "too many requests", false};
    if (http_status == 401) return {systemic, account, "the credentials are refused", false};
    if (http_status == 403) return {systemic, account, "access is forbidden", true};
    if (http_status == 404) return {systemic, account, "the account or path does not exist", true};
    if (http_status >= 300 && http_status < 400) {
        return {systemic, account, "redirected: this is not the API's base URL", true};
    }
    // Each refusal of Twilio's has a code: a proxy or a firewall on the way said this, of all
    // messages perhaps, and none of them may be given up for it.
    if (code == 0 && http_status >= 400 && http_status < 500 && http_status != 408) {
        return {systemic, account, "refused by something that is not Twilio's API", true};
    }
    // 408: a gateway stopped waiting, for us or for Twilio.
    if (http_status >= 400 && http_status < 500 && http_status != 408) {
        return {permanent, message, "the request was refused", true};
    }
    return {ambiguous, message, "the message may have been sent", true};
}

}  // namespace

std::string_view to_text(ErrorClass error_class) {
    switch (error_class) {
        case transient:
            return "transient";
        case rate_limited:
            return "rate_limited";
        case permanent:
            return "permanent";
        case systemic:
            return "systemic";
        case ambiguous:
            break;
    }
    return "ambiguous";
}

std::string_view to_text(ErrorScope scope) {
    switch (scope) {
        case message:
            return "message";
        case sender:
            return "sender";
        case account:
            break;
    }
    return "account";
}

std::span<const ErrorCode> error_codes() {
    return kErrors;
}

const ErrorCode* find_error(int code) {
    const auto found = std::ranges::lower_bound(kErrors, code, {}, &ErrorCode::code);
    return found != kErrors.end() && found->code == code ? &*found : nullptr;
}

Verdict judge(int code, int http_status) {
    const ErrorCode* known = find_error(code);
    if (!known) return by_status(code, http_status);
    const bool surely_not_sent =
        known->error_class == transient || known->error_class == rate_limited;
    // A server or gateway that failed half way cannot promise it: only 503 and 4xx are refusals.
    const bool may_have_been_sent = http_status == 500 || http_status == 502 || http_status == 504;
    if (surely_not_sent && may_have_been_sent) return by_status(code, http_status);
    if (known->error_class == ambiguous && http_status == 429) return by_status(code, http_status);
    return {known->error_class, known->scope, known->words, false};
}

}  // namespace pgcourier::twilio
