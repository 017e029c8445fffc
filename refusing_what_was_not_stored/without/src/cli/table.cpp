#include "cli/table.hpp"

#include "cli/terminal.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace pgcourier::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;  // a column that is cut further says nothing any more
constexpr std::size_t kWords = 12;     // below it words are no longer told apart

bool is_id(const std::string& head) {
    return head == "id" || head.ends_with("_id");
}

/// +336…04: an id or a number that is cut already.
bool is_masked(const std::string& cell) {
    return cell.find("…") != std::string::npos && cell.find(' ') == std::string::npos;
}

/// 2026-11-26 01:13:52
bool is_time(const std::string& cell) {
    return cell.size() >= 10 && cell[4] == '-' && cell[7] == '-' &&
           cell.find_first_not_of("0123456789-") >= 10;
}

/// Whether the column's values are of no use when they are cut.
bool is_whole(const Table& table, std::size_t column) {
    if (is_id(table.lines[0][column]) || table.numbers.contains(column)) return true;
    return std::any_of(table.lines.begin() + 1, table.lines.end(), [column](const auto& line) {
        return column < line.size() && (is_masked(line[column]) || is_time(line[column]));
    });
}

/// What each column needs for all that it has.
void widen(std::vector<std::size_t>& widths, const Table& table) {
    widths.resize(table.lines[0].size());
    for (const auto& line : table.lines) {
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], width_of(line[i]));
    }
}

std::size_t line_width(const std::vector<std::size_t>& widths) {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
}

/// Cuts the widest of those that may be cut, column by column, until the line fits.
void narrow(std::vector<std::size_t>& widths, const std::vector<bool>& may_be_cut,
            std::size_t width) {
    for (std::size_t all = line_width(widths); all > width; --all) {
        std::size_t widest = widths.size();
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (!may_be_cut[i] || widths[i] <= kNarrowest) continue;
            if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
        }
        if (widest == widths.size()) return;
        --widths[widest];
    }
}

void fit(std::vector<std::size_t>& widths, const Table& table, std::size_t width) {
    const std::vector<std::string>& head = table.lines[0];
    std::vector<bool> may_be_cut(head.size());
    for (std::size_t i = 0; i < head.size(); ++i) may_be_cut[i] = !is_whole(table, i);
    narrow(widths, may_be_cut, width);
    narrow(widths, std::vector<bool>(head.size(), true), width);
}

constexpr const char* kBold = "\033[1m";
constexpr const char* kRed = "\033[31m";
constexpr const char* kYellow = "\033[33m";
constexpr const char* kGreen = "\033[32m";
constexpr const char* kPlain = "\033[0m";

const char* colour_of(const std::string& state) {
    for (const char* good : {"ok", "sent", "running", "closed"})
        if (state == good) return kGreen;
    for (const char* doubtful : {"warning", "unknown", "failed"})
        if (state == doubtful) return kYellow;
    for (const char* bad : {"alert", "dead", "silent", "open"})
        if (state == bad) return kRed;
    return "";
}

}  // namespace

Look look_of_output() {
    const Terminal terminal = terminal_of_output();
    return {.width = terminal.is_terminal ? terminal.columns : 0,
            .has_colours = terminal.has_colours};
}

std::vector<std::string> lay_out(const Table& table, const Look& look,
                                 std::vector<std::size_t>* widths) {
    if (table.lines.empty() || table.lines[0].empty()) return {};
    const std::vector<std::string>& head = table.lines[0];
    std::vector<std::size_t> own;
    std::vector<std::size_t>& wide = widths == nullptr ? own : *widths;
    widen(wide, table);
    if (look.width > 0) fit(wide, table, look.width);
    std::vector<std::string> lines;
    for (const auto& line : table.lines) {
        const bool is_head = lines.empty();
        std::string out;
        std::size_t left = look.width == 0 ? line_width(wide) : look.width;
        for (std::size_t i = 0; i < line.size() && left > 0; ++i) {
            if (i > 0) {
                out.append(std::min(kGap, left), ' ');
                left -= std::min(kGap, left);
            }
            const std::string cell = cut(line[i], std::min(wide[i], left));
            const std::string space(std::min(wide[i], left) - width_of(cell), ' ');
            left -= std::min(wide[i], left);
            const bool is_state = head[i] == "state" || head[i] == "status";
            const std::string colour = !look.has_colours ? ""
                                       : is_head         ? kBold
                                       : is_state        ? colour_of(line[i])
                                                         : "";
            if (table.numbers.contains(i)) out += space;
            out += colour + cell + (colour.empty() ? "" : kPlain);
            if (!table.numbers.contains(i)) out += space;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        lines.push_back(std::move(out));
    }
    return lines;
}

bool fits(const Table& table, std::size_t width) {
    if (table.lines.empty() || table.lines[0].empty()) return true;
    std::vector<std::size_t> least;
    widen(least, table);
    for (std::size_t i = 0; i < least.size(); ++i) {
        if (!is_whole(table, i)) least[i] = std::min(least[i], kWords);
    }
    return line_width(least) <= width;
}

std::vector<std::string> lay_out_records(const Table& table, const Look& look) {
    if (table.lines.empty()) return {};
    const std::vector<std::string>& head = table.lines[0];
    std::size_t widest = 0;
    for (const std::string& name : head) widest = std::max(widest, width_of(name));
    std::vector<std::string> lines;
    for (std::size_t row = 1; row < table.lines.size(); ++row) {
        if (row > 1) lines.emplace_back();
        const std::vector<std::string>& line = table.lines[row];
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i].empty()) continue;
            const std::string space(widest - width_of(head[i]) + kGap, ' ');
            const bool is_state = head[i] == "state" || head[i] == "status";
            const std::string colour = look.has_colours && is_state ? colour_of(line[i]) : "";
            lines.push_back((look.has_colours ? kBold + head[i] + kPlain : head[i]) + space +
                            colour + line[i] + (colour.empty() ? "" : kPlain));
        }
    }
    return lines;
}

void print_table(const Table& table) {
    const Look look = look_of_output();
    const bool has_room = look.width == 0 || fits(table, look.width);
    for (const std::string& line : has_room ? lay_out(table, look) : lay_out_records(table, look))
        std::printf("%s\n", line.c_str());
}

void GrowingTable::add(const Table& table) {
    const Look look = look_of_output();
    const bool is_first = widths_.empty() && !has_records_;
    has_records_ = has_records_ || (look.width > 0 && !fits(table, look.width));
    if (has_records_) {
        if (!is_first && table.lines.size() > 1) std::printf("\n");
        for (const std::string& line : lay_out_records(table, look))
            std::printf("%s\n", line.c_str());
        return;
    }
    const std::vector<std::string> lines = lay_out(table, look, &widths_);
    for (std::size_t i = is_first ? 0 : 1; i < lines.size(); ++i)
        std::printf("%s\n", lines[i].c_str());
}

}  // namespace pgcourier::cli
