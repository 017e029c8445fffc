#include "twilio/payload.hpp"

#include "base/utf8.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"

#include <algorithm>
#include <deque>
#include <vector>

namespace pgcourier::twilio {
namespace {

constexpr std::size_t kMaxRawBytes = 1 << 20;
constexpr std::string_view kReplacement = "\uFFFD";

bool is_plain_char(char c) {
    const auto byte = static_cast<unsigned char>(c);  // char has a sign on some machines only
    return byte > 0 && byte < 0x80;
}

/// Keys are made texts first: two keys that become the same text are one.
std::string form_json(std::string_view raw) {
    const Form form{raw};
    std::vector<Form::Pair> params{form.pairs().begin(), form.pairs().end()};
    std::deque<std::string> texts;
    for (auto& [key, value] : params) {
        if (!is_plain(key)) key = texts.emplace_back(pg_text(key));
    }
    std::ranges::stable_sort(params, {}, &Form::Pair::first);
    std::string out = "{";
    for (std::size_t i = 0; i < params.size();) {
        const std::string_view key = params[i].first;
        const auto same_key = [key](const auto& pair) { return pair.first == key; };
        const std::size_t end = static_cast<std::size_t>(
            std::find_if_not(params.begin() + static_cast<std::ptrdiff_t>(i), params.end(),
                             same_key) -
            params.begin());
        const bool is_repeated = end - i > 1;
        if (out.size() > 1) out += ',';
        append_json_string(out, key);
        out += is_repeated ? ":[" : ":";
        for (std::size_t value = i; value < end; ++value) {
            if (value > i) out += ',';
            append_json_string(out, params[value].second);
        }
        if (is_repeated) out += ']';
        i = end;
    }
    return out += '}';
}

}  // namespace

std::string pg_text(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const auto plain = static_cast<std::size_t>(
            std::find_if_not(bytes.begin(), bytes.end(), is_plain_char) - bytes.begin());
        out.append(bytes.substr(0, plain));
        bytes.remove_prefix(plain);
        if (bytes.empty()) break;
        const CodePoint c = first_code_point(bytes);
        out.append(c.is_valid && c.value != 0 ? bytes.substr(0, c.bytes) : kReplacement);
        bytes.remove_prefix(c.bytes);
    }
    return out;
}

bool is_plain(std::string_view bytes) {
    return std::ranges::all_of(bytes, is_plain_char);
}

std::string payload_json(BodyFormat format, std::string_view raw) {
    if (raw.size() > kMaxRawBytes) return "{\"raw_bytes\":" + std::to_string(raw.size()) + "}";
    if (format == BodyFormat::form) return form_json(raw);
    const std::optional<Json> json = clean_json(raw);
    if (json && json->is_object) return json->text;
    return "{\"raw\":" + (json ? json->text : json_string(raw)) + "}";
}

std::string json_value(std::string_view text) {
    const std::optional<Json> json = clean_json(text);
    return json ? json->text : json_string(text);
}

}  // namespace pgcourier::twilio
