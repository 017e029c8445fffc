#pragma once
// Reports that leave the house: alerts and errors, posted to one receiver by a thread of its own.
// Nobody waits for it: what it cannot keep or deliver is dropped and counted.

#include "base/bounded_queue.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "http/client.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

namespace pgcourier::ops {

struct PosterOptions {
    std::string to;  // as metrics and the log call the receiver
    std::size_t queue = 100;
    int attempts = 3;
    std::chrono::milliseconds pause{1'000};  // after the first failure; four times that after each
    std::chrono::milliseconds timeout{5'000};
    std::chrono::milliseconds drain{2'000};  // at the end, for what is waiting
    /// 429: what comes within Retry-After is dropped, as Sentry wants it; else it waits so long.
    bool drops_when_limited = false;
    std::string ca_file{};  // empty: the system's certificates
};

class Poster {
  public:
    Poster(PosterOptions options, const Clock& clock);

    /// Takes a call over; its timeout is set here. From any thread; never waits.
    ///
    /// ended    told once whether the receiver took it: on the thread that posts, or at once when
    ///          it was dropped
    /// returns  false when too much is waiting: it was dropped and counted
    bool post(http::Call call, std::function<void(bool is_sent)> ended = {});

    /// Posts until stop is requested, then what is waiting, for a short time. Blocks: give it a
    /// thread.
    void run(std::stop_token stop);

    enum class Ended { sent, refused, limited, failed };

  private:
    struct Report {
        http::Call call;
        std::function<void(bool)> ended;
    };
    void deliver(const Report& report, const std::stop_token& stop);
    Ended try_to_deliver(const http::Call& call, const std::stop_token& stop);
    Ended attempt(const http::Call& call, std::chrono::milliseconds& wait);
    bool is_quiet() const { return clock_.steady_now() < quiet_until_; }
    Counter& posts(const char* result) const;

    const PosterOptions options_;
    const Clock& clock_;
    const Log log_{"Reports"};
    BoundedQueue<Report> queue_;
    http::Client client_;
    SteadyTime quiet_until_;
    SteadyTime ends_at_ = SteadyTime::max();  // once a stop was requested
    bool was_delivered_ = true;               // the last one: a failure is told once
};

}  // namespace pgcourier::ops
