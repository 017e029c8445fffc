#include "cli/text.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace pgcourier::cli {
namespace {

constexpr std::string_view kEllipsis = "…";

struct Letter {
    std::uint32_t code = 0;
    std::size_t bytes = 1;
};

/// The first one of a text that is not empty; a byte that is no UTF-8 stands for itself.
Letter first_letter(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t bytes = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (bytes == 1 || text.size() < bytes) return {lead, 1};
    std::uint32_t code = lead & (0x7FU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i)
        code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    return {code, bytes};
}

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};
// From Unicode's EastAsianWidth.txt (W and F) and the combining marks that people's names have; a
// table that is a column off for anything rarer does no harm.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                           {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                           {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                           {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr Range kNone[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};

std::size_t width_of(std::uint32_t code) {
    const auto has = [code](const Range& range) {
        return range.first <= code && code <= range.last;
    };
    if (std::any_of(std::begin(kNone), std::end(kNone), has)) return 0;
    return std::any_of(std::begin(kWide), std::end(kWide), has) ? 2 : 1;
}

// C0 and C1 controls, and the marks that turn the direction of what follows.
bool is_control(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const Letter letter = first_letter(text);
        width += width_of(letter.code);
        text.remove_prefix(letter.bytes);
    }
    return width;
}

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Letter letter = first_letter(text);
        if (is_control(letter.code)) {
            out += ' ';
        } else {
            out += text.substr(0, letter.bytes);
        }
        text.remove_prefix(letter.bytes);
    }
    return out;
}

std::string cut(std::string_view text, std::size_t columns) {
    if (width_of(text) <= columns) return std::string{text};
    if (columns == 0) return {};
    std::string out;
    std::size_t width = 0;
    while (true) {
        const Letter letter = first_letter(text);
        width += width_of(letter.code);
        if (width >= columns) break;
        out += text.substr(0, letter.bytes);
        text.remove_prefix(letter.bytes);
    }
    out += kEllipsis;
    return out;
}

}  // namespace pgcourier::cli
