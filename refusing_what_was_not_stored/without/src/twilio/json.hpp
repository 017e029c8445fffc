#pragma once
// JSON from outside, read without trust: bounded depth, no recursion, and written anew so that
// jsonb accepts it.

#include "twilio/form.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pgcourier::twilio {

struct Json {
    std::string text;
    bool is_object;
};

/// The value written anew for jsonb: U+0000 and lone surrogates (escaped or not) as U+FFFD, numbers
/// of more than 32 characters or with an exponent of more than two digits as strings, others digit
/// by digit as they were.
///
/// returns  nullopt when it is no JSON, or nested more than 64 deep
std::optional<Json> clean_json(std::string_view text);

/// The text as a JSON string, in quotes; invalid bytes as in pg_text.
std::string json_string(std::string_view bytes);
void append_json_string(std::string& out, std::string_view bytes);

/// The fields of an object as a form would carry them, in order: strings, numbers, `true` and
/// `false` as text, null as an empty text, objects and arrays as their JSON.
///
/// returns  empty when it is no object, or clean_json refuses it
Params json_fields(std::string_view text);

}  // namespace pgcourier::twilio
