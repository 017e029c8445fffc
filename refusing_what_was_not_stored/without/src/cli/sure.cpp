#include "cli/sure.hpp"

#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace pgcourier::cli {

void add_yes(CLI::App& command, bool& is_sure) {
    command.add_flag("--yes", is_sure, "Do not ask, as when not on a terminal");
}

bool can_ask(bool is_sure) {
    return !is_sure && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

void confirm(const std::string& question, bool is_sure) {
    if (!can_ask(is_sure)) return;
    std::fprintf(stderr, "%s [y/N] ", printable_lines(question).c_str());
    std::fflush(stderr);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return;
    throw Failure{kFailed, "nothing was done"};
}

}  // namespace pgcourier::cli
