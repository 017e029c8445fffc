#pragma once
// Finding the tenant, or the person, that somebody means.

#include "pg/connection.hpp"

#include <string>

namespace pgcourier::cli {

/// By id, WhatsApp number or name.
/// returns  its id. throws Failure when there is none, or more than one
std::string find_tenant(pg::Connection& db, const std::string& wanted);
/// The same for what outlives its tenant: that may be the id of one that is gone.
std::string find_tenant_or_gone(pg::Connection& db, const std::string& wanted);

/// The number without whatsapp:. throws Failure (2) when it is no E.164 number
std::string checked_number(const std::string& number);

/// The number or WhatsApp user id without whatsapp:. throws Failure (2) when it is neither
std::string checked_address(const std::string& address);

}  // namespace pgcourier::cli
