#pragma once
// Group commit: many requests, one transaction. While one batch commits, the next fills; nothing
// waits for a batch to be full. An event is answered only after its COMMIT.

#include "base/bounded_queue.hpp"
#include "base/clock.hpp"
#include "inbox/event.hpp"
#include "inbox/lane.hpp"
#include "pg/connection.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <stop_token>

namespace pgcourier::inbox {

struct WriterOptions {
    std::size_t batch_events =
        500;  // measured: 500 a transaction, 54k rows a second on one connection
    std::size_t queue_events = 10'000;
    std::size_t queue_bytes = std::size_t{64} << 20;
    // Called after each transaction that may have stored something, on the writer's thread; returns
    // at once.
    std::function<void()> on_written{};
};

class Writer {
  public:
    /// options  its timeouts and role are replaced by the inbox's own
    Writer(pg::ConnectOptions options, const Clock& clock, WriterOptions sizes = {});
    /// Answers what no run() took with NotStored, stopping.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Hands an event over, from any thread; never waits.
    ///
    /// deadline  until when somebody waits for it; an event that was not written by then is dropped
    /// done      called once, on the writer's thread, with what became of it
    /// returns   false when too much is waiting or the writer is stopping; no `done` then
    bool submit(NewEvent event, SteadyTime deadline, Done done);

    /// Writes until stop is requested, then what was accepted before, and returns. A connection of
    /// its own; several threads may run it.
    void run(std::stop_token stop);

    /// How many events are waiting for a transaction.
    std::size_t waiting() const { return queue_.size(); }

  private:
    const pg::ConnectOptions options_;
    const Clock& clock_;
    const WriterOptions sizes_;
    BoundedQueue<Waiting> queue_;
    std::atomic<std::size_t> bytes_{0};  // of what is in queue_
    std::atomic<bool> is_closed_{false};
};

}  // namespace pgcourier::inbox
