#include "cli/terminal.hpp"

#include "base/environment.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace pgcourier::cli {
namespace {

// https://no-color.org: set and not empty, whatever its value
bool wants_no_colours() {
    const auto set = process_environment("NO_COLOR");
    return set && !set->empty();
}

bool is_dumb() {
    const auto kind = process_environment("TERM");
    return !kind || kind->empty() || *kind == "dumb";
}

}  // namespace

Terminal terminal_of_output() {
    Terminal terminal;
    terminal.is_terminal = isatty(STDOUT_FILENO) == 1;
    if (!terminal.is_terminal) return terminal;
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        terminal.columns = size.ws_col;
        if (size.ws_row > 0) terminal.rows = size.ws_row;
    }
    terminal.has_colours = !wants_no_colours() && !is_dumb();
    return terminal;
}

bool can_redraw() {
    return isatty(STDOUT_FILENO) == 1 && !is_dumb();
}

}  // namespace pgcourier::cli
