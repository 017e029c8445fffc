#pragma once
// What Twilio's status callbacks said, merged into messages_out: delivery_status in the order of
// states, and the outcome of a send that nobody else knows. Reads delivery_events, which the router
// fills.

#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/wake.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

namespace pgcourier::outbox {

/// How long a number sends nothing after a callback told this code of one of its messages.
///
/// returns  nullopt: the code says nothing against the number
std::optional<std::chrono::milliseconds> pause_of(int code);

class Delivery {
  public:
    /// wake  notified when there may be new delivery_events; outlives this
    Delivery(pg::ConnectOptions options, Wake& wake, std::uint64_t seed);

    /// Settles one batch of callbacks. A callback of an attempt that is in flight or of unknown
    /// outcome makes its message `sent`; late and repeated ones change nothing. A message that
    /// Twilio took and could not deliver is a dead letter; 21610 of it records the opt-out, and an
    /// error of the sending number stops that number for a while (`pause_of`).
    ///
    /// returns  how many callbacks it settled
    /// throws   pg::Error; after CommitUnknown, doing it again is safe
    /// SQL queries/outbox/{settle_deliveries,promote,record_optout,open_sender_scope,notify}.sql
    std::size_t run_once();
    /// Settles until stop is requested. Blocks: give it a thread.
    void run(std::stop_token stop);

  private:
    void record_opt_outs();
    void record_each_alone();
    void be_careful(const pg::Error& error);

    pg::ConnectOptions options_;
    Wake& wake_;
    Rng rng_;
    Log log_{"Delivery"};
    std::optional<pg::Connection> db_;
    bool was_locked_ = false;          // the last batch left some for the next time
    bool skips_locked_ = false;        // somebody's open transaction has held us up
    int careful_for_ = 0;              // so many batches of one callback each
    std::set<std::string> opted_out_;  // messages whose recipients are to be recorded
};

}  // namespace pgcourier::outbox
