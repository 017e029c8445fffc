#include "console/given.hpp"

#include "console/cursor.hpp"
#include "console/reply.hpp"
#include "twilio/json.hpp"
#include "twilio/payload.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace pgcourier::console {

Given Given::of_query(std::string_view query) {
    return Given{twilio::decode_form(query)};
}

Given Given::of_json(std::string_view json) {
    const auto clean = twilio::clean_json(json);
    Given given{clean && clean->is_object ? twilio::json_fields(clean->text) : twilio::Params{}};
    if (!clean || !clean->is_object) given.problem_ = "found a body that is no JSON object";
    return given;
}

std::optional<std::string> Given::text_or_empty(const char* name, std::size_t most_bytes) {
    const std::string* found = twilio::find(fields_, name);
    if (found == nullptr) return std::nullopt;
    // What the database could not hold nobody can be looking for.
    if (twilio::pg_text(*found) != *found) {
        wrong(name, "text in UTF-8");
        return std::nullopt;
    }
    if (found->size() > most_bytes) {
        wrong(name, "at most " + std::to_string(most_bytes) + " bytes");
        return std::nullopt;
    }
    return *found;
}

std::optional<std::string> Given::text(const char* name, std::size_t most_bytes) {
    auto found = text_or_empty(name, most_bytes);
    if (found && found->find_first_not_of(" \t\r\n") == std::string::npos) found.reset();
    return found;
}

std::string Given::needed(const char* name, const char* expected, std::size_t most_bytes) {
    auto found = text(name, most_bytes);
    if (!found) wrong(name, expected);
    return found.value_or("");
}

std::string Given::choice(const char* name, std::initializer_list<std::string_view> words) {
    const auto found = text(name);
    if (!found || std::ranges::find(words, *found) == words.end()) {
        std::string all;
        for (const std::string_view word : words) all.append(all.empty() ? "" : ", ").append(word);
        wrong(name, "one of " + all);
    }
    return found.value_or("");
}

std::optional<std::string> Given::time(const char* name) {
    auto found = text(name);
    if (found && !is_time(*found)) wrong(name, "a time like 2026-02-08T10:00:00Z");
    return found;
}

std::optional<int> Given::number(const char* name) {
    const auto found = text(name);
    if (!found) return std::nullopt;
    int number = 0;
    const auto [end, failed] =
        std::from_chars(found->data(), found->data() + found->size(), number);
    if (failed != std::errc{} || end != found->data() + found->size())
        wrong(name, "a whole number");
    return number;
}

std::optional<double> Given::rate(const char* name) {
    const auto found = text(name);
    if (!found) return std::nullopt;
    double rate = 0;
    const auto [end, failed] = std::from_chars(found->data(), found->data() + found->size(), rate);
    if (failed != std::errc{} || end != found->data() + found->size() || !std::isfinite(rate) ||
        rate < 0.001 || rate > 10'000) {
        wrong(name, "a number from 0.001 to 10000");
    }
    return rate;
}

std::optional<bool> Given::flag(const char* name) {
    const auto found = text(name);
    if (found && *found != "true" && *found != "false") wrong(name, "true or false");
    return found ? std::optional{*found == "true"} : std::nullopt;
}

std::optional<std::string> Given::json(const char* name, char first) {
    auto found = text(name, 64 * 1024);
    if (found && found->front() != first) wrong(name, first == '[' ? "an array" : "an object");
    return found;
}

void Given::nothing_but(std::initializer_list<std::string_view> names,
                        std::string_view may_be_empty) {
    for (const auto& [name, value] : fields_) {
        if (std::ranges::find(names, name) == names.end()) {
            std::string all;
            for (const std::string_view one : names)
                all.append(all.empty() ? "" : ", ").append(one);
            if (problem_.empty()) problem_ = name + ": found this, expected one of " + all;
        } else if (name != may_be_empty &&
                   value.find_first_not_of(" \t\r\n") == std::string::npos) {
            wrong(name, "a value, or nothing of this name");
        }
    }
}

void Given::wrong(std::string_view name, std::string_view expected) {
    if (!problem_.empty()) return;
    const bool is_there = twilio::find(fields_, name) != nullptr;
    problem_ = std::string{name} + ": found " + (is_there ? "something else" : "nothing") +
               ", expected " + std::string{expected};
}

std::optional<http::Response> Given::problem() const {
    if (problem_.empty()) return std::nullopt;
    return error_reply(400, "bad_request", problem_);
}

}  // namespace pgcourier::console
