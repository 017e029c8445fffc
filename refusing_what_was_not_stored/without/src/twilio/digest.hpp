#pragma once
// The two digests of Twilio's signatures, on algorithms that are fetched from OpenSSL once and
// contexts that are kept by each thread: they run for every webhook.

#include <string>
#include <string_view>

namespace pgcourier::twilio {

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// HMAC-SHA1 of `first` followed by `second`, in base64: always 28 characters.
std::string hmac_sha1_base64(std::string_view key, std::string_view first, std::string_view second);

}  // namespace pgcourier::twilio
