#include "support/raw_http.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace pgcourier::test {
namespace {

std::string lower(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

}  // namespace

std::string RawReply::field(std::string_view name) const {
    const std::string key = "\r\n" + lower(name) + ":";
    const std::size_t at = lower(head).find(key);
    if (at == std::string::npos) return "";
    const std::size_t start = head.find_first_not_of(' ', at + key.size());
    return head.substr(start, head.find("\r\n", start) - start);
}

RawHttp::RawHttp(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        close(socket_);
        throw std::runtime_error{"nobody listens on port " + std::to_string(port)};
    }
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int on = 1;  // a piece is sent when it is given
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawHttp::~RawHttp() {
    close(socket_);
}

RawReply RawHttp::exchange(std::string_view bytes) {
    const auto began = std::chrono::steady_clock::now();
    send(bytes);
    RawReply answer = reply();
    answer.took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - began);
    return answer;
}

void RawHttp::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) break;  // it may have answered and closed already
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

void RawHttp::end_sending() {
    shutdown(socket_, SHUT_WR);
}

bool RawHttp::receive() {
    char buffer[16 * 1024];
    const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
    if (count > 0) input_.append(buffer, static_cast<std::size_t>(count));
    has_ended_ = count == 0 || (count < 0 && errno != EAGAIN);
    return count > 0;
}

std::string RawHttp::rest() {
    while (receive()) {
    }
    return std::exchange(input_, {});
}

std::uint16_t RawHttp::port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

RawReply RawHttp::reply() {
    RawReply reply;
    std::size_t head_end = 0;
    while ((head_end = input_.find("\r\n\r\n")) == std::string::npos) {
        if (!receive()) return reply;
    }
    reply.head = input_.substr(0, head_end + 2);
    input_.erase(0, head_end + 4);
    std::from_chars(reply.head.data() + 9, reply.head.data() + 12, reply.status);
    const std::string length = reply.field("Content-Length");
    std::size_t body_bytes = 0;
    std::from_chars(length.data(), length.data() + length.size(), body_bytes);
    while (input_.size() < body_bytes && receive()) {
    }
    reply.body = input_.substr(0, body_bytes);
    input_.erase(0, body_bytes);
    return reply;
}

std::string RawHttp::until(std::string_view text) {
    std::size_t found = 0;
    while ((found = input_.find(text)) == std::string::npos) {
        if (!receive()) return "";
    }
    std::string all = input_.substr(0, found + text.size());
    input_.erase(0, all.size());
    return all;
}

bool RawHttp::is_closed() {
    const timeval limit{.tv_sec = 2, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char byte;
    return recv(socket_, &byte, 1, 0) == 0;
}

}  // namespace pgcourier::test
