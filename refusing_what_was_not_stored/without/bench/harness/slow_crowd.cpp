#include "harness/slow_crowd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace pgcourier::bench {
namespace {

// Each client has its turn once in these.
constexpr std::chrono::milliseconds kRound{4000};
constexpr std::size_t kParts = 2'000;  // of independent clients few come at the same moment

void allow_files(std::size_t count) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur >= count) return;
    files.rlim_cur = std::min<rlim_t>(count, files.rlim_max);
    if (files.rlim_cur < count || setrlimit(RLIMIT_NOFILE, &files) != 0) {
        throw std::runtime_error{fmt::format(
            "a process may open {} files here, {} are needed: ulimit -Hn", files.rlim_max, count)};
    }
}

}  // namespace

SlowCrowd::SlowCrowd(std::uint16_t port, std::size_t count, std::vector<std::string> heads)
    : port_{port}, heads_{std::move(heads)}, sockets_(count, -1) {
    allow_files(count + 500);
    for (std::size_t i = 0; i < count; ++i) connect_again(i);
    thread_ = std::jthread{[this](const std::stop_token& stop) { drip(stop); }};
}

SlowCrowd::~SlowCrowd() {
    thread_.request_stop();
    thread_.join();
    for (const int socket : sockets_) close(socket);
}

void SlowCrowd::connect_again(std::size_t index) {
    if (sockets_[index] >= 0) close(sockets_[index]);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockets_[index] = descriptor;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error{std::string{"cannot connect: "} + std::strerror(errno)};
    const std::string& head = heads_[index % heads_.size()];
    send(descriptor, head.data(), head.size(), MSG_NOSIGNAL);
}

void SlowCrowd::drip(const std::stop_token& stop) {
    for (std::size_t part = 0; !stop.stop_requested(); part = (part + 1) % kParts) {
        for (std::size_t i = part; i < sockets_.size(); i += kParts) {
            char answer[512];
            const ssize_t read = recv(sockets_[i], answer, sizeof answer, MSG_DONTWAIT);
            const bool is_over = read >= 0 || errno != EAGAIN;
            if (is_over || send(sockets_[i], "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
                ++cut_off_;
                connect_again(i);
            }
        }
        std::this_thread::sleep_for(kRound / kParts);
    }
}

}  // namespace pgcourier::bench
