#pragma once
// A PostgreSQL server of our own, for `pgcourier dev` and the tests: its own data directory and a
// port on 127.0.0.1. Started by an unprivileged user, since PostgreSQL refuses root. Stops with its
// owner, also when that is killed.

#include "base/result.hpp"
#include "base/secret.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace pgcourier::pg {

struct PrivatePostgresOptions {
    std::string directory;   // holds data/ and server.log; made when missing
    std::uint16_t port = 0;  // on 127.0.0.1, where nothing else listens
    bool is_durable =
        true;  // false: no fsync, for tests; survives kill -9 of the server, not of the machine
    std::vector<std::string> settings;  // further `name=value`
};

class PrivatePostgres {
  public:
    enum class StopMode { fast, immediate };

    /// initdb at the first time, then starts the server and waits until it answers (10 s at most).
    /// returns  the running server, or what was found and what to do
    static Result<PrivatePostgres> start(PrivatePostgresOptions options);

    PrivatePostgres(PrivatePostgres&& other) noexcept;
    PrivatePostgres& operator=(PrivatePostgres&&) = delete;
    ~PrivatePostgres();

    /// Ends the server; `immediate` is its crash. Waits until it is gone.
    void stop(StopMode mode = StopMode::fast);
    /// Starts it again on the same data.
    Result<void> restart();
    bool is_running() const { return pid_ > 0; }

    /// A URL of a database on it.
    Secret url(const std::string& database) const;
    const std::string& directory() const { return options_.directory; }
    pid_t pid() const { return pid_; }

  private:
    explicit PrivatePostgres(PrivatePostgresOptions options) : options_{std::move(options)} {}
    Result<void> launch();

    PrivatePostgresOptions options_;
    std::string binaries_;  // where postgres and initdb are
    pid_t pid_ = -1;
};

}  // namespace pgcourier::pg
