#include "cli/error_words.hpp"

#include "pg/statement_error.hpp"

namespace pgcourier::cli {
namespace {

/// A table, column, function or schema that this program knows is not there.
bool is_other_schema(const pg::Error& error) {
    const std::string& state = error.sqlstate();
    return error.is_undefined_table() || state == "42703" || state == "42883" || state == "3F000";
}

std::string advice_for(const pg::Error& error, const pg::StatementError* statement) {
    if (is_other_schema(error)) {
        return "The database's schema is not the one of this program: run `pgcourier migrate up` "
               "first.";
    }
    if (statement != nullptr && !statement->hint().empty()) return statement->hint();
    if (dynamic_cast<const pg::CommitUnknown*>(&error) != nullptr) {
        return "It may have been done all the same: look before you do it again.";
    }
    if (error.sqlstate() == "42501") {
        return "The user of DATABASE_URL may not do this. `serve` and the commands want a member "
               "of pgcourier_service (GRANT pgcourier_service TO …), `migrate up` the owner of the "
               "tables: docs/deployment.md.";
    }
    if (error.sqlstate() == "57014") {
        return "It took longer than the database may take for one statement: try again, or ask for "
               "less.";
    }
    return {};
}

}  // namespace

std::string error_words(const pg::Error& error) {
    const auto* statement = dynamic_cast<const pg::StatementError*>(&error);
    std::string words = statement == nullptr ? error.what() : statement->said();
    if (statement != nullptr && error.is_lost())
        words.insert(0, "the connection to the database was lost: ");
    const std::string advice = advice_for(error, statement);
    return advice.empty() ? words : words + "\n  " + advice;
}

}  // namespace pgcourier::cli
