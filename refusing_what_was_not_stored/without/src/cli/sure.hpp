#pragma once
// Asking before what cannot be taken back. On a terminal only: where nobody can answer, the command
// was meant.

#include <string>

namespace CLI {
class App;
}

namespace pgcourier::cli {

/// Declares --yes.
void add_yes(CLI::App& command, bool& is_sure);

/// Whether confirm() would ask.
bool can_ask(bool is_sure);

/// throws  Failure when it asked, and the answer is not yes
void confirm(const std::string& question, bool is_sure);

}  // namespace pgcourier::cli
