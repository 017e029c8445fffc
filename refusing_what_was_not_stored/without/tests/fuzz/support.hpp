#pragma once
// What the fuzz targets share: reading an input, and telling that a property does not hold. Nothing
// of the program under test is used here, so that a mistake of its does not hide itself.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pgcourier::fuzz {

/// Thrown through the target: libFuzzer takes it for a crash, the replay for a failed case.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void require(bool holds, const char* property) {
    if (!holds) throw Broken{std::string{"does not hold: "} + property};
}

/// The bytes of an input: some lines for the small arguments, then the rest. So corpora can be read
/// and written by hand.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size)
        : rest_{size == 0 ? std::string_view{}
                          : std::string_view{reinterpret_cast<const char*>(data), size}} {}

    /// Up to the next line feed, which is taken too.
    std::string_view line() {
        const std::string_view found = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(found.size() < rest_.size() ? found.size() + 1 : found.size());
        return found;
    }
    std::string_view rest() const { return rest_; }
    bool empty() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

/// The number that the text begins with, 0 without one; stops before it would grow over 9 digits.
inline int small_number(std::string_view text) {
    int value = 0;
    for (std::size_t i = 0; i < text.size() && i < 9 && text[i] >= '0' && text[i] <= '9'; ++i)
        value = value * 10 + (text[i] - '0');
    return value;
}

/// Whether it is UTF-8 (RFC 3629), by the grammar and not by the program's table.
inline bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t more = lead < 0x80             ? 0
                                 : (lead & 0xE0) == 0xC0 ? 1
                                 : (lead & 0xF0) == 0xE0 ? 2
                                 : (lead & 0xF8) == 0xF0 ? 3
                                                         : 9;
        if (more == 9 || i + more >= text.size()) return false;
        std::uint32_t code = more == 0 ? lead : lead & (0x3FU >> more);
        for (std::size_t k = 1; k <= more; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xC0) != 0x80) return false;
            code = (code << 6U) | (next & 0x3FU);
        }
        constexpr std::uint32_t kLowest[] = {0, 0x80, 0x800, 0x10000};
        if (code < kLowest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
        i += more + 1;
    }
    return true;
}

/// What a text of PostgreSQL may hold.
inline bool is_pg_text(std::string_view text) {
    return is_utf8(text) && text.find('\0') == std::string_view::npos;
}

/// Whether it has a control character of C0 or C1 (as UTF-8) or DEL, which a terminal would obey.
inline bool has_control(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == 0x7F) return true;
        if (c == 0xC2 && i + 1 < text.size()) {
            const auto next = static_cast<unsigned char>(text[i + 1]);
            if (next >= 0x80 && next < 0xA0) return true;
        }
    }
    return false;
}

}  // namespace pgcourier::fuzz

/// The entry of a target; libFuzzer calls it with every input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
