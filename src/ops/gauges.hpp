#pragma once
// What /metrics shows of the database: the ops.* views as gauges. Every instance shows the same.

#include "base/metrics.hpp"
#include "pg/connection.hpp"

namespace pgcourier::ops {

/// throws  pg::Error
/// SQL     queries/ops/gauges.sql
Samples read_gauges(pg::Connection& db);

}  // namespace pgcourier::ops
