#include "support/free_port.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <random>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace pgcourier::test {
namespace {

// Below what Linux gives outgoing connections (32768 on): one of those, or a bind to port 0, would
// take it before whoever it is meant for listens. 8080 and the like are left to others.
constexpr std::uint32_t kFirst = 12'000;
constexpr std::uint32_t kPorts = 20'000;

bool can_listen(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool can = bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                     listen(descriptor, 1) == 0;
    close(descriptor);
    return can;
}

}  // namespace

std::uint16_t free_port() {
    // Suites run side by side: each goes its own way from a place of its own.
    static std::atomic<std::uint32_t> next{std::random_device{}()};
    for (std::uint32_t i = 0; i < kPorts; ++i) {
        const auto port = static_cast<std::uint16_t>(kFirst + next++ % kPorts);
        if (can_listen(port)) return port;
    }
    throw std::runtime_error{"no free TCP port on 127.0.0.1"};
}

}  // namespace pgcourier::test
