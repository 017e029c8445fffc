#pragma once
// What the router counts.

#include "base/metrics.hpp"
#include "router/decide.hpp"

#include <chrono>

namespace pgcourier::router {

class WorkerMetrics {
  public:
    WorkerMetrics();

    /// A batch whose effects are committed.
    ///
    /// took  from its claim on
    void routed_batch(std::size_t events, std::chrono::nanoseconds took);
    /// One event of it.
    ///
    /// is_repeated  its message had been stored before
    /// took         since the event was received
    void routed(const Decision& decision, bool is_repeated, std::chrono::nanoseconds took);
    void dead_lettered() { dead_lettered_.Increment(); }

  private:
    Counter& client_;
    Counter& seller_;
    Counter& no_tenant_;
    Counter& duplicate_;
    Counter& status_;
    Counter& other_;
    Counter& dead_lettered_;
    Histogram& claim_events_;
    Histogram& batch_seconds_;
    Histogram& processing_seconds_;
};

}  // namespace pgcourier::router
