#pragma once
// What may be asked with GET /ops/api/…: each question is one statement, whose answer is JSON as it
// stands. Read as the masked reader, within two seconds.

#include "console/desk.hpp"
#include "http/request.hpp"
#include "pg/params.hpp"
#include "pg/statement.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgcourier::console {

struct Question {
    std::string_view name;  // /ops/api/<name>
    const pg::Statement& statement;
    /// The statement's parameters, or why the request cannot be answered.
    std::variant<pg::Params, http::Response> (*params)(std::string_view query);
};

/// All but the session, the overview and the live events.
const std::vector<Question>& questions();

/// What the desk does to answer: 404 where the statement returns nothing.
Work reading(const pg::Statement& statement, pg::Params params);

}  // namespace pgcourier::console
