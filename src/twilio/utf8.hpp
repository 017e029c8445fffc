#pragma once
// Reading UTF-8 that may be anything.

#include <cstddef>
#include <string_view>

namespace pgcourier::twilio {

struct CodePoint {
    char32_t value;
    std::size_t bytes;  // 1..4
    bool is_valid;      // false: value is U+FFFD and bytes the longest part that could have begun a
                        // character
};

/// The first character of a text that is not empty. Surrogates, overlong forms and values above
/// U+10FFFF are invalid (Unicode 15, table 3-7).
CodePoint first_code_point(std::string_view text);

}  // namespace pgcourier::twilio
