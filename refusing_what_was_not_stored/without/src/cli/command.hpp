#pragma once
// What the commands share: configuration, a connection, failures as one line.

#include "base/config.hpp"
#include "pg/connection.hpp"

#include <stdexcept>
#include <string>

namespace pgcourier::cli {

/// Ends the command: `what` is printed after `pgcourier: `, the process exits with `exit_code`.
class Failure : public std::runtime_error {
  public:
    Failure(int exit_code, const std::string& what)
        : std::runtime_error{what}, exit_code_{exit_code} {}
    int exit_code() const { return exit_code_; }

  private:
    int exit_code_;
};

/// The configuration from the environment and the file that it names. throws Failure (2) with the
/// variable at fault
Config config_for(Needs needs);

/// How `role` connects with this configuration.
pg::ConnectOptions connect_options(const Config& config, const std::string& role);
/// The same on DATABASE_DIRECT_URL, for LISTEN and migrations.
pg::ConnectOptions direct_options(const Config& config, const std::string& role);

/// A connection to the configured database. throws Failure, pg::Error
pg::Connection connect(const std::string& role = "cli");

}  // namespace pgcourier::cli
