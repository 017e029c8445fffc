#pragma once
// Parameters of a statement. Values always travel beside the text, never in it. Arrays go in
// PostgreSQL's binary form: no escaping, and bytea at its own size.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::pg {

class Params {
  public:
    Params() = default;
    /// In order: $1, $2, … Scalars go as text and take the type that the statement casts them to.
    template <class... Values>
    explicit Params(const Values&... values) {
        reserve(sizeof...(values));
        (add(values), ...);
    }

    Params& add(std::string_view value) { return add_text(std::string{value}); }
    Params& add(const std::string& value) { return add_text(value); }
    Params& add(const char* value) { return add_text(value); }
    Params& add(bool value) { return add_text(value ? "t" : "f"); }
    template <class Int>
    requires std::is_integral_v<Int> Params& add(Int value) {
        return add_text(std::to_string(value));
    }
    Params& add(double value);
    Params& add(std::nullopt_t) { return add_null(); }
    template <class T>
    Params& add(const std::optional<T>& value) {
        return value ? add(*value) : add_null();
    }

    // Arrays: text[], bigint[], integer[], boolean[]; a missing value is NULL.
    Params& add(const std::vector<std::string>& values);
    Params& add(const std::vector<std::string_view>& values);
    Params& add(const std::vector<std::optional<std::string>>& values);
    Params& add(const std::vector<std::optional<std::string_view>>& values);
    Params& add(const std::vector<std::int64_t>& values);
    Params& add(const std::vector<std::optional<std::int64_t>>& values);
    Params& add(const std::vector<std::int32_t>& values);
    Params& add(const std::vector<std::optional<std::int32_t>>& values);
    Params& add(const std::vector<bool>& values);
    /// bytea[]
    Params& add_bytes(const std::vector<std::string_view>& values);
    /// bytea
    Params& add_bytes(std::string_view value);

    int size() const { return static_cast<int>(slots_.size()); }

    // For Connection: libpq's four parallel arrays.
    std::vector<const char*> values() const;
    std::vector<int> lengths() const;
    std::vector<int> formats() const;
    std::vector<unsigned> types() const;

  private:
    struct Slot {
        std::optional<std::string> data;
        unsigned type = 0;  // 0: whatever the statement says
        bool is_binary = false;
    };
    void reserve(std::size_t count) { slots_.reserve(count); }
    Params& add_text(std::string value);
    Params& add_null();
    Params& add_binary(unsigned type, std::string data);

    std::vector<Slot> slots_;
};

}  // namespace pgcourier::pg
