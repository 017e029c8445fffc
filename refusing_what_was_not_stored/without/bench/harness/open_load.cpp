#include "harness/open_load.hpp"

#include "harness/http_peer.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <stdexcept>
#include <sys/epoll.h>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<float, std::milli>;

constexpr std::chrono::seconds kNoAnswer{30};

SteadyClock::duration offset(std::size_t n, double rate) {
    return std::chrono::duration_cast<SteadyClock::duration>(
        std::chrono::duration<double>{static_cast<double>(n) / rate});
}

/// 0 of nothing.
float p99(std::vector<float>& values) {
    std::ranges::sort(values);
    return values.empty() ? 0 : values[values.size() * 99 / 100];
}

struct Peer {
    int socket = -1;
    std::string input;
    SteadyClock::time_point due;  // of the request that it waits for
};

class Generator {
  public:
    explicit Generator(const OpenLoad& load)
        : load_{load}, poll_{epoll_create1(EPOLL_CLOEXEC)}, peers_(load.connections) {
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            peers_[i].socket = connect_to(load.ports[i % load.ports.size()]);
            epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
            epoll_ctl(poll_, EPOLL_CTL_ADD, peers_[i].socket, &event);
            free_.push_back(i);
        }
        result_.load.latencies_ms.reserve(load.count);
        late_ms_.reserve(load.count);
    }
    ~Generator() {
        for (const Peer& peer : peers_) close(peer.socket);
        close(poll_);
    }
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;

    OpenResult run() {
        start_ = SteadyClock::now();
        result_.rate = load_.rate;
        result_.started = std::chrono::time_point_cast<std::chrono::microseconds>(
            std::chrono::system_clock::now());
        while (result_.load.answers < load_.count) {
            send_due();
            receive(time_to_wait());
        }
        LoadResult& load = result_.load;
        load.seconds = std::chrono::duration<double>(SteadyClock::now() - start_).count();
        std::ranges::sort(load.latencies_ms);
        result_.late_ms = p99(late_ms_);
        for (std::vector<float>& second : by_second_) result_.p99_of_seconds.push_back(p99(second));
        return std::move(result_);
    }

  private:
    SteadyClock::time_point due(std::size_t n) const { return start_ + offset(n, load_.rate); }

    void send_due() {
        while (next_ < load_.count && !free_.empty()) {
            const SteadyClock::time_point now = SteadyClock::now();
            if (due(next_) > now) return;
            Peer& peer = peers_[free_.front()];
            free_.pop_front();
            peer.due = due(next_);
            // A request that waited for a connection is late by the server's doing, not by ours.
            if (due(next_) >= freed_at_) late_ms_.push_back(Milliseconds{now - peer.due}.count());
            send_whole(peer.socket, load_.request(next_++));
        }
    }

    /// Until the next request is due; while none can be sent, only an answer is waited for.
    SteadyClock::duration time_to_wait() const {
        if (next_ == load_.count || free_.empty()) return kNoAnswer;
        return std::max(due(next_) - SteadyClock::now(), SteadyClock::duration{0});
    }

    void receive(SteadyClock::duration wait) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
        const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (wait - seconds).count()};
        const int count = epoll_pwait2(poll_, events_.data(), static_cast<int>(events_.size()),
                                       &timeout, nullptr);
        if (count == 0 && wait >= kNoAnswer) throw std::runtime_error{"no answer for 30 s"};
        for (int i = 0; i < count; ++i) take(events_[static_cast<std::size_t>(i)].data.u64);
    }

    void take(std::size_t index) {
        Peer& peer = peers_[index];
        receive_some(peer.socket, peer.input);
        const std::size_t size = whole_answer(peer.input);
        if (size == 0) return;
        LoadResult& load = result_.load;
        const SteadyClock::time_point now = SteadyClock::now();
        const float latency = Milliseconds{now - peer.due}.count();
        load.latencies_ms.push_back(latency);
        const auto second = static_cast<std::size_t>((peer.due - start_) / std::chrono::seconds{1});
        if (second >= by_second_.size()) by_second_.resize(second + 1);
        by_second_[second].push_back(latency);
        ++load.answers;
        if (!is_200(peer.input)) ++load.not_200;
        peer.input.erase(0, size);
        if (free_.empty()) freed_at_ = now;
        free_.push_back(index);
    }

    const OpenLoad& load_;
    const int poll_;
    std::vector<Peer> peers_;
    std::deque<std::size_t> free_;  // in turns, so that no connection stays idle
    std::array<epoll_event, 64> events_{};
    std::vector<std::vector<float>> by_second_;  // latencies, by when they were due
    SteadyClock::time_point start_;
    SteadyClock::time_point freed_at_;  // when last a connection was free again after none was
    std::size_t next_ = 0;
    std::vector<float> late_ms_;
    OpenResult result_;
};

}  // namespace

WallMicros OpenResult::due(std::size_t n) const {
    return started + std::chrono::duration_cast<std::chrono::microseconds>(offset(n, rate));
}

OpenResult run_open_load(const OpenLoad& load) {
    return Generator{load}.run();
}

}  // namespace pgcourier::bench
