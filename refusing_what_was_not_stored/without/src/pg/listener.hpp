#pragma once
// The one connection of the process that LISTENs, outside any transaction, and wakes whoever asked
// for a channel. It carries no data: a lost notification costs time, never a message, since every
// stage also polls.

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/rng.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace pgcourier::pg {

struct Subscription {
    std::string channel;  // a name of ours: letters and underscores
    std::function<void()>
        on_wake;  // called on the listener's thread; also once after each (re)connect
};

class Listener {
  public:
    /// on_working  told at each change, and after the first probe, whether notifications arrive; on
    ///             the listener's thread
    Listener(ConnectOptions options, std::vector<Subscription> subscriptions,
             std::function<void(bool)> on_working = {});

    /// Listens until stop is requested; reconnects by itself. Blocks: give it a thread.
    void run(std::stop_token stop);

    /// Whether notifications are known to arrive: a probe did.
    bool is_working() const { return works_; }

  private:
    void listen(std::stop_token stop);
    bool probe(Connection& connection, const std::stop_token& stop);
    /// returns  false when nothing arrived within `timeout`; a stop counts as an arrival
    bool wait_readable(int socket, std::chrono::milliseconds timeout);
    void dispatch(PGconn* conn);
    void note_works(bool works);

    ConnectOptions options_;
    std::vector<Subscription> subscriptions_;
    std::function<void(bool)> on_working_;
    Log log_{"Listener"};
    Rng rng_;
    std::atomic<bool> works_{false};
    Gauge& working_;
    Counter& notifications_;
    bool told_that_it_polls_ = false;
    int stop_fd_ = -1;  // readable once stop is requested
};

}  // namespace pgcourier::pg
