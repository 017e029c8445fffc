// Forms: what is decoded, encoded and decoded again is the same; an encoded text has only bytes
// that need no encoding; decoding never makes a text longer; any pairs come back from their
// encoding.
#include "twilio/form.hpp"

#include "fuzz/support.hpp"

#include <algorithm>
#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using fuzz::require;

namespace {

bool is_encoded(std::string_view text, std::string_view marks) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    });
}

/// The pairs of lines as they are, so that bytes come that no encoded text has.
Params pairs_of_lines(std::string_view text) {
    Params params;
    while (!text.empty() && params.size() < 100) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        params.emplace_back(line.substr(0, line.size() / 2), line.substr(line.size() / 2));
    }
    return params;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::Input{data, size}.rest();

    const Params params = decode_form(text);
    const std::string encoded = encode_form(params);
    require(decode_form(encoded) == params, "decode(encode(decode(x))) == decode(x)");
    require(is_encoded(encoded, "-._~+%=&"), "a form has only bytes that need no encoding");

    std::size_t decoded_bytes = 0;
    for (const auto& [key, value] : params) decoded_bytes += key.size() + value.size();
    require(decoded_bytes <= text.size(), "decoding makes nothing longer");

    std::size_t pairs = 0;
    for_each_encoded_pair(text, [&](std::string_view key, std::string_view value) {
        const char* first = text.data();
        require(key.data() >= first && key.data() + key.size() <= first + text.size() &&
                    (value.empty() || value.data() + value.size() <= first + text.size()),
                "a pair is a part of the text");
        ++pairs;
    });
    require(pairs == params.size(), "as many pairs with decoding as without");

    const auto is_same = [&](const Form& form) {
        return std::ranges::equal(form.pairs(), params, [](const auto& a, const auto& b) {
            return a.first == b.first && a.second == b.second;
        });
    };
    require(is_same(Form{text}) && is_same(Form{params}), "a form in one buffer is the same");

    const Params lines = pairs_of_lines(text);
    require(decode_form(encode_form(lines)) == lines, "decode(encode(pairs)) == pairs");
    for (const auto& [key, value] : lines) {
        const std::string* found = find(lines, key);
        require(found != nullptr && *found == value_or_empty(lines, key), "a key is found");
    }

    const std::string segment = percent_encode(text);
    require(is_encoded(segment, "-._~%"), "a path segment has no separator");
    std::string back;
    append_decoded(back, segment);
    require(back == text, "a path segment is decoded to what it was");
    return 0;
}
