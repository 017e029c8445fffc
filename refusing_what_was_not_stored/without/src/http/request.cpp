#include "http/request.hpp"

namespace pgcourier::http {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

void Headers::add(std::string_view name, std::string_view value) {
    fields_.push_back({.start = static_cast<std::uint32_t>(text_.size()),
                       .name_size = static_cast<std::uint32_t>(name.size()),
                       .value_size = static_cast<std::uint32_t>(value.size())});
    text_.append(name).append(value);
}

std::pair<std::string_view, std::string_view> Headers::at(std::size_t index) const {
    const Field& field = fields_[index];
    const std::string_view text{text_};
    return {text.substr(field.start, field.name_size),
            text.substr(field.start + field.name_size, field.value_size)};
}

std::string_view Headers::get(std::string_view name) const {
    for (std::size_t i = 0; i < size(); ++i) {
        const auto [own_name, value] = at(i);
        if (equal_ignoring_case(own_name, name)) return value;
    }
    return {};
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (std::size_t i = 0; i < size(); ++i) {
        const auto [own_name, value] = at(i);
        if (equal_ignoring_case(own_name, name)) values.push_back(value);
    }
    return values;
}

bool Headers::has(std::string_view name) const {
    for (std::size_t i = 0; i < size(); ++i) {
        if (equal_ignoring_case(at(i).first, name)) return true;
    }
    return false;
}

void Headers::reserve(std::size_t text_bytes, std::size_t fields) {
    text_.reserve(text_bytes);
    fields_.reserve(fields);
}

void Headers::clear() {
    text_.clear();
    fields_.clear();
}

std::string_view Request::path() const {
    const std::string_view all{target};
    return all.substr(0, all.find('?'));
}

std::string_view Request::query() const {
    const std::string_view all{target};
    const auto mark = all.find('?');
    return mark == std::string_view::npos ? std::string_view{} : all.substr(mark + 1);
}

}  // namespace pgcourier::http
