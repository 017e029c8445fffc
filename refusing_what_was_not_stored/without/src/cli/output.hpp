#pragma once
// How commands show rows: a table for people, JSON for programs.

#include "cli/table.hpp"
#include "pg/rows.hpp"

#include <string>

namespace pgcourier::cli {

/// The rows under their columns' names; without the columns from `until` on.
Table table_of(const pg::Rows& rows, int until = 1000);

/// A table with a line of column names; `nothing` instead when there are no rows. To standard
/// output.
void print_table(const pg::Rows& rows, const std::string& nothing);

/// An array of objects, keys as the columns; numbers, booleans and JSON columns as such.
std::string json_of(const pg::Rows& rows, int until = 1000);
/// One row as an object.
std::string json_of(const pg::Rows& rows, const pg::Row& row, int until = 1000);

/// The array, to standard output.
void print_json(const pg::Rows& rows);

/// One of the two.
void print_rows(const pg::Rows& rows, bool as_json, const std::string& nothing);

/// One row as `column  value` lines, for `show` commands; as one JSON object when `as_json`.
void print_record(const pg::Rows& rows, bool as_json);

/// What an act has to tell: the words, or {"result": "…"}.
void tell_result(const std::string& words, bool as_json);

}  // namespace pgcourier::cli
