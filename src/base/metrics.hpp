#pragma once
// The process's metrics, as prometheus-cpp keeps them. Names and units follow Prometheus's
// conventions; no tenant and no number is ever a label.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>

namespace pgcourier {

using Metrics = prometheus::Registry;

/// A registry for the whole process; lives as long as the program.
const std::shared_ptr<Metrics>& process_metrics();

/// The registry as Prometheus's text format.
std::string to_text(const Metrics& metrics);

}  // namespace pgcourier
