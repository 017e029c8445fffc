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

// What is worth stealing is longer, or has a longer word in it.
constexpr std::size_t kLongestWord = 12;

bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

/// Whether it is made of these characters and of letters and digits, with no more than
/// `kLongestWord` of those in a row.
bool has_short_words(std::string_view text, std::string_view between) {
    std::size_t word = 0;
    for (const unsigned char c : text) {
        const bool is_letter = std::isalnum(c) != 0;
        if (!is_letter && between.find(static_cast<char>(c)) == std::string_view::npos)
            return false;
        word = is_letter ? word + 1 : 0;
        if (word > kLongestWord) return false;
    }
    return true;
}

/// `shop.example.com`, `localhost`: lower case, and the last label letters.
bool is_host(std::string_view text) {
    if (text == "localhost") return true;
    const std::size_t dot = text.rfind('.');
    return dot != std::string_view::npos && dot + 1 < text.size() && has_short_words(text, ".-") &&
           std::ranges::none_of(text, [](unsigned char c) { return c >= 'A' && c <= 'Z'; }) &&
           std::ranges::none_of(text.substr(dot + 1),
                                [](unsigned char c) { return is_digit(c) || c == '-'; });
}

/// An IP address or a range of them: groups of at most four digits.
bool is_address(std::string_view text) {
    const bool has_two = std::ranges::count(text, '.') >= 2 || std::ranges::count(text, ':') >= 2;
    std::size_t group = 0;
    for (const unsigned char c : text) {
        group = std::isxdigit(c) != 0 ? group + 1 : 0;
        const bool is_between = c == '.' || c == ':' || c == '/';
        if (group > 4 || (group == 0 && !is_between)) return false;
    }
    return has_two;
}

/// `host` or `host:port`
bool is_endpoint(std::string_view text) {
    const std::size_t colon = std::min(text.rfind(':'), text.size());
    const std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(std::min(colon + 1, text.size()));
    return (is_host(host) || is_address(host)) && port.size() <= 6 &&
           std::ranges::all_of(port, is_digit);
}

/// `http(s)://host[:port][/path]` of short words, in which no key of a hook has room.
bool is_plain_url(std::string_view text) {
    constexpr std::string_view kMark = "://";
    const std::size_t colon = text.find(kMark);
    if (colon == std::string_view::npos) return false;
    const std::string scheme = lower(text.substr(0, colon));
    if (scheme != "http" && scheme != "https" && scheme != "ftp" && scheme != "file") return false;
    text.remove_prefix(colon + kMark.size());
    const std::string_view host = text.substr(0, text.find('/'));
    return (host.empty() || is_endpoint(host)) && has_short_words(text, ".:-/_");
}

/// `2026-02-08 10:00`, or more exactly.
bool is_time(std::string_view text) {
    constexpr std::string_view kForm = "dddd-dd-dd";
    if (text.size() < kForm.size()) return false;
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] == 'd' ? !is_digit(static_cast<unsigned char>(text[i])) : text[i] != kForm[i])
            return false;
    }
    return std::ranges::all_of(text.substr(kForm.size()), [](unsigned char c) {
        return is_digit(c) ||
               std::string_view{" T:.+-Z"}.find(static_cast<char>(c)) != std::string_view::npos;
    });
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
    const bool is_harmless = value.size() <= kLongestWord || is_endpoint(value) ||
                             is_address(value) || is_plain_url(value) || is_time(value);
    const bool has_user_or_query = value.find_first_of("@?") != std::string_view::npos;
    if (!is_harmless || has_user_or_query || value.size() > 64 ||
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
