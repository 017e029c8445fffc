#include "pg/params.hpp"

#include <fmt/format.h>

namespace pgcourier::pg {
namespace {

// From pg_type.dat; they never change.
constexpr unsigned kBool = 16, kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25;
constexpr unsigned kBoolArray = 1000, kByteaArray = 1001, kInt4Array = 1007, kTextArray = 1009,
                   kInt8Array = 1016;

template <class Int>
void put(std::string& out, Int value) {
    char bytes[sizeof(Int)];
    auto rest = static_cast<std::make_unsigned_t<Int>>(value);
    for (std::size_t i = sizeof(Int); i > 0; --i, rest = static_cast<decltype(rest)>(rest >> 8))
        bytes[i - 1] = static_cast<char>(rest & 0xFF);
    out.append(bytes, sizeof(Int));
}

void put_element(std::string& out, std::string_view value) {
    put(out, static_cast<std::int32_t>(value.size()));
    out.append(value);
}
void put_element(std::string& out, std::int64_t value) {
    put(out, std::int32_t{8});
    put(out, value);
}
void put_element(std::string& out, std::int32_t value) {
    put(out, std::int32_t{4});
    put(out, value);
}
void put_element(std::string& out, bool value) {
    put(out, std::int32_t{1});
    out.push_back(value ? 1 : 0);
}
template <class T>
void put_element(std::string& out, const std::optional<T>& value) {
    if (value) {
        put_element(out, *value);
    } else {
        put(out, std::int32_t{-1});
    }
}

std::size_t size_of(std::string_view value) {
    return value.size();
}
template <class Text>
requires std::is_convertible_v<Text, std::string_view> std::size_t size_of(
    const std::optional<Text>& value) {
    return value ? value->size() : 0;
}
template <class T>
std::size_t size_of(const T&) {
    return 8;
}

// array_recv's form: dimensions, has-nulls flag, element type, then length and lower bound of the
// one dimension.
template <class Values>
std::string array_of(unsigned element_type, const Values& values) {
    std::size_t bytes = 20;
    for (const auto& value : values) bytes += 4 + size_of(value);
    std::string out;
    out.reserve(bytes);
    put(out, std::int32_t{values.empty() ? 0 : 1});
    put(out, std::int32_t{1});
    put(out, static_cast<std::int32_t>(element_type));
    if (values.empty()) return out;
    put(out, static_cast<std::int32_t>(values.size()));
    put(out, std::int32_t{1});
    for (const auto& value : values) put_element(out, value);
    return out;
}

}  // namespace

Params& Params::add(double value) {
    return add_text(fmt::format("{}", value));
}

Params& Params::add(const std::vector<std::string>& values) {
    return add(std::vector<std::string_view>{values.begin(), values.end()});
}
Params& Params::add(const std::vector<std::string_view>& values) {
    return add_binary(kTextArray, array_of(kText, values));
}
Params& Params::add(const std::vector<std::optional<std::string>>& values) {
    return add_binary(kTextArray, array_of(kText, values));
}
Params& Params::add(const std::vector<std::optional<std::string_view>>& values) {
    return add_binary(kTextArray, array_of(kText, values));
}
Params& Params::add(const std::vector<std::int64_t>& values) {
    return add_binary(kInt8Array, array_of(kInt8, values));
}
Params& Params::add(const std::vector<std::optional<std::int64_t>>& values) {
    return add_binary(kInt8Array, array_of(kInt8, values));
}
Params& Params::add(const std::vector<std::int32_t>& values) {
    return add_binary(kInt4Array, array_of(kInt4, values));
}
Params& Params::add(const std::vector<std::optional<std::int32_t>>& values) {
    return add_binary(kInt4Array, array_of(kInt4, values));
}
Params& Params::add(const std::vector<bool>& values) {
    std::vector<char> flags{values.begin(), values.end()};
    std::string out;
    put(out, std::int32_t{flags.empty() ? 0 : 1});
    put(out, std::int32_t{0});
    put(out, static_cast<std::int32_t>(kBool));
    if (!flags.empty()) {
        put(out, static_cast<std::int32_t>(flags.size()));
        put(out, std::int32_t{1});
        for (const char flag : flags) put_element(out, flag != 0);
    }
    return add_binary(kBoolArray, std::move(out));
}
Params& Params::add_bytes(const std::vector<std::string_view>& values) {
    return add_binary(kByteaArray, array_of(kBytea, values));
}
Params& Params::add_bytes(std::string_view value) {
    return add_binary(kBytea, std::string{value});
}

Params& Params::add_text(std::string value) {
    slots_.push_back({std::move(value), 0, false});
    return *this;
}
Params& Params::add_null() {
    slots_.push_back({std::nullopt, 0, false});
    return *this;
}
Params& Params::add_binary(unsigned type, std::string data) {
    slots_.push_back({std::move(data), type, true});
    return *this;
}

std::vector<const char*> Params::values() const {
    std::vector<const char*> out;
    out.reserve(slots_.size());
    for (const Slot& slot : slots_) out.push_back(slot.data ? slot.data->c_str() : nullptr);
    return out;
}
std::vector<int> Params::lengths() const {
    std::vector<int> out;
    out.reserve(slots_.size());
    for (const Slot& slot : slots_)
        out.push_back(slot.data ? static_cast<int>(slot.data->size()) : 0);
    return out;
}
std::vector<int> Params::formats() const {
    std::vector<int> out;
    out.reserve(slots_.size());
    for (const Slot& slot : slots_) out.push_back(slot.is_binary ? 1 : 0);
    return out;
}
std::vector<unsigned> Params::types() const {
    std::vector<unsigned> out;
    out.reserve(slots_.size());
    for (const Slot& slot : slots_) out.push_back(slot.type);
    return out;
}

}  // namespace pgcourier::pg
