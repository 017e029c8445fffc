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

// The default action is back: who is in a hurry presses Ctrl-C again.
void release(const sigset_t& set) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
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

void wait_for_end() {
    while (!wait_for_end(std::chrono::hours{1})) {
    }
}

bool wait_for_end(std::chrono::milliseconds time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    const timespec timeout{seconds.count(), std::chrono::nanoseconds{time - seconds}.count()};
    sigset_t set = ending_signals();
    if (sigtimedwait(&set, nullptr, &timeout) < 0) return false;
    // A terminal that goes away may tell so more than once: that is no hurry.
    sigdelset(&set, SIGHUP);
    release(set);
    return true;
}

}  // namespace pgcourier::cli
