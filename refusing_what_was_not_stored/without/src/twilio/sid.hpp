#pragma once
// The forms of Twilio's identifiers. A signature does not say where one parameter ends and the next
// begins
// (`Body=a&From=b` signs like `Body=aFromb`), so what is read from a signed request is still
// checked for its form.

#include <algorithm>
#include <string_view>

namespace pgcourier::twilio {

inline bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Two given capitals and 32 hexadecimal digits of either case.
inline bool is_sid(std::string_view text, std::string_view prefix) {
    return text.size() == 34 && text.starts_with(prefix) &&
           std::all_of(text.begin() + 2, text.end(), is_hex_digit);
}

/// `SM…` or `MM…`, lower-case digits only: it is part of idempotency keys, so it has one spelling.
inline bool is_message_sid(std::string_view text) {
    return (is_sid(text, "SM") || is_sid(text, "MM")) &&
           std::none_of(text.begin() + 2, text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
}

inline bool is_account_sid(std::string_view text) {
    return is_sid(text, "AC");
}
inline bool is_api_key_sid(std::string_view text) {
    return is_sid(text, "SK");
}
inline bool is_content_sid(std::string_view text) {
    return is_sid(text, "HX");
}
inline bool is_messaging_service_sid(std::string_view text) {
    return is_sid(text, "MG");
}

}  // namespace pgcourier::twilio
