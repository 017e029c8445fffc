#pragma once
// What SIGHUP means to a running service: the configuration is read once more, and what may change
// while it runs is used from then on. A configuration that is wrong changes nothing.

#include "base/config.hpp"
#include "base/config_file.hpp"
#include "base/log.hpp"

namespace pgcourier::cli {

class Service;

class Reloader {
  public:
    /// The configuration that the service starts with. throws Failure (2)
    Config first();
    /// Reads it again, gives it to the service, and logs what has changed: what is used now, and
    /// what needs a restart. Or why nothing was changed: what is used now must go together with
    /// what the service was started with. The listener's certificate is read again from its files
    /// in any case.
    void reload(Service& service);
    /// Logs which lines of the file mean nothing to pgcourier.
    void warn_of_lines_without_effect() const;
    /// What is in force; before first(), and where the file cannot be read, the process's own.
    const Environment& environment() const { return environment_; }

  private:
    void warn_of_lines_that_are_gone(const ConfigFile& file) const;

    Environment started_ = process_environment;      // with which the service was started
    Environment environment_ = process_environment;  // in force
    ConfigFile file_;                                // as it was read last
    Log log_{"Service"};
};

}  // namespace pgcourier::cli
