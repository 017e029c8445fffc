#pragma once
// What Twilio's status callbacks said, merged into messages_out: delivery_status in the order of
// states, and the outcome of a send that nobody else knows. Reads delivery_events, which the router
// fills.

#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "pg/connection.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>

namespace pgcourier::outbox {

class Delivery {
  public:
    /// wake  notified when there may be new delivery_events; outlives this
    Delivery(pg::ConnectOptions options, Wake& wake, std::uint64_t seed);

    /// Settles one batch of callbacks. A callback of an attempt that is in flight or of unknown
    /// outcome makes its message `sent`; late and repeated ones change nothing.
    ///
    /// returns  how many callbacks it settled
    /// throws   pg::Error; after CommitUnknown, doing it again is safe
    /// SQL      queries/outbox/{settle_deliveries,promote,notify}.sql
    std::size_t run_once();
    /// Settles until stop is requested. Blocks: give it a thread.
    void run(std::stop_token stop);

  private:
    pg::ConnectOptions options_;
    Wake& wake_;
    Rng rng_;
    Log log_{"Delivery"};
    std::optional<pg::Connection> db_;
};

}  // namespace pgcourier::outbox
