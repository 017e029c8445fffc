#include "harness/http_peer.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>

namespace pgcourier::bench {

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

void send_whole(int socket, std::string_view request) {
    if (send(socket, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
        throw std::runtime_error{"a request was not taken whole"};
    }
}

void receive_some(int socket, std::string& input) {
    char buffer[16384];
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) throw std::runtime_error{"the server closed a connection"};
    input.append(buffer, static_cast<std::size_t>(got));
}

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

bool is_200(const std::string& input) {
    return input.compare(9, 3, "200") == 0;
}

}  // namespace pgcourier::bench
