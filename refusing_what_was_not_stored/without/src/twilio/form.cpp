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

/// returns  the end of what was written: at most as much as `encoded` is long
char* write_decoded(char* out, std::string_view encoded) {
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        const char c = encoded[i];
        *out = c == '+' ? ' ' : c;
        if (c == '%' && i + 2 < encoded.size()) {
            const int high = hex_value(encoded[i + 1]);
            const int low = hex_value(encoded[i + 2]);
            if (high >= 0 && low >= 0) {
                *out = static_cast<char>(high * 16 + low);
                i += 2;
            }
        }
        ++out;
    }
    return out;
}

/// Not fewer than there are.
std::size_t most_pairs(std::string_view text) {
    return 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '&'));
}

char* write(char* out, std::string_view text) {
    return std::copy(text.begin(), text.end(), out);
}

}  // namespace

void append_decoded(std::string& out, std::string_view encoded) {
    const std::size_t start = out.size();
    out.resize(start + encoded.size());
    const char* const end = write_decoded(out.data() + start, encoded);
    out.resize(static_cast<std::size_t>(end - out.data()));
}

Form::Form(std::string_view text) : buffer_{new char[text.size()]} {
    pairs_.reserve(most_pairs(text));
    char* out = buffer_.get();
    for_each_encoded_pair(text, [&](std::string_view key, std::string_view value) {
        char* const key_end = write_decoded(out, key);
        char* const value_end = write_decoded(key_end, value);
        pairs_.emplace_back(std::string_view{out, key_end}, std::string_view{key_end, value_end});
        out = value_end;
    });
}

Form::Form(const Params& params) {
    std::size_t size = 0;
    for (const auto& [key, value] : params) size += key.size() + value.size();
    buffer_.reset(new char[size]);
    pairs_.reserve(params.size());
    char* out = buffer_.get();
    for (const auto& [key, value] : params) {
        char* const key_end = write(out, key);
        char* const value_end = write(key_end, value);
        pairs_.emplace_back(std::string_view{out, key_end}, std::string_view{key_end, value_end});
        out = value_end;
    }
}

bool Form::has(std::string_view key) const {
    return std::ranges::find(pairs_, key, &Pair::first) != pairs_.end();
}

std::string_view Form::value(std::string_view key) const {
    const auto found = std::ranges::find(pairs_, key, &Pair::first);
    return found == pairs_.end() ? std::string_view{} : found->second;
}

Params decode_form(std::string_view text) {
    Params params;
    params.reserve(most_pairs(text));
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
