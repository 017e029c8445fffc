#pragma once
// Scripts that make a shell complete the program's commands and options. Everything is in the
// script: completing starts no program and asks no database. Pure.

#include "cli/command_tree.hpp"

#include <string>

namespace pgcourier::cli {

std::string bash_completion(const CommandHelp& root);
std::string zsh_completion(const CommandHelp& root);
std::string fish_completion(const CommandHelp& root);

}  // namespace pgcourier::cli
