#include "base/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgcourier {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

bool is_plain(char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F;
}

/// Copies the text; what is no UTF-8 becomes U+FFFD, and a control character what `control`
/// appends.
template <class Control>
std::string rewritten(std::string_view text, Control control) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto plain = static_cast<std::size_t>(
            std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const CodePoint c = first_code_point(text);
        if (!c.is_valid) {
            out += kReplacement;
        } else if (is_control(c.value)) {
            control(out, c.value);
        } else {
            out += text.substr(0, c.bytes);
        }
        text.remove_prefix(c.bytes);
    }
    return out;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};

    std::size_t length = 0;
    unsigned char low =
        0x80;  // what the second byte may be; the third and fourth are always 80..BF
    unsigned char high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    } else {
        return {U'\uFFFD', 1, false};
    }

    auto value = static_cast<char32_t>(lead & (0x7F >> length));
    for (std::size_t i = 1; i < length; ++i) {
        if (i == text.size() || byte(i) < low || byte(i) > high) return {U'\uFFFD', i, false};
        value = (value << 6) | (byte(i) & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    return {value, length, true};
}

bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

std::string without_controls(std::string_view text) {
    return rewritten(text, [](std::string& out, char32_t) { out += ' '; });
}

std::string json_without_controls(std::string_view json) {
    return rewritten(json, [](std::string& out, char32_t c) {
        // What is below stands between values, where it is white space.
        if (c < 0x20) {
            out += static_cast<char>(c);
        } else {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        }
    });
}

}  // namespace pgcourier
