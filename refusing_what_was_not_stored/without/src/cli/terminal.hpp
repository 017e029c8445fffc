#pragma once
// The terminal, where there is one.

#include <cstddef>
#include <string>

namespace pgcourier::cli {

struct Terminal {
    bool is_terminal = false;
    std::size_t columns = 80;
    std::size_t rows = 24;
    bool has_colours = false;  // it is a terminal that has them, and NO_COLOR is not set
};

/// What standard output is now: a window's size may change.
Terminal terminal_of_output();

/// Whether standard output can be drawn on again and again.
bool can_redraw();

}  // namespace pgcourier::cli
