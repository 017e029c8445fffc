#pragma once
// What is thrown when the infrastructure fails. Only pg/ throws it; it is caught once at the edge:
// session or loop.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace pgcourier::pg {

/// A FATAL (or PANIC) ends the session of whoever gets it, whatever its SQLSTATE: poolers say with
/// any of them that they have no server for us.
enum class Severity { error, fatal };

class Error : public std::runtime_error {
  public:
    /// sqlstate  five characters, or empty when the connection itself failed
    Error(std::string sqlstate, const std::string& what, Severity severity = Severity::error)
        : std::runtime_error{what}, sqlstate_{std::move(sqlstate)}, severity_{severity} {}

    const std::string& sqlstate() const { return sqlstate_; }
    /// The connection is gone or must be dropped: no reply, shutdown, crash of the server, or any
    /// other end of the session.
    bool is_lost() const {
        return severity_ == Severity::fatal || sqlstate_.empty() || sqlstate_.starts_with("08") ||
               sqlstate_.starts_with("57P");
    }
    /// Says nothing about the rows at hand: doing the same again may well succeed.
    bool is_retryable() const {
        return is_lost() || sqlstate_.starts_with("40") || sqlstate_.starts_with("53") ||
               sqlstate_.starts_with("58") || sqlstate_ == "55P03" || sqlstate_ == "57014" ||
               sqlstate_ == "25P04" || sqlstate_ == "25006";
    }
    /// The rows at hand are to blame: data, constraints, a raised exception, a limit, a corrupt
    /// row. Everything else (a table that is missing, a right that was taken away) would fail with
    /// any row.
    bool is_about_rows() const {
        if (is_retryable()) return false;
        constexpr std::string_view kClasses[] = {"21", "22", "23", "54", "P0", "XX"};
        return std::ranges::any_of(kClasses,
                                   [this](std::string_view c) { return sqlstate_.starts_with(c); });
    }
    /// Somebody else has a row locked, or it took too long.
    bool is_hold_up() const { return !is_lost() && (sqlstate_ == "55P03" || sqlstate_ == "57014"); }
    /// Two transactions stood in each other's way, and this one gave in: deadlock, serialization.
    bool is_conflict() const { return !is_lost() && sqlstate_.starts_with("40"); }
    bool is_unique_violation() const { return sqlstate_ == "23505"; }
    bool is_undefined_table() const { return sqlstate_ == "42P01"; }

  private:
    std::string sqlstate_;
    Severity severity_;
};

/// COMMIT was sent and no reply came: the transaction may or may not have happened. Every commit
/// site says what makes doing it again safe. The connection is lost.
class CommitUnknown : public Error {
  public:
    CommitUnknown(std::string sqlstate, const std::string& what)
        : Error{std::move(sqlstate), what, Severity::fatal} {}
};

}  // namespace pgcourier::pg
