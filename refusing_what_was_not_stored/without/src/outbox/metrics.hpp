#pragma once
// What the outbox counts.

#include "base/metrics.hpp"
#include "outbox/store.hpp"

#include <chrono>
#include <cstddef>
#include <string_view>

namespace pgcourier::outbox {

class SenderMetrics {
  public:
    SenderMetrics();

    /// A message whose call has ended, as it was settled.
    ///
    /// took  of the call; 0: none was made
    void attempted(const Settlement& settlement, std::chrono::nanoseconds took);
    void claimed(std::size_t messages);
    /// An exchange of outcomes and claims with the database.
    void exchanged(std::chrono::nanoseconds took);
    /// What this sender has in hand; the gauges are the sum over the senders of the process.
    void is_busy(std::size_t in_flight, std::size_t unsettled);

  private:
    Histogram& claim_messages_;
    Histogram& exchange_seconds_;
    Histogram& call_seconds_;
    Gauge& in_flight_;
    Gauge& unsettled_;
    std::size_t last_in_flight_ = 0;
    std::size_t last_unsettled_ = 0;
};

/// Times that sending was paused, by the kind of scope: provider, credentials, sender.
Counter& breaker_openings(std::string_view kind);
/// Messages that became dead letters, by what told that they cannot be sent: attempt, look,
/// callback.
Counter& dead_lettered(const char* by);
/// Messages of unknown outcome that were looked up: sent, not_sent, held, failed.
Counter& looks(const char* result);
/// Status callbacks, by what settle_deliveries.sql says of each.
Counter& callbacks(const char* verdict);
/// Leases that ended without an outcome.
Counter& lost_leases();

}  // namespace pgcourier::outbox
