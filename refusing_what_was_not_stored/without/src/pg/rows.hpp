#pragma once
// The rows that a statement returned, read by position. Values come as text, or in PostgreSQL's
// binary form where the statement asks for it; both read alike but for what is said here.

#include "base/handle.hpp"

#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgcourier::pg {

using ResultHandle = std::unique_ptr<PGresult, FreeWith<PQclear>>;

class Row {
  public:
    Row(const PGresult* result, int index) : result_{result}, index_{index} {}
    bool is_null(int column) const { return PQgetisnull(result_, index_, column) == 1; }
    /// The value as PostgreSQL prints it (in binary rows of text only); NULL is empty. Lives as
    /// long as its Rows.
    std::string_view text(int column) const {
        return {PQgetvalue(result_, index_, column),
                static_cast<std::size_t>(PQgetlength(result_, index_, column))};
    }
    std::string string(int column) const { return std::string{text(column)}; }
    std::optional<std::string> optional(int column) const {
        return is_null(column) ? std::nullopt : std::optional{string(column)};
    }
    /// throws  std::logic_error when the value is NULL or not an integer: the statement is not the
    /// one we think
    std::int64_t int64(int column) const;
    bool boolean(int column) const {
        return is_binary(column) ? bits(column) != 0 : text(column) == "t";
    }
    /// Not in binary rows.
    double number(int column) const;
    /// In binary rows only: a timestamptz, in microseconds since 2000-01-01 00:00 UTC.
    std::int64_t microseconds(int column) const { return bits(column); }

  private:
    bool is_binary(int column) const { return PQfformat(result_, column) == 1; }
    std::int64_t bits(int column) const;

    const PGresult* result_;
    int index_;
};

class Rows {
  public:
    Rows() = default;
    explicit Rows(ResultHandle result) : result_{std::move(result)} {}
    int size() const { return result_ ? PQntuples(result_.get()) : 0; }
    bool empty() const { return size() == 0; }
    int columns() const { return result_ ? PQnfields(result_.get()) : 0; }
    std::string_view column_name(int column) const { return PQfname(result_.get(), column); }
    /// The type's oid, as in pg_type.
    unsigned column_type(int column) const { return PQftype(result_.get(), column); }
    Row operator[](int index) const { return {result_.get(), index}; }
    /// How many rows an INSERT, UPDATE or DELETE touched.
    std::int64_t affected() const;

    class Iterator {
      public:
        Iterator(const PGresult* result, int index) : result_{result}, index_{index} {}
        Row operator*() const { return {result_, index_}; }
        Iterator& operator++() {
            ++index_;
            return *this;
        }
        bool operator==(const Iterator& other) const { return index_ == other.index_; }

      private:
        const PGresult* result_;
        int index_;
    };
    Iterator begin() const { return {result_.get(), 0}; }
    Iterator end() const { return {result_.get(), size()}; }

  private:
    ResultHandle result_;
};

}  // namespace pgcourier::pg
