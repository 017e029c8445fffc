#pragma once
// What went wrong with one statement, in its parts: for those who show it to people, to whom our
// statements' names say nothing and the server's advice says much.

#include "pg/error.hpp"

#include <string>
#include <utility>

namespace pgcourier::pg {

class StatementError : public Error {
  public:
    /// doing  the statement's name, or what else we were doing; stands in front in what()
    /// said   what PostgreSQL, or libpq of a lost connection, said
    /// hint   what PostgreSQL advises to do; empty when it does not
    StatementError(std::string sqlstate, const std::string& doing, std::string said,
                   std::string hint = {}, Severity severity = Severity::error)
        : Error{std::move(sqlstate), doing + ": " + said, severity},
          said_{std::move(said)},
          hint_{std::move(hint)} {}

    const std::string& said() const { return said_; }
    const std::string& hint() const { return hint_; }

  private:
    std::string said_;
    std::string hint_;
};

}  // namespace pgcourier::pg
