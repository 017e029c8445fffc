#include "console/cookie.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <vector>

namespace pgcourier::console {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kParts = 5;  // role, end, nonce, name, signature
constexpr std::string_view kOperator = "operator";
constexpr std::string_view kViewer = "viewer";
// PBKDF2's salt is a label: every instance must come to the same key.
constexpr std::string_view kLabel = "pgcourier console session 1";
constexpr int kRounds = 100'000;

std::string hmac_sha256(std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
             &length) == nullptr) {
        throw std::runtime_error{"OpenSSL: HMAC-SHA256 is not available"};
    }
    return {reinterpret_cast<const char*>(digest.data()), length};
}

Secret key_from(const Secret& token) {
    if (token.empty()) return Secret{};
    const std::string_view text = token.reveal();
    std::array<unsigned char, 32> key{};
    if (PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()),
                          reinterpret_cast<const unsigned char*>(kLabel.data()),
                          static_cast<int>(kLabel.size()), kRounds, EVP_sha256(),
                          static_cast<int>(key.size()), key.data()) != 1) {
        throw std::runtime_error{"OpenSSL: PBKDF2 is not available"};
    }
    return Secret{std::string{reinterpret_cast<const char*>(key.data()), key.size()}};
}

std::string mac(const Secret& key, std::string_view purpose, std::string_view text) {
    return to_base64url(hmac_sha256(key.reveal(), std::string{purpose} + '\0' + std::string{text}));
}

// As it says itself: the signature tells whether that is so.
Role role_in(std::string_view value) {
    return value.substr(0, value.find('.')) == kOperator ? Role::operates : Role::views;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (parts.size() <= kParts) {
        const std::size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return parts;
}

}  // namespace

Signer::Signer(const Secret& token, const Secret& readonly)
    : operator_{key_from(token)}, viewer_{key_from(readonly)} {}

std::string Signer::sign(const Visitor& visitor, std::string_view nonce) const {
    std::string value{visitor.role == Role::operates ? kOperator : kViewer};
    value += '.' + std::to_string(visitor.expires.time_since_epoch().count());
    value += '.' + to_base64url(nonce);
    value += '.' + to_base64url(visitor.name);
    return value + '.' + mac(key_of(visitor.role), "session", value);
}

std::optional<Visitor> Signer::read(std::string_view value, WallTime now) const {
    const std::size_t last = value.rfind('.');
    const Role role = role_in(value);
    // With an empty key anybody could sign.
    if (last == std::string_view::npos || key_of(role).empty() ||
        !equal_in_constant_time(mac(key_of(role), "session", value.substr(0, last)),
                                value.substr(last + 1))) {
        return std::nullopt;
    }
    // It is ours: its form is known.
    const auto parts = split(value, '.');
    if (parts.size() != kParts) return std::nullopt;
    std::int64_t expires = 0;
    std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), expires);
    Visitor visitor{.role = role,
                    .name = from_base64url(parts[3]).value_or(""),
                    .expires = WallTime{std::chrono::milliseconds{expires}}};
    if (visitor.expires <= now) return std::nullopt;
    return visitor;
}

std::string Signer::csrf_token(std::string_view value) const {
    return mac(key_of(role_in(value)), "csrf", value);
}

std::vector<std::string_view> cookie_values(std::string_view header, std::string_view name) {
    std::vector<std::string_view> values;
    while (!header.empty()) {
        const std::size_t end = header.find(';');
        std::string_view pair = header.substr(0, end);
        header.remove_prefix(end == std::string_view::npos ? header.size() : end + 1);
        while (pair.starts_with(' ')) pair.remove_prefix(1);
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name)
            values.push_back(pair.substr(equals + 1));
    }
    return values;
}

std::string to_base64url(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : bytes) {
        buffer = buffer << 8 | static_cast<unsigned char>(c);
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            text += kDigits[buffer >> bits & 63];
        }
    }
    if (bits > 0) text += kDigits[buffer << (6 - bits) & 63];
    return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
    std::string bytes;
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        buffer = buffer << 6 | static_cast<unsigned>(digit);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(buffer >> bits & 0xFF);
        }
    }
    // What is left over of the last digit must be nothing, or two texts would mean the same.
    if (bits >= 6 || (buffer & ((1u << bits) - 1)) != 0) return std::nullopt;
    return bytes;
}

}  // namespace pgcourier::console
