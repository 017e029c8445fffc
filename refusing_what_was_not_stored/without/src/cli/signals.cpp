#include "cli/signals.hpp"

#include <cerrno>
#include <signal.h>

namespace pgcourier::cli {
namespace {

bool hangup_ends = false;  // set before any thread

sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (hangup_ends) sigaddset(&set, SIGHUP);
    return set;
}

// The default action is back: who is in a hurry presses Ctrl-C again. Not that of SIGHUP: a
// terminal that goes away may tell so more than once, which is no hurry.
void let_the_next_one_end() {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

void hold_signals(Hangup hangup) {
    struct sigaction given {};
    sigaction(SIGHUP, nullptr, &given);
    hangup_ends = hangup == Hangup::ends && given.sa_handler != SIG_IGN;  // nohup
    sigset_t set = ending_signals();
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

Signal wait_for_signal() {
    sigset_t set = ending_signals();
    sigaddset(&set, SIGHUP);
    int number = 0;
    while (sigwait(&set, &number) != 0) {
    }
    if (number == SIGHUP && !hangup_ends) return Signal::reload;
    let_the_next_one_end();
    return Signal::end;
}

bool wait_for_end(std::chrono::milliseconds time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    const timespec timeout{seconds.count(), std::chrono::nanoseconds{time - seconds}.count()};
    const sigset_t set = ending_signals();
    if (sigtimedwait(&set, nullptr, &timeout) < 0) return false;
    let_the_next_one_end();
    return true;
}

}  // namespace pgcourier::cli
