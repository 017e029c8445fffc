#pragma once
// The bytes that a URL may have, where Twilio tells one that our credentials are sent to.

#include <algorithm>
#include <string_view>

namespace pgcourier::twilio {

/// Whether it is printable ASCII without a space (RFC 3986 has no other byte): nothing in it ends a
/// line or a request.
inline bool is_url_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace pgcourier::twilio
