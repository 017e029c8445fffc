#pragma once
// A text that must never be printed, logged or compared byte by byte. It has no stream operator and
// no implicit conversion; `reveal()` is easy to find in a review.

#include <string>
#include <string_view>

namespace pgcourier {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_{std::move(value)} {}
    bool empty() const { return value_.empty(); }
    const std::string& reveal() const { return value_; }

  private:
    std::string value_;
};

/// Compares in a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace pgcourier
