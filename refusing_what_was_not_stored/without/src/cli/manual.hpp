#pragma once
// The manual pages and the page docs/commands.md, made of the declarations of the commands. Pure.

#include "cli/command_tree.hpp"

#include <string>

namespace pgcourier::cli {

/// A page in man(7)'s language: of the program when `command` is the root, else of a command and
/// all below it.
std::string manual_page(const CommandHelp& command);

/// The name of its file: `pgcourier.1`, `pgcourier-outbox.1`.
std::string manual_file(const CommandHelp& command);

/// docs/commands.md: a table of all commands, then each with its options.
std::string commands_page(const CommandHelp& root);

}  // namespace pgcourier::cli
