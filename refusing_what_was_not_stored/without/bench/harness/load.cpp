#include "harness/load.hpp"

#include "harness/http_peer.hpp"

#include <algorithm>
#include <stdexcept>
#include <sys/epoll.h>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Peer {
    int socket = -1;
    std::string input;
    SteadyClock::time_point sent;
};

}  // namespace

double LoadResult::percentile(double share) const {
    if (latencies_ms.empty()) return 0;
    return latencies_ms[std::min(
        latencies_ms.size() - 1,
        static_cast<std::size_t>(share * static_cast<double>(latencies_ms.size())))];
}

LoadResult run_load(const std::vector<std::uint16_t>& ports,
                    const std::vector<std::string>& requests, std::size_t connections) {
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
        send_whole(peer.socket, request);
    };
    for (std::size_t i = 0; i < connections; ++i) {
        peers[i].socket = connect_to(ports[i % ports.size()]);
        epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
        epoll_ctl(poll, EPOLL_CTL_ADD, peers[i].socket, &event);
        ++open;
    }
    const auto start = SteadyClock::now();
    for (Peer& peer : peers) send_next(peer);
    std::vector<epoll_event> events(connections);
    while (open > 0) {
        const int count = epoll_wait(poll, events.data(), static_cast<int>(events.size()), 30000);
        if (count <= 0) throw std::runtime_error{"no answer for 30 s"};
        for (int i = 0; i < count; ++i) {
            Peer& peer = peers[events[static_cast<std::size_t>(i)].data.u64];
            receive_some(peer.socket, peer.input);
            const std::size_t size = whole_answer(peer.input);
            if (size == 0) continue;
            result.latencies_ms.push_back(
                std::chrono::duration<float, std::milli>(SteadyClock::now() - peer.sent).count());
            ++result.answers;
            if (!is_200(peer.input)) ++result.not_200;
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
