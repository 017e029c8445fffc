#pragma once
// A PgBouncer of our own in transaction mode before a private PostgreSQL, as Debian packages it.

#include "base/secret.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace pgcourier::pg {
class PrivatePostgres;
}

namespace pgcourier::test {

class PgBouncer {
  public:
    /// Starts it and waits until it answers. All databases and users of `server`, without
    /// passwords. throws  std::runtime_error with what it printed
    explicit PgBouncer(const pg::PrivatePostgres& server);
    ~PgBouncer();
    PgBouncer(const PgBouncer&) = delete;
    PgBouncer& operator=(const PgBouncer&) = delete;

    Secret url(const std::string& database) const;
    /// What it has logged so far.
    std::string log() const;

  private:
    std::uint16_t port_;
    std::string directory_;
    pid_t pid_ = -1;
};

}  // namespace pgcourier::test
