#pragma once
// The program itself as a child process, to be killed, stopped and asked. Where a sanitizer
// watches, what it reports of a child is an error of the case that waits for its end.

#include "base/secret.hpp"

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace pgcourier::test {

using Variables = std::map<std::string, std::string>;

class Process {
  public:
    /// Runs the built `pgcourier` with these arguments and ONLY these variables (and PATH). What it
    /// prints goes to a file.
    ///
    /// directory  where it runs; empty: where we do
    /// program    another one than `pgcourier`
    Process(std::vector<std::string> arguments, Variables variables,
            const std::string& directory = {}, const std::string& program = PGCOURIER_BINARY);
    /// kill -9 when it still runs.
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    bool is_running();
    /// Whether it stands still after SIGSTOP.
    bool is_stopped() const;
    /// Waits for its end, up to a minute. returns its exit code; 128 + the signal that killed it
    int wait();
    /// kill -9, and waits.
    void kill();
    /// Standard output and error so far.
    std::string output() const;
    /// The end of it, for a test's message.
    std::string last_words() const;
    /// Waits until it has printed this. returns false when it did not in time, or ended
    bool wait_for_output(const std::string& text);

  private:
    void look_for_report();

    pid_t pid_ = -1;
    int status_ = 0;
    std::string log_path_;
    bool is_looked_through_ = false;
};

/// Runs it to its end. returns exit code and output
struct Ran {
    int exit_code;
    std::string output;
};
Ran run_program(std::vector<std::string> arguments, Variables variables);

/// What `serve` needs to run against this database and this simulated Twilio, listening on `port`.
Variables service_variables(const Secret& database_url, std::uint16_t port,
                            const std::string& twilio_url);

}  // namespace pgcourier::test
