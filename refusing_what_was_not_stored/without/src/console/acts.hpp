#pragma once
// What may be done with POST /ops/api/…: each act is one statement with our own rights, in which
// what was done and the row of event_log that says who did it are one.

#include "console/desk.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgcourier::console {

struct Act {
    std::string_view name;  // /ops/api/<name>
    bool is_for_viewers;    // it changes nothing
    /// What the desk does, or why the request cannot be done.
    /// by  who acts, for event_log
    std::variant<Work, http::Response> (*work)(std::string_view body, const std::string& by);
};

const std::vector<Act>& acts();

}  // namespace pgcourier::console
