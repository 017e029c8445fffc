#include "support/tcp_proxy.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace pgcourier::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return -1;
    const sockaddr_in address = loopback(port);
    if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return socket;
    close(socket);
    return -1;
}

}  // namespace

TcpProxy::TcpProxy(std::uint16_t target) : target_{target} {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error{"the proxy cannot listen"};
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread{[this] { accept_all(); }};
}

TcpProxy::~TcpProxy() {
    is_ending_ = true;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    cut();
    links_.clear();  // unlocked: its threads lock the mutex, and nobody else is left
    close(listener_);
    // Not before, on the thread of its acceptor: Boost.Test belongs to that of the case.
    if (!failure_.empty() && boost::unit_test::framework::test_in_progress()) BOOST_ERROR(failure_);
}

TcpProxy::Link::~Link() {
    for (std::jthread* thread : {&upward, &downward}) {
        if (thread->joinable()) thread->join();
    }
    close(client);
    if (server >= 0) close(server);
}

void TcpProxy::lose_answer(const std::string& marker) {
    const std::scoped_lock lock{mutex_};
    marker_ = marker;
    has_lost_ = false;
}

void TcpProxy::change_answers(std::function<void(std::string& piece)> change) {
    const std::scoped_lock lock{mutex_};
    change_ = std::move(change);
}

void TcpProxy::cut() {
    const std::scoped_lock lock{mutex_};
    stalls_new_ = false;
    for (const Link& link : links_) {
        shutdown(link.client, SHUT_RDWR);
        shutdown(link.server, SHUT_RDWR);
    }
}

void TcpProxy::stall(bool also_new) {
    const std::scoped_lock lock{mutex_};
    stalls_new_ = also_new;
    for (Link& link : links_) link.is_stalled = true;
}

// Without it the test would go on, and see a network that is only slow.
void TcpProxy::fail(const char* what, int error) {
    const std::scoped_lock lock{mutex_};
    failure_ = fmt::format("the proxy {}: {}", what, std::system_category().message(error));
    std::fprintf(stderr, "%s\n", failure_.c_str());
}

void TcpProxy::accept_all() {
    for (;;) {
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) {
            const int error = errno;
            if (is_ending_) return;
            if (error == EINTR || error == ECONNABORTED) continue;
            fail("accepts no more connections", error);
            return;
        }
        ++accepted_;
        bool is_silent = false;
        {
            const std::scoped_lock lock{mutex_};
            // Those that have ended go, or a test that cuts often enough has no descriptors left.
            std::erase_if(links_, [](const Link& link) { return link.copying == 0; });
            is_silent = stalls_new_;
        }
        const int server = is_silent ? -1 : connect_to(target_);
        if (server < 0 && !is_silent) {
            const int error = errno;
            close(client);
            // One that is refused is a server that is down.
            if (error == EMFILE || error == ENFILE) fail("cannot connect", error);
            continue;
        }
        const std::scoped_lock lock{mutex_};
        Link& link = links_.emplace_back();
        link.client = client;
        link.server = server;
        link.is_stalled = is_silent || stalls_new_;
        link.copying = is_silent ? 1 : 2;
        link.upward = std::jthread{[this, &link] { copy(link, false); }};
        if (!is_silent) link.downward = std::jthread{[this, &link] { copy(link, true); }};
    }
}

void TcpProxy::copy(Link& link, bool is_downward) {
    const int from = is_downward ? link.server : link.client;
    const int to = is_downward ? link.client : link.server;
    char buffer[64 * 1024];
    std::string
        seen;  // the whole of this direction's last answer, since a marker may be cut in two
    for (;;) {
        const ssize_t count = recv(from, buffer, sizeof buffer, 0);
        if (count <= 0) break;
        if (link.is_stalled) continue;
        std::string piece{buffer, static_cast<std::size_t>(count)};
        std::function<void(std::string&)> change;
        if (is_downward) {
            const std::scoped_lock lock{mutex_};
            change = change_;
            if (link.was_asked.exchange(false)) seen.clear();
            seen.append(buffer, static_cast<std::size_t>(count));
            if (!marker_.empty() && seen.find(marker_) != std::string::npos) {
                marker_.clear();
                has_lost_ = true;
                break;
            }
            if (seen.size() > 4096) seen.erase(0, seen.size() - 64);
        } else {
            link.was_asked = true;
            bytes_to_server_ += static_cast<std::uint64_t>(count);
        }
        if (change) change(piece);
        for (std::size_t sent = 0; sent < piece.size();) {
            const ssize_t more = send(to, piece.data() + sent, piece.size() - sent, MSG_NOSIGNAL);
            if (more <= 0) break;
            sent += static_cast<std::size_t>(more);
        }
    }
    shutdown(from, SHUT_RDWR);
    shutdown(to, SHUT_RDWR);
    --link.copying;  // the last word: the link may go now
}

}  // namespace pgcourier::test
