#include "harness/viewers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

using Time = std::chrono::steady_clock::time_point;

// How often the page asks: kAbnormalMs of src/console/web/overview.js.
constexpr std::chrono::seconds kAsks{4};
constexpr std::string_view kEvent = "event: overview\n";

void send_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) throw std::runtime_error{"the console has closed a connection"};
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::string receive(int descriptor) {
    std::array<char, 65536> bytes{};
    const ssize_t read = recv(descriptor, bytes.data(), bytes.size(), 0);
    if (read <= 0) throw std::runtime_error{"the console has closed a connection"};
    return {bytes.data(), static_cast<std::size_t>(read)};
}

// Sign-in, where the whole answer comes at once.
std::string cookie_from(int descriptor, const std::string& token) {
    const std::string body = fmt::format("token={}", token);
    send_all(descriptor,
             fmt::format("POST /ops/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: "
                         "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
                         body.size(), body));
    std::string answer;
    while (answer.find("\r\n\r\n") == std::string::npos) answer += receive(descriptor);
    const std::size_t at = answer.find("pgcourier_ops=");
    if (at == std::string::npos) throw std::runtime_error{"no sign-in: " + answer};
    return answer.substr(at, answer.find(';', at) - at);
}

}  // namespace

Viewers::Viewers(std::uint16_t port, const std::string& token, std::size_t count)
    : port_{port}, pages_(count) {
    if (count == 0) return;
    const int door = connect();
    cookie_ = cookie_from(door, token);
    close(door);
    for (Page& page : pages_) {
        page.live = connect();
        send_all(
            page.live,
            fmt::format("GET /ops/api/live HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", cookie_));
        page.asks = connect();
    }
    thread_ = std::jthread{[this](const std::stop_token& stop) { look(stop); }};
}

Viewers::~Viewers() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
    for (const Page& page : pages_) {
        close(page.live);
        close(page.asks);
    }
}

int Viewers::connect() const {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error{"cannot connect to the console"};
    return descriptor;
}

void Viewers::ask(Page& page) const {
    page.answer.clear();
    send_all(
        page.asks,
        fmt::format("GET /ops/api/abnormal HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", cookie_));
}

void Viewers::read_live(Page& page) {
    std::string text = page.tail + receive(page.live);
    for (std::size_t at = text.find(kEvent); at != std::string::npos;
         at = text.find(kEvent, at + kEvent.size()))
        ++told_;
    page.tail = text.substr(text.size() - std::min(text.size(), kEvent.size() - 1));
}

void Viewers::read_answer(Page& page) {
    const bool is_first = page.answer.empty();
    page.answer += receive(page.asks);
    if (is_first && page.answer.starts_with("HTTP/1.1 200")) ++answered_;
}

// The pages were opened one after the other: their questions stay spread over the 4 s.
void Viewers::look(const std::stop_token& stop) {
    std::vector<pollfd> sockets;
    for (const Page& page : pages_) {
        sockets.push_back({.fd = page.live, .events = POLLIN, .revents = 0});
        sockets.push_back({.fd = page.asks, .events = POLLIN, .revents = 0});
    }
    std::vector<Time> due;
    const Time start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < pages_.size(); ++i)
        due.push_back(start + kAsks * static_cast<long>(i) / static_cast<long>(pages_.size()));
    while (!stop.stop_requested()) {
        poll(sockets.data(), sockets.size(), 20);
        for (std::size_t i = 0; i < pages_.size(); ++i) {
            if (sockets[2 * i].revents != 0) read_live(pages_[i]);
            if (sockets[2 * i + 1].revents != 0) read_answer(pages_[i]);
            if (due[i] <= std::chrono::steady_clock::now()) {
                ask(pages_[i]);
                due[i] += kAsks;
            }
        }
    }
}

}  // namespace pgcourier::bench
