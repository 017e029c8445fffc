#pragma once
// What somebody meant who typed a command or an option that there is not. Pure.

#include "cli/command_tree.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::cli {

/// The one of `names` that is nearest to `word`; empty when none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& names);

/// Words on the first of `arguments` that names no command where one must stand, or no long option
/// of the command before it; nullopt when each does.
///
/// arguments  what stands behind the program's name
std::optional<std::string> unknown_word(const CommandHelp& root,
                                        const std::vector<std::string>& arguments);

}  // namespace pgcourier::cli
