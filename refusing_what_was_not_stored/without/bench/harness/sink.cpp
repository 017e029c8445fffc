#include "harness/sink.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

bool watch(int poller, int descriptor) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

// In a child of a process with threads: only calls that are safe there. The parent's other files
// are closed, or they would outlive their closing there.
[[noreturn]] void serve(int listener) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(3, static_cast<unsigned>(listener) - 1, 0);
    close_range(static_cast<unsigned>(listener) + 1, ~0U, 0);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    watch(poller, listener);
    epoll_event events[64];
    while (true) {
        const int ready = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[i].data.fd;
            if (descriptor == listener) {
                const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
                if (accepted >= 0 && !watch(poller, accepted)) close(accepted);
                continue;
            }
            char bytes[4096];
            if (recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) close(descriptor);
        }
    }
}

}  // namespace

Sink::Sink() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, any, size) != 0 || listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, any, &size) != 0)
        throw std::runtime_error{"cannot listen at 127.0.0.1"};
    port_ = ntohs(address.sin_port);
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error{"cannot fork"};
    if (pid_ == 0) serve(listener);
    close(listener);
}

Sink::~Sink() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

}  // namespace pgcourier::bench
