#include "cli/text_table.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace pgcourier::cli {
namespace {

// Characters, not bytes: masked numbers have an ellipsis.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void print_cells(const std::vector<std::vector<std::string>>& lines,
                 const std::vector<std::size_t>& numbers) {
    std::vector<std::size_t> widths;
    for (const auto& line : lines) {
        widths.resize(std::max(widths.size(), line.size()));
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], width_of(line[i]));
    }
    for (const auto& line : lines) {
        std::string out;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string space(widths[i] - width_of(line[i]), ' ');
            const bool is_number = std::ranges::find(numbers, i) != numbers.end();
            out += i == 0 ? "" : "  ";
            out += is_number ? space + line[i] : line[i] + space;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        std::printf("%s\n", out.c_str());
    }
}

}  // namespace pgcourier::cli
