#pragma once
// The configuration as people read it: each variable with the value that is in force and where it
// came from, secrets hidden; and the reference of all variables as a page.

#include "base/config.hpp"
#include "base/config_file.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier {

/// Whether its value must not be shown: it is a secret, has one in it, or may have.
bool is_secret(std::string_view variable);

/// Whether SIGHUP makes a running service use its new value.
bool is_reloaded(std::string_view variable);

struct Setting {
    std::string_view name;
    std::string value;   // in force; of a secret only whether it is set
    std::string source;  // environment, default, or `<file> line <n>`
    bool is_secret = false;
};

/// In the order of variables().
///
/// config, file, environment  what `config` was read from
std::vector<Setting> settings(const Config& config, const ConfigFile& file,
                              const Environment& environment);

/// The variables whose values differ between two environments.
std::vector<std::string_view> changed_variables(const Environment& before,
                                                const Environment& after);

/// docs/configuration.md
std::string configuration_reference();

}  // namespace pgcourier
