#include "cli/text.hpp"

#include "base/utf8.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace pgcourier::cli {
namespace {

constexpr std::string_view kEllipsis = "…";

struct Range {
    char32_t first;
    char32_t last;
};
// From Unicode's EastAsianWidth.txt (W and F) and the combining marks that people's names have; a
// table that is a column off for anything rarer does no harm.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                           {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                           {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                           {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr Range kNone[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};

std::size_t width_of(char32_t code) {
    const auto has = [code](const Range& range) {
        return range.first <= code && code <= range.last;
    };
    if (std::any_of(std::begin(kNone), std::end(kNone), has)) return 0;
    return std::any_of(std::begin(kWide), std::end(kWide), has) ? 2 : 1;
}

}  // namespace

std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const CodePoint letter = first_code_point(text);
        width += width_of(letter.value);
        text.remove_prefix(letter.bytes);
    }
    return width;
}

std::string printable(std::string_view text) {
    return without_controls(text);
}

std::string printable_lines(std::string_view text) {
    std::string out;
    while (true) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        out += without_controls(text.substr(0, end));
        if (end == text.size()) return out;
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

void say(std::string_view text) {
    std::printf("%s\n", printable_lines(text).c_str());
}

void say_json(std::string_view json) {
    std::printf("%s\n", json_without_controls(json).c_str());
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
    std::vector<std::string> lines;
    while (columns > 0 && width_of(text) > columns) {
        std::size_t width = 0;
        std::size_t end = 0;    // of what has room
        std::size_t space = 0;  // the last one in it
        while (end < text.size()) {
            const CodePoint letter = first_code_point(text.substr(end));
            width += width_of(letter.value);
            if (letter.value == ' ' && width <= columns + 1) space = end;
            if (width > columns) break;
            end += letter.bytes;
        }
        if (end == 0) break;  // not even one letter has room
        const std::size_t at = space > 0 ? space : end;
        lines.emplace_back(text.substr(0, at));
        text.remove_prefix(space > 0 ? space + 1 : at);
    }
    lines.emplace_back(text);
    return lines;
}

std::string cut(std::string_view text, std::size_t columns) {
    if (width_of(text) <= columns) return std::string{text};
    if (columns == 0) return {};
    std::string out;
    std::size_t width = 0;
    while (true) {
        const CodePoint letter = first_code_point(text);
        width += width_of(letter.value);
        if (width >= columns) break;
        out += text.substr(0, letter.bytes);
        text.remove_prefix(letter.bytes);
    }
    out += kEllipsis;
    return out;
}

}  // namespace pgcourier::cli
