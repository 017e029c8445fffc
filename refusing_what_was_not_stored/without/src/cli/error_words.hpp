#pragma once
// What went wrong with the database, for the person who typed a command. Pure.

#include "pg/error.hpp"

#include <string>

namespace pgcourier::cli {

/// What PostgreSQL said, and below it what it advises, or what we know better; without the names of
/// our statements.
std::string error_words(const pg::Error& error);

}  // namespace pgcourier::cli
