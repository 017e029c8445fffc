#pragma once
// Reads environment variables by their form and keeps what is wrong, a line each. It
// never shows a secret, and nothing that looks like one, whatever variable it was pasted into.

#include "base/result.hpp"
#include "base/secret.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pgcourier {

/// Looks a variable up; nullopt when not set.
using Environment = std::function<std::optional<std::string>(const char*)>;
std::optional<std::string> process_environment(const char* name);

/// The whole of `text` as a number; nullopt when it is anything else or out of Int's range.
template <class Int>
std::optional<Int> whole_number(std::string_view text) {
    Int number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// ASCII letters in lower case.
std::string lower(std::string_view text);

/// The parts between commas, without spaces around and without empty ones.
std::vector<std::string> list_of(std::string_view text);

/// A value as a message may show it, on one line, in quotes; only counted when it may be a secret:
/// when it is longer than a word and neither an address, a host, a plain URL nor a time.
std::string shown(std::string_view value);

/// A variable whose value will not do.
struct WrongValue {
    std::string variable;
    std::string found;  // never a secret
    std::string expected;

    /// `PORT: found "99999", expected a whole number from 1 to 65535`
    std::string text() const;
};

/// Reads variables one after another and keeps what is wrong, of each variable the first thing.
class EnvironmentReader {
  public:
    /// `environment` must outlive the reader.
    explicit EnvironmentReader(const Environment& environment) : environment_{environment} {}

    /// In the order in which they were found.
    const std::vector<WrongValue>& wrong() const { return wrong_; }
    /// The first of them.
    std::optional<Problem> problem() const;
    void fail(std::string_view name, std::string_view found, std::string_view expected);

    /// Without spaces or one pair of quotes around; nullopt when not set or empty.
    std::optional<std::string> text(const char* name) const;
    bool is_set(const char* name) const { return text(name).has_value(); }
    Secret secret(const char* name);

    /// Leaves `into` as it is when the variable is not set. So do all below.
    template <class Int>
    void number(const char* name, Int& into, std::type_identity_t<Int> low,
                std::type_identity_t<Int> high) {
        const auto value = text(name);
        if (!value) return;
        const auto parsed = whole_number<Int>(*value);
        if (parsed && *parsed >= low && *parsed <= high) {
            into = *parsed;
        } else {
            fail(name, shown(*value), fmt::format("a whole number from {} to {}", low, high));
        }
    }
    void duration(const char* name, std::chrono::milliseconds& into, int low, int high);
    /// true, on, 1, false, off, 0
    void flag(const char* name, bool& into, std::string_view expected);
    template <class T>
    void choice(
        const char* name, T& into, std::string_view expected,
        std::initializer_list<std::pair<std::string_view, std::type_identity_t<T>>> choices) {
        const auto value = text(name);
        if (!value) return;
        for (const auto& [word, meaning] : choices) {
            if (word == lower(*value)) {
                into = meaning;
                return;
            }
        }
        fail(name, shown(*value), expected);
    }

  private:
    const Environment& environment_;
    std::vector<WrongValue> wrong_;
};

}  // namespace pgcourier
