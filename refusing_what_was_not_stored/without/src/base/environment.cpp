#include "base/environment.hpp"

#include "base/utf8.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace pgcourier {
namespace {

// Spaces, a carriage return of a file from Windows, and the quotes that `docker --env-file` leaves.
std::string_view cleaned(std::string_view text) {
    const auto trim = [&text] {
        constexpr std::string_view kSpace = " \t\r\n";
        const std::size_t first = text.find_first_not_of(kSpace);
        if (first == std::string_view::npos) return std::string_view{};
        return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
    };
    text = trim();
    const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                           text.front() == text.back();
    if (is_quoted) {
        text = text.substr(1, text.size() - 2);
        text = trim();
    }
    return text;
}

bool is_control_byte(unsigned char c) {
    return c < 0x20 || c == 0x7F;
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    return out;
}

std::vector<std::string> list_of(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view item = cleaned(text.substr(0, comma));
        if (!item.empty()) items.emplace_back(item);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return items;
}

std::string shown(std::string_view value) {
    const bool is_like_a_token =
        value.size() >= 20 &&
        std::ranges::all_of(value, [](unsigned char c) { return std::isalnum(c) != 0; });
    const bool has_user_or_query = value.find_first_of("@?") != std::string_view::npos;
    if (is_like_a_token || has_user_or_query || value.size() > 64 ||
        without_controls(value) != value) {
        return fmt::format("{} characters that are not shown", value.size());
    }
    return fmt::format("\"{}\"", value);
}

std::string WrongValue::text() const {
    return fmt::format("{}: found {}, expected {}", variable, found, expected);
}

void EnvironmentReader::fail(std::string_view name, std::string_view found,
                             std::string_view expected) {
    const bool is_told =
        std::ranges::any_of(wrong_, [name](const WrongValue& one) { return one.variable == name; });
    // What follows from a wrong value is not told again.
    if (is_told) return;
    wrong_.push_back({std::string{name}, std::string{found}, std::string{expected}});
}

std::optional<Problem> EnvironmentReader::problem() const {
    if (wrong_.empty()) return std::nullopt;
    return Problem{wrong_.front().text()};
}

std::optional<std::string> EnvironmentReader::text(const char* name) const {
    const std::optional<std::string> value = environment_(name);
    const std::string_view found = value ? cleaned(*value) : std::string_view{};
    return found.empty() ? std::nullopt : std::optional<std::string>{found};
}

Secret EnvironmentReader::secret(const char* name) {
    std::string value = text(name).value_or("");
    // It becomes part of a header or of a URL.
    if (std::ranges::any_of(value,
                            [](unsigned char c) { return c == ' ' || is_control_byte(c); })) {
        fail(name, "a value with spaces or control characters in it", "one without");
    }
    return Secret{std::move(value)};
}

void EnvironmentReader::duration(const char* name, std::chrono::milliseconds& into, int low,
                                 int high) {
    int milliseconds = static_cast<int>(into.count());
    number(name, milliseconds, low, high);
    into = std::chrono::milliseconds{milliseconds};
}

void EnvironmentReader::flag(const char* name, bool& into, std::string_view expected) {
    choice(name, into, expected,
           {{"true", true},
            {"on", true},
            {"1", true},
            {"false", false},
            {"off", false},
            {"0", false}});
}

}  // namespace pgcourier
