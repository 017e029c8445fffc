#include "console/questions.hpp"

#include "console/cursor.hpp"
#include "console/given.hpp"
#include "console/reply.hpp"
#include "sql/console.hpp"

#include <array>
#include <utility>

namespace pgcourier::console {
namespace {

using Asked = std::variant<pg::Params, http::Response>;

constexpr int kPatienceMs = 2'000;

Asked params_or_problem(const Given& given, pg::Params params) {
    if (auto problem = given.problem()) return std::move(*problem);
    return params;
}

Cursor cursor(Given& given, const char* name) {
    const auto text = given.text(name, 2000);
    if (!text) return {};
    const auto cursor = cursor_from(*text);
    if (!cursor) given.wrong(name, "the `next` of the page before");
    return cursor.value_or(Cursor{});
}

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

int limit(Given& given) {
    const auto found = limit_from(given.text("limit").value_or(""));
    if (!found) given.wrong("limit", "a whole number from 1 to 100");
    return found.value_or(1);
}

Asked none(std::string_view) {
    return pg::Params{};
}

Asked search(std::string_view query) {
    Given given = Given::of_query(query);
    const std::string words = given.needed("q", "an id, a name or a whole number");
    return params_or_problem(given, pg::Params{words});
}

Asked trace(std::string_view query) {
    Given given = Given::of_query(query);
    const std::string id = given.needed("id", "an id");
    return params_or_problem(given, pg::Params{id});
}

Asked conversation(std::string_view query) {
    Given given = Given::of_query(query);
    const std::string message = given.needed("person-of", "the id of a message with the person");
    const auto tenant = given.text("tenant");
    const Cursor before = cursor(given, "before");
    const int rows = limit(given);
    return params_or_problem(
        given, pg::Params{message, tenant, unless_empty(before.at), unless_empty(before.id), rows});
}

Asked dead_letters(std::string_view query) {
    Given given = Given::of_query(query);
    const auto reason = given.text_or_empty("reason");
    const auto type = given.text("job_type");
    const auto tenant = given.text("tenant");
    const auto code = given.number("code");
    const Cursor before = cursor(given, "before");
    const int rows = limit(given);
    return params_or_problem(given, pg::Params{reason, type, tenant, code, unless_empty(before.at),
                                               unless_empty(before.id), rows});
}

Asked tenants(std::string_view query) {
    Given given = Given::of_query(query);
    const Cursor after = cursor(given, "after");
    const auto only = given.text("id");
    const int rows = limit(given);
    return params_or_problem(given, pg::Params{unless_empty(after.id), only, rows});
}

Asked log(std::string_view query) {
    Given given = Given::of_query(query);
    const auto tenant = given.text("tenant");
    const auto type = given.text("type");
    const auto correlation = given.text("correlation_id");
    const auto from = given.time("from");
    const auto to = given.time("to");
    const Cursor before = cursor(given, "before");
    const int rows = limit(given);
    return params_or_problem(
        given, pg::Params{tenant, type, correlation, from, to, unless_empty(before.at),
                          unless_empty(before.id), false, rows});
}

Asked audit(std::string_view query) {
    Given given = Given::of_query(query);
    const Cursor before = cursor(given, "before");
    const int rows = limit(given);
    const std::optional<std::string> any;
    return params_or_problem(given, pg::Params{any, any, any, any, any, unless_empty(before.at),
                                               unless_empty(before.id), true, rows});
}

}  // namespace

const std::vector<Question>& questions() {
    static const std::vector<Question> all{
        {"abnormal", sql::console::abnormal, none},
        {"search", sql::console::search, search},
        {"trace", sql::console::trace, trace},
        {"conversation", sql::console::conversation, conversation},
        {"dead-letters", sql::console::dead_letters, dead_letters},
        {"tenants", sql::console::tenants, tenants},
        {"log", sql::console::log, log},
        {"audit", sql::console::log, audit},
    };
    return all;
}

Work reading(const pg::Statement& statement, pg::Params params) {
    return [&statement, params = std::move(params)](pg::Connection& db) {
        const std::array<pg::Call, 2> calls{
            pg::Call{sql::console::as_reader, pg::Params{kPatienceMs}},
            pg::Call{statement, params}};
        const pg::Rows rows = std::move(db.transact(calls)[1]);
        if (rows.empty() || rows[0].is_null(0))
            return error_reply(404, "not_found",
                               "there is nothing of this id, or it is no longer kept "
                               "(RETENTION_DAYS)");
        return json_reply(rows[0].string(0));
    };
}

}  // namespace pgcourier::console
