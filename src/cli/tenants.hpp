#pragma once
// Finding the tenant that a person means.

#include "pg/connection.hpp"

#include <string>

namespace pgcourier::cli {

/// By id, WhatsApp number or name.
/// returns  its id. throws Failure when there is none, or more than one
std::string find_tenant(pg::Connection& db, const std::string& wanted);

/// The number without whatsapp:. throws Failure (2) when it is no E.164 number
std::string checked_number(const std::string& number);

}  // namespace pgcourier::cli
