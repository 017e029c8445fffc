#include "twilio/form.hpp"

#include <algorithm>

namespace pgcourier::twilio {
namespace {

/// The value of a hexadecimal digit, -1 for any other character.
int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text, bool space_as_plus) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_unreserved(c)) {
            out += c;
        } else if (c == ' ' && space_as_plus) {
            out += '+';
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kDigits[byte >> 4];
            out += kDigits[byte & 0xF];
        }
    }
}

}  // namespace

// Runs of characters that stand for themselves are copied at once.
void append_decoded(std::string& out, std::string_view encoded) {
    out.reserve(out.size() + encoded.size());
    std::size_t copied = 0;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        const char c = encoded[i];
        if (c != '+' && c != '%') continue;
        char decoded = ' ';
        std::size_t length = 1;
        if (c == '%') {
            if (i + 2 >= encoded.size()) continue;
            const int high = hex_value(encoded[i + 1]);
            const int low = hex_value(encoded[i + 2]);
            if (high < 0 || low < 0) continue;
            decoded = static_cast<char>(high * 16 + low);
            length = 3;
        }
        out.append(encoded, copied, i - copied);
        out += decoded;
        copied = i + length;
        i += length - 1;
    }
    out.append(encoded, copied);
}

Params decode_form(std::string_view text) {
    Params params;
    if (!text.empty())
        params.reserve(1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '&')));
    for_each_encoded_pair(text, [&params](std::string_view key, std::string_view value) {
        auto& [decoded_key, decoded_value] = params.emplace_back();
        append_decoded(decoded_key, key);
        append_decoded(decoded_value, value);
    });
    return params;
}

std::string encode_form(const Params& params) {
    std::string out;
    for (const auto& [key, value] : params) {
        if (!out.empty()) out += '&';
        append_encoded(out, key, true);
        out += '=';
        append_encoded(out, value, true);
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    append_encoded(out, text, false);
    return out;
}

const std::string* find(const Params& params, std::string_view key) {
    for (const auto& [name, value] : params) {
        if (name == key) return &value;
    }
    return nullptr;
}

std::string_view value_or_empty(const Params& params, std::string_view key) {
    const std::string* value = find(params, key);
    return value ? std::string_view{*value} : std::string_view{};
}

}  // namespace pgcourier::twilio
