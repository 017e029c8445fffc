#include "harness/load.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Peer {
    int socket = -1;
    std::string input;
    SteadyClock::time_point sent;
};

int connect_to(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error{std::string{"cannot connect: "} + std::strerror(errno)};
    }
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

// Whether `input` begins with a whole answer; its size.
std::size_t whole_answer(const std::string& input) {
    const std::size_t head = input.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    // Ours writes it so, Node in lower case.
    const std::size_t field =
        std::min(input.find("Content-Length: "), input.find("content-length: "));
    const std::size_t length =
        field < head ? std::strtoul(input.c_str() + field + 16, nullptr, 10) : 0;
    return input.size() >= head + 4 + length ? head + 4 + length : 0;
}

}  // namespace

double LoadResult::percentile(double share) const {
    if (latencies_ms.empty()) return 0;
    return latencies_ms[std::min(
        latencies_ms.size() - 1,
        static_cast<std::size_t>(share * static_cast<double>(latencies_ms.size())))];
}

LoadResult run_load(std::uint16_t port, const std::vector<std::string>& requests,
                    std::size_t connections) {
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    std::vector<Peer> peers(connections);
    LoadResult result;
    result.latencies_ms.reserve(requests.size());
    std::size_t next = 0;
    std::size_t open = 0;
    const auto send_next = [&](Peer& peer) {
        if (next == requests.size()) {
            close(peer.socket);
            --open;
            return;
        }
        const std::string& request = requests[next++];
        peer.sent = SteadyClock::now();
        if (send(peer.socket, request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size())) {
            throw std::runtime_error{"a request was not taken whole"};
        }
    };
    for (std::size_t i = 0; i < connections; ++i) {
        peers[i].socket = connect_to(port);
        epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
        epoll_ctl(poll, EPOLL_CTL_ADD, peers[i].socket, &event);
        ++open;
    }
    const auto start = SteadyClock::now();
    for (Peer& peer : peers) send_next(peer);
    std::vector<epoll_event> events(connections);
    char buffer[16384];
    while (open > 0) {
        const int count = epoll_wait(poll, events.data(), static_cast<int>(events.size()), 30000);
        if (count <= 0) throw std::runtime_error{"no answer for 30 s"};
        for (int i = 0; i < count; ++i) {
            Peer& peer = peers[events[static_cast<std::size_t>(i)].data.u64];
            const ssize_t got = recv(peer.socket, buffer, sizeof buffer, 0);
            if (got <= 0) throw std::runtime_error{"the server closed a connection"};
            peer.input.append(buffer, static_cast<std::size_t>(got));
            const std::size_t size = whole_answer(peer.input);
            if (size == 0) continue;
            result.latencies_ms.push_back(
                std::chrono::duration<float, std::milli>(SteadyClock::now() - peer.sent).count());
            ++result.answers;
            if (peer.input.compare(9, 3, "200") != 0) ++result.not_200;
            peer.input.erase(0, size);
            send_next(peer);
        }
    }
    result.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
    close(poll);
    std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
    return result;
}

}  // namespace pgcourier::bench
