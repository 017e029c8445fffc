#pragma once
// The program on a terminal, as a person uses it: a window of a certain size, keys that are typed,
// and what stands on the screen.

#include "support/process.hpp"

#include <string>
#include <vector>

namespace pgcourier::test {

class OnTerminal {
  public:
    /// Runs the built `pgcourier` on a pseudo-terminal, with ONLY these variables, PATH and TERM.
    OnTerminal(std::vector<std::string> arguments, Variables variables, int columns = 80,
               int rows = 24);
    /// kill -9 when it still runs.
    ~OnTerminal();
    OnTerminal(const OnTerminal&) = delete;
    OnTerminal& operator=(const OnTerminal&) = delete;

    void type(const std::string& keys) const;
    void signal(int number) const;
    /// All that it has written so far, control sequences and all.
    const std::string& output();
    /// Waits until it has written this. returns false when it did not in time, or ended
    bool wait_for_output(const std::string& text);
    /// Waits for its end, up to a minute. returns its exit code; 128 + the signal that killed it
    int wait();

  private:
    void read_some();

    pid_t pid_ = -1;
    int terminal_ = -1;
    int status_ = 0;
    std::string output_;
};

/// What stays when control sequences are taken out, line by line.
std::vector<std::string> plain_lines(const std::string& output);

}  // namespace pgcourier::test
