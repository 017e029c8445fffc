#pragma once
// Writes one JSON object, field by field: for answers and ledger lines, which are written by the
// ten thousand.

#include "twilio/json.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace pgcourier::sim {

class JsonObject {
  public:
    /// `json` is written as it is.
    JsonObject& raw(std::string_view key, std::string_view json) {
        text_.append(text_.size() > 1 ? ",\"" : "\"").append(key).append("\":").append(json);
        return *this;
    }
    JsonObject& text(std::string_view key, std::string_view value) {
        return raw(key, twilio::json_string(value));
    }
    JsonObject& text_or_null(std::string_view key, std::string_view value) {
        return value.empty() ? raw(key, "null") : text(key, value);
    }
    JsonObject& number(std::string_view key, long long value) {
        return raw(key, std::to_string(value));
    }
    JsonObject& flag(std::string_view key, bool value) {
        return raw(key, value ? "true" : "false");
    }

    /// The object, once.
    std::string done() { return std::move(text_.append("}")); }

  private:
    std::string text_ = "{";
};

}  // namespace pgcourier::sim
