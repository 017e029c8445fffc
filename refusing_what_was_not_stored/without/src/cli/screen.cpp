#include "cli/screen.hpp"

#include "base/clock.hpp"
#include "cli/terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace pgcourier::cli {
namespace {

// xterm's control sequences, which all terminals of today know.
constexpr const char* kEnter = "\033[?1049h\033[?25l";  // the other screen, no cursor
constexpr const char* kLeave = "\033[?25h\033[?1049l";
constexpr const char* kHome = "\033[H";
constexpr const char* kEndOfLine = "\033[K\r\n";
constexpr const char* kEndOfPage = "\033[K\033[J";

constexpr char kCtrlC = '\x03';

sigset_t watched_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&set, number);
    return set;
}

}  // namespace

Screen::Screen() {
    const sigset_t set = watched_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (tcgetattr(STDIN_FILENO, &before_) == 0) {
        termios keys = before_;
        // Each key at once and without echo. Not Ctrl-Z, which would leave the other screen behind.
        keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        keys.c_cc[VSUSP] = _POSIX_VDISABLE;
        reads_keys_ = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    }
    std::fputs(kEnter, stdout);
    std::fflush(stdout);
}

Screen::~Screen() {
    std::fputs(kLeave, stdout);
    std::fflush(stdout);
    if (reads_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    if (signals_ >= 0) close(signals_);
}

void Screen::draw(const std::vector<std::string>& lines) {
    const std::size_t count = std::min(lines.size(), terminal_of_output().rows);
    std::string page = kHome;
    for (std::size_t i = 0; i < count; ++i) page += (i == 0 ? "" : kEndOfLine) + lines[i];
    page += kEndOfPage;
    std::fputs(page.c_str(), stdout);
    std::fflush(stdout);
}

bool Screen::wait(std::chrono::milliseconds time) {
    pollfd ready[] = {{signals_, POLLIN, 0}, {reads_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
    const auto end = system_clock().steady_now() + time;
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - system_clock().steady_now());
        if (poll(ready, 2, static_cast<int>(std::max<long>(0, left.count()))) <= 0) return true;
        signalfd_siginfo got{};
        if (ready[0].revents != 0 && read(signals_, &got, sizeof got) == sizeof got)
            return got.ssi_signo == SIGWINCH;
        if (ready[1].revents == 0) continue;
        char key = 0;
        if (read(STDIN_FILENO, &key, 1) != 1) return false;  // the terminal is gone
        if (key == 'q' || key == 'Q' || key == kCtrlC) return false;
    }
}

}  // namespace pgcourier::cli
