#pragma once
// A terminal that one page is drawn on again and again, until a key or a signal ends it. What stood
// there before comes back at the end.

#include <chrono>
#include <string>
#include <termios.h>
#include <vector>

namespace pgcourier::cli {

class Screen {
  public:
    /// Of standard output and input; signals must be held (cli/signals.hpp).
    Screen();
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    /// Shows these lines from the top; what is below the window's end is not shown.
    void draw(const std::vector<std::string>& lines);

    /// Waits so long, or until the window has another size.
    /// returns  false when the person wants to end: q, Ctrl-C, SIGTERM, SIGHUP
    bool wait(std::chrono::milliseconds time);

  private:
    bool reads_keys_ = false;
    termios before_{};
    int signals_ = -1;
};

}  // namespace pgcourier::cli
