#pragma once
// DATABASE_URL as Prisma and everybody else writes it, made into what libpq takes.

#include "base/result.hpp"
#include "base/secret.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace pgcourier::pg {

struct Target {
    /// libpq's own keywords and values, the password among them.
    std::vector<std::pair<std::string, std::string>> keywords;
    std::string search_path;  // from Prisma's `schema=`, quoted; empty: the role's own
    bool is_pooled = false;   // `pgbouncer=true` stands in the URL
    /// `host:port/database`, for messages; never the user's secret.
    std::string described() const;
    /// The URL's own, if it is a time (libpq waits for ever with 0) and a shorter one.
    std::chrono::seconds connect_timeout(std::chrono::seconds longest) const;
};

/// Understands `postgres://` and `postgresql://` URLs with Prisma's parameters (`schema` is the
/// search path, `sslaccept=strict` is sslmode=verify-full and needs an sslrootcert; `pgbouncer`,
/// `connection_limit`, `pool_timeout`, … are ignored) and libpq's own `key=value` form.
///
/// returns  the target, or what is wrong in one line without the password
Result<Target> parse_url(const Secret& url);

}  // namespace pgcourier::pg
