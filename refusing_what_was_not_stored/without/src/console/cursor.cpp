#include "console/cursor.hpp"

#include "console/cookie.hpp"

#include <charconv>

namespace pgcourier::console {
namespace {

constexpr int kUsual = 50;
constexpr int kMost = 100;

// Takes `digits` digits whose number is within the bounds.
bool take_number(std::string_view& text, std::size_t digits, int least, int most) {
    int number = 0;
    if (text.size() < digits) return false;
    const char* end = text.data() + digits;
    const auto [stopped, failed] = std::from_chars(text.data(), end, number);
    if (failed != std::errc{} || stopped != end || text.front() == '-') return false;
    text.remove_prefix(digits);
    return number >= least && number <= most;
}

bool take(std::string_view& text, std::string_view any) {
    if (text.empty() || any.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

int days_of(std::string_view year_and_month) {
    int year = 0;
    int month = 0;
    std::from_chars(year_and_month.data(), year_and_month.data() + 4, year);
    std::from_chars(year_and_month.data() + 5, year_and_month.data() + 7, month);
    if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

}  // namespace

bool is_time(std::string_view text) {
    const std::string_view whole = text;
    if (!take_number(text, 4, 1970, 9999) || !take(text, "-") || !take_number(text, 2, 1, 12) ||
        !take(text, "-") || !take_number(text, 2, 1, days_of(whole))) {
        return false;
    }
    if (text.empty()) return true;
    if (!take(text, "T ") || !take_number(text, 2, 0, 23) || !take(text, ":") ||
        !take_number(text, 2, 0, 59)) {
        return false;
    }
    if (take(text, ":")) {
        if (!take_number(text, 2, 0, 59)) return false;
        if (take(text, ".")) {
            std::size_t digits = 0;
            while (take(text, "0123456789")) ++digits;
            if (digits == 0 || digits > 9) return false;
        }
    }
    if (text.empty() || text == "Z") return true;
    if (!take(text, "+-") || !take_number(text, 2, 0, 14)) return false;
    return text.empty() || (take(text, ":") && take_number(text, 2, 0, 59) && text.empty());
}

std::optional<Cursor> cursor_from(std::string_view text) {
    const auto both = from_base64url(text);
    if (!both) return std::nullopt;
    const std::size_t line = both->find('\n');
    if (line == std::string::npos) return std::nullopt;
    Cursor cursor{.at = both->substr(0, line), .id = both->substr(line + 1)};
    const bool has_zero = cursor.id.find('\0') != std::string::npos;
    if (has_zero || (!cursor.at.empty() && !is_time(cursor.at))) return std::nullopt;
    return cursor;
}

std::optional<int> limit_from(std::string_view text) {
    if (text.empty()) return kUsual;
    int limit = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (failed != std::errc{} || end != text.data() + text.size() || limit < 1 || limit > kMost)
        return std::nullopt;
    return limit;
}

}  // namespace pgcourier::console
