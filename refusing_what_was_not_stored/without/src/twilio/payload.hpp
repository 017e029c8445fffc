#pragma once
// What a webhook says, as text that PostgreSQL can hold. A text has no U+0000 and is valid UTF-8;
// jsonb also refuses lone surrogates and numbers beyond `numeric`.

#include "twilio/body_format.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace pgcourier::twilio {

/// Valid UTF-8 without U+0000: each U+0000 and each maximal invalid part becomes U+FFFD (Unicode
/// 15, section 3.9), encoded surrogates included.
std::string pg_text(std::string_view bytes);
/// ASCII without U+0000, as nearly all is: pg_text() would change nothing.
bool is_plain(std::string_view bytes);

/// The body as a JSON object that jsonb accepts, whatever the bytes are.
///
/// A form is its decoded keys with text values; a repeated key has an array of its values, in their
/// order. A JSON object is written anew, with U+FFFD for what PostgreSQL cannot hold and with very
/// long or large numbers as text. Anything else is
/// `{"raw": …}`: other JSON as it is, text that is no JSON (or nested more than 64 deep) as a
/// string. A body over 1 MiB is
/// `{"raw_bytes": n}`.
std::string payload_json(BodyFormat format, std::string_view raw);

/// One JSON value as jsonb accepts it; text that is no JSON becomes a JSON string.
std::string json_value(std::string_view text);

}  // namespace pgcourier::twilio
