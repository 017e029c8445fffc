#pragma once
// How commands show rows: a table for people, JSON for programs.

#include "pg/rows.hpp"

#include <string>

namespace pgcourier::cli {

/// A table with a line of column names; `nothing` instead when there are no rows. To standard
/// output.
void print_table(const pg::Rows& rows, const std::string& nothing);

/// An array of objects, keys as the columns; numbers, booleans and JSON columns as such. To
/// standard output.
void print_json(const pg::Rows& rows);

/// One of the two.
void print_rows(const pg::Rows& rows, bool as_json, const std::string& nothing);

/// One row as `column  value` lines, for `show` commands; as one JSON object when `as_json`.
void print_record(const pg::Rows& rows, bool as_json);

}  // namespace pgcourier::cli
