#include "twilio/reply.hpp"

#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/payload.hpp"
#include "twilio/sid.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace pgcourier::twilio {
namespace {

constexpr int kServiceUnavailable = 503;
constexpr int kTwilioUnavailable = 20503;
constexpr std::size_t kMaxBodyBytes = 64 * 1024;  // Twilio's answers have about one
constexpr std::chrono::seconds kLongestWait = std::chrono::hours{24};

template <class Int>
std::optional<Int> to_number(std::string_view text) {
    Int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::chrono::milliseconds> wait_of(std::optional<std::string_view> retry_after) {
    if (!retry_after) return std::nullopt;
    const auto seconds = to_number<std::int64_t>(*retry_after);
    if (!seconds || *seconds < 0) return std::nullopt;
    return std::min(std::chrono::seconds{*seconds}, kLongestWait);
}

std::string reason_of(int code, int http_status, const Verdict& verdict,
                      std::string_view content_type) {
    if (code != 0 && find_error(code))
        return "twilio " + std::to_string(code) + ": " + std::string{verdict.words};
    std::string reason =
        code != 0 ? "twilio " + std::to_string(code) : "HTTP " + std::to_string(http_status);
    if (code == 0 && !content_type.empty()) reason += " " + pg_text(content_type.substr(0, 40));
    reason.append(": ").append(verdict.words);
    // Twilio's own words quote what was sent: they go nowhere. Its page says what the code means.
    if (code != 0) reason += " (www.twilio.com/docs/api/errors/" + std::to_string(code) + ")";
    return reason;
}

}  // namespace

SendOutcome read_reply(int http_status, std::string_view content_type,
                       std::optional<std::string_view> retry_after, std::string_view body) {
    const Params fields = body.size() <= kMaxBodyBytes ? json_fields(body) : Params{};
    if (http_status >= 200 && http_status < 300) {
        const std::string_view sid = value_or_empty(fields, "sid");
        if (!is_message_sid(sid)) {
            return OutcomeUnknown{
                "HTTP " + std::to_string(http_status) + " without a readable message sid", 0,
                http_status};
        }
        return Accepted{std::string{sid}, pg_text(value_or_empty(fields, "status"))};
    }

    const int code = to_number<int>(value_or_empty(fields, "code")).value_or(0);
    const Verdict verdict = judge(code, http_status);
    std::string reason = reason_of(code, http_status, verdict, content_type);
    const auto wait = wait_of(retry_after);
    if (verdict.error_class == ErrorClass::ambiguous)
        return OutcomeUnknown{std::move(reason), code, http_status};
    if (http_status == kServiceUnavailable && code == kTwilioUnavailable) {
        return ProviderDown{std::move(reason), code, http_status, wait};
    }
    const bool is_permanent = verdict.error_class == ErrorClass::permanent;
    return Refused{.code = code,
                   .http_status = http_status,
                   .permanent = is_permanent && !verdict.is_guess,
                   .permanent_on_repeat = is_permanent && verdict.is_guess,
                   .error_class = verdict.error_class,
                   .scope = verdict.scope,
                   .is_guess = verdict.is_guess,
                   .reason = std::move(reason),
                   .retry_after = wait};
}

}  // namespace pgcourier::twilio
