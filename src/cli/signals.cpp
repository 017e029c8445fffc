#include "cli/signals.hpp"

#include <signal.h>

namespace pgcourier::cli {
namespace {

sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

}  // namespace

void hold_signals() {
    sigset_t set = ending_signals();
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

void wait_for_end() {
    const sigset_t set = ending_signals();
    int number = 0;
    sigwait(&set, &number);
    // From here on the default action is back: who is in a hurry presses Ctrl-C again.
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace pgcourier::cli
