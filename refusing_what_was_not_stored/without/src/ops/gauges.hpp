#pragma once
// What /metrics shows of the database: the ops.* views as gauges. Every instance shows the same.

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "pg/connection.hpp"

namespace pgcourier::ops {

/// Reads view by view: one that cannot be read, or takes longer than a second, costs only what it
/// tells. Belongs to one thread.
class Gauges {
  public:
    Gauges();

    /// throws  pg::Error when the connection is lost
    /// SQL     queries/ops/gauges_*.sql
    Samples read(pg::Connection& db);

  private:
    const Log log_{"Metrics"};
    bool can_read_ = true;  // all of them: a failure is told once
};

}  // namespace pgcourier::ops
