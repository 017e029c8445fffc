// pgcourier with a hook on its fault points: the program that the fault suite kills and stops.
//
//   FAULT_POINT  at which point (src/base/fault_point.hpp); none: nothing happens
//   FAULT_AT     at which of its passages, from 1
//   FAULT_KIND   kill (SIGKILL) or stop (SIGSTOP)

#include "base/fault_point.hpp"
#include "cli/cli.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

namespace {

const char* point = nullptr;
std::string announcement;
int at = 1;
int number = SIGKILL;
std::atomic<int> passages{0};

void hit(const char* name) {
    if (std::strcmp(name, point) != 0 || ++passages != at) return;
    // Unbuffered: nothing of this process is written after the signal.
    if (::write(STDOUT_FILENO, announcement.data(), announcement.size()) < 0) std::abort();
    std::raise(number);  // to this thread, so that it does not run on; both signals take all others
}

}  // namespace

int main(int argc, char** argv) {
    point = std::getenv("FAULT_POINT");
    if (point != nullptr) {
        const char* passage = std::getenv("FAULT_AT");
        const char* kind = std::getenv("FAULT_KIND");
        if (passage != nullptr) at = std::atoi(passage);
        if (kind != nullptr && std::strcmp(kind, "stop") == 0) number = SIGSTOP;
        announcement = std::string{"fault at "} + point + "\n";
        pgcourier::fault_hook = hit;
    }
    return pgcourier::cli::run(argc, argv);
}
