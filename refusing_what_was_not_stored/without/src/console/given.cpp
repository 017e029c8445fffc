#include "console/given.hpp"

#include "console/cursor.hpp"
#include "console/reply.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/payload.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pgcourier::console {
namespace {

constexpr std::size_t kShownNameBytes = 60;

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string json_of(const rapidjson::Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Given Given::of_query(std::string_view query) {
    Given given;
    for (auto& [name, value] : twilio::decode_form(query))
        given.fields_.push_back({std::move(name), std::move(value)});
    return given;
}

Given Given::of_json(std::string_view json) {
    // Numbers as text: they are read as what their field is.
    constexpr unsigned kFlags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    Given given;
    given.is_strict_ = true;
    const auto clean = twilio::clean_json(json);  // also bounds how deep it is nested
    rapidjson::Document document;
    if (!clean || document.Parse<kFlags>(clean->text.c_str()).HasParseError() ||
        !document.IsObject()) {
        given.problem_ = "found a body that is no JSON object";
        return given;
    }
    for (const auto& [key, value] : document.GetObject()) {
        Field field{.name = {key.GetString(), key.GetStringLength()}, .value = {}};
        if (value.IsString()) {
            field.value.assign(value.GetString(), value.GetStringLength());
        } else if (value.IsBool()) {
            field.value = value.GetBool() ? "true" : "false";
        } else if (value.IsNull()) {
            field.kind = Kind::null;
        } else {
            field.value = json_of(value);
            field.kind = Kind::object;
            if (value.IsArray()) {
                field.items = value.Size();
                const bool are_texts = std::ranges::all_of(
                    value.GetArray(), [](const auto& item) { return item.IsString(); });
                field.kind = are_texts ? Kind::texts : Kind::list;
            }
        }
        if (given.find(field.name) != nullptr)
            given.wrong(field.name.substr(0, kShownNameBytes), "it once");
        given.fields_.push_back(std::move(field));
    }
    return given;
}

const Given::Field* Given::find(std::string_view name) const {
    const auto found = std::ranges::find(fields_, name, &Field::name);
    return found == fields_.end() ? nullptr : &*found;
}

// Null is as good as missing.
const Given::Field* Given::read(const char* name) {
    read_.emplace(name);
    const Field* found = find(name);
    return found != nullptr && found->kind != Kind::null ? found : nullptr;
}

std::optional<std::string> Given::text_or_empty(const char* name, std::size_t most_bytes) {
    const Field* found = read(name);
    if (found == nullptr) return std::nullopt;
    // What the database could not hold nobody can be looking for.
    if (found->kind != Kind::text || twilio::pg_text(found->value) != found->value) {
        wrong(name, "text in UTF-8");
        return std::nullopt;
    }
    if (found->value.size() > most_bytes) {
        wrong(name, "at most " + std::to_string(most_bytes) + " bytes");
        return std::nullopt;
    }
    return found->value;
}

std::optional<std::string> Given::text(const char* name, std::size_t most_bytes) {
    auto found = text_or_empty(name, most_bytes);
    if (found && is_blank(*found)) found.reset();
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

std::optional<std::string> Given::texts(const char* name, std::size_t most) {
    const Field* found = read(name);
    if (found == nullptr) return std::nullopt;
    if (found->kind != Kind::texts || found->items > most) {
        wrong(name, "an array of at most " + std::to_string(most) + " texts");
        return std::nullopt;
    }
    return found->value;
}

std::optional<Given> Given::object(const char* name) {
    const Field* found = read(name);
    if (found == nullptr) return std::nullopt;
    if (found->kind != Kind::object) {
        wrong(name, "an object");
        return std::nullopt;
    }
    return of_json(found->value);
}

void Given::refuse_blanks(std::string_view exception) {
    for (const Field& field : fields_) {
        const bool may_be_empty = field.name == exception || field.kind != Kind::text;
        if (field.kind == Kind::null || (!may_be_empty && is_blank(field.value)))
            wrong(field.name.substr(0, kShownNameBytes), "a value, or that it is left out");
    }
}

void Given::wrong(std::string_view name, std::string_view expected) {
    if (!problem_.empty()) return;
    problem_ = std::string{name} + ": found " +
               (find(name) != nullptr ? "something else" : "nothing") + ", expected " +
               std::string{expected};
}

void Given::wrong_within(std::string_view name, const Given& inner) {
    const std::string trouble = inner.trouble();
    if (problem_.empty() && !trouble.empty()) problem_ = std::string{name} + "." + trouble;
}

std::string Given::trouble() const {
    if (!problem_.empty() || !is_strict_) return problem_;
    const auto unread = std::ranges::find_if(
        fields_, [this](const Field& field) { return !read_.contains(field.name); });
    if (unread == fields_.end()) return {};
    std::string all;
    for (const std::string& name : read_) all.append(all.empty() ? "" : ", ").append(name);
    return unread->name.substr(0, kShownNameBytes) + ": found a name of nothing, expected one of " +
           all;
}

std::optional<http::Response> Given::problem() const {
    const std::string problem = trouble();
    if (problem.empty()) return std::nullopt;
    return error_reply(400, "bad_request", problem);
}

}  // namespace pgcourier::console
