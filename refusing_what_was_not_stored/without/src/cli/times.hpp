#pragma once
// Times that somebody typed. The database reads them, as it reads them in SQL.

#include "pg/connection.hpp"

#include <optional>
#include <string>

namespace pgcourier::cli {

/// The same text, once it is known to be a time; nullopt when it is empty.
///
/// option  where it was given, for the error: --since
/// throws  Failure (2) when it is no time, pg::Error
std::optional<std::string> checked_time(pg::Connection& db, const char* option,
                                        const std::string& text);

}  // namespace pgcourier::cli
