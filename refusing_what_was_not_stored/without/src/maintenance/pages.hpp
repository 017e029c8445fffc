#pragma once
// A table read in small steps, some pages at a time: every step costs the same, whatever the size
// of the table, its indexes, and how many dead rows somebody's open snapshot keeps in it.

#include "pg/connection.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pgcourier::maintenance {

/// Some hundred rows of any of our tables.
inline constexpr std::int64_t kPagesOfAStep = 64;

/// The first place of a page, as a tid.
std::string place_of_page(std::int64_t page);

/// How many pages the table has now. Rows that are written later may stand behind them.
/// SQL  queries/maintenance/table_pages.sql
std::int64_t pages_of(pg::Connection& db, std::string_view table);

}  // namespace pgcourier::maintenance
