#pragma once
// Reading UTF-8 that may be anything, and writing it where a terminal or a reader of lines obeys
// what it finds: control characters, line separators, marks that turn the direction of the text.

#include <cstddef>
#include <string>
#include <string_view>

namespace pgcourier {

struct CodePoint {
    char32_t value;
    std::size_t bytes;  // 1..4
    bool is_valid;      // false: value is U+FFFD and bytes the longest part that could have begun a
                        // character
};

/// The first character of a text that is not empty. Surrogates, overlong forms and values above
/// U+10FFFF are invalid (Unicode 15, table 3-7).
CodePoint first_code_point(std::string_view text);

/// Whether something obeys it: C0, DEL and C1, the separators of lines and paragraphs, and the
/// marks that turn the direction of what follows.
bool is_control(char32_t c);

/// The same text on one line: each control character a space, what is no UTF-8 U+FFFD.
std::string without_controls(std::string_view text);

/// The same JSON, with \u escapes for the control characters that its strings have as they are (a
/// JSON text must escape only C0), and U+FFFD for what is no UTF-8.
std::string json_without_controls(std::string_view json);

}  // namespace pgcourier
