#include "twilio/body_format.hpp"

#include <algorithm>

namespace pgcourier::twilio {
namespace {

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
    });
}

}  // namespace

std::optional<BodyFormat> body_format(std::string_view content_type) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (!type.empty() && (type.front() == ' ' || type.front() == '\t')) type.remove_prefix(1);
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    if (equal_ignoring_case(type, "application/x-www-form-urlencoded")) return BodyFormat::form;
    if (equal_ignoring_case(type, "application/json")) return BodyFormat::json;
    return std::nullopt;
}

}  // namespace pgcourier::twilio
