#include "support/terminal.hpp"

#include "support/eventually.hpp"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pgcourier::test {

OnTerminal::OnTerminal(std::vector<std::string> arguments, Variables variables, int columns,
                       int rows) {
    std::vector<std::string> words{PGCOURIER_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    variables.emplace("TERM", "xterm");
    std::vector<std::string> assignments{"PATH=/usr/bin:/bin"};
    for (const auto& [name, value] : variables) assignments.push_back(name + "=" + value);
    std::vector<char*> argv;
    std::vector<char*> env;
    for (std::string& word : words) argv.push_back(word.data());
    for (std::string& assignment : assignments) env.push_back(assignment.data());
    argv.push_back(nullptr);
    env.push_back(nullptr);
    const winsize size{.ws_row = static_cast<unsigned short>(rows),
                       .ws_col = static_cast<unsigned short>(columns),
                       .ws_xpixel = 0,
                       .ws_ypixel = 0};
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::signal(SIGHUP, SIG_DFL);
        execve(argv[0], argv.data(), env.data());
        _exit(127);
    }
    if (pid_ < 0) throw std::runtime_error{"cannot start the program on a terminal"};
    fcntl(terminal_, F_SETFL, O_NONBLOCK);
}

OnTerminal::~OnTerminal() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    close(terminal_);
}

void OnTerminal::type(const std::string& keys) const {
    if (write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
        throw std::runtime_error{"the terminal takes no keys"};
}

void OnTerminal::signal(int number) const {
    ::kill(pid_, number);
}

void OnTerminal::read_some() {
    char buffer[4096];
    while (true) {
        const ssize_t count = read(terminal_, buffer, sizeof buffer);
        if (count <= 0) return;
        output_.append(buffer, static_cast<std::size_t>(count));
    }
}

const std::string& OnTerminal::output() {
    read_some();
    return output_;
}

bool OnTerminal::wait_for_output(const std::string& text) {
    return eventually([&] { return output().find(text) != std::string::npos; },
                      std::chrono::seconds{30});
}

int OnTerminal::wait() {
    const bool has_ended = eventually(
        [this] {
            read_some();  // or it would wait for us
            if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
            return pid_ < 0;
        },
        std::chrono::minutes{1});
    if (!has_ended) throw std::runtime_error{"the program does not end; it wrote:\n" + output_};
    read_some();
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

std::vector<std::string> plain_lines(const std::string& output) {
    std::vector<std::string> lines(1);
    for (std::size_t i = 0; i < output.size(); ++i) {
        if (output[i] == '\033') {
            // CSI: ends with a letter.
            while (++i < output.size() &&
                   std::isalpha(static_cast<unsigned char>(output[i])) == 0) {
            }
        } else if (output[i] == '\n') {
            lines.emplace_back();
        } else if (output[i] != '\r') {
            lines.back() += output[i];
        }
    }
    return lines;
}

}  // namespace pgcourier::test
