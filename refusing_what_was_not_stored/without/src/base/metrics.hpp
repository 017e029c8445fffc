#pragma once
// The process's metrics, as prometheus-cpp keeps them. Names and units follow Prometheus's
// conventions; no tenant and no number is ever a label. Whoever counts something registers it when
// it is made and not at the first event, so that a rate has a zero to start from.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pgcourier {

using Metrics = prometheus::Registry;
using Labels = prometheus::Labels;
using Counter = prometheus::Counter;
using Gauge = prometheus::Gauge;
using Histogram = prometheus::Histogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

/// A registry for the whole process; lives as long as the program.
const std::shared_ptr<Metrics>& process_metrics();

/// The process's metric of this name and these labels, made at the first call. `help` and `buckets`
/// are those of the first call.
Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
Histogram& histogram(const std::string& name, const std::string& help, const Buckets& buckets,
                     const Labels& labels = {});

/// From a millisecond to ten seconds: work with the database, calls, what people wait for.
const Buckets& seconds_buckets();
/// From one to ten thousand: how many rows a batch has.
const Buckets& batch_buckets();

/// A duration as Prometheus wants it.
template <class Duration>
double in_seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

/// One more in a gauge for as long as this lives.
class Counted {
  public:
    explicit Counted(Gauge& gauge) : gauge_{&gauge} { gauge_->Increment(); }
    Counted(Counted&& other) noexcept : gauge_{std::exchange(other.gauge_, nullptr)} {}
    Counted& operator=(Counted&& other) noexcept {
        std::swap(gauge_, other.gauge_);
        return *this;
    }
    ~Counted() {
        if (gauge_ != nullptr) gauge_->Decrement();
    }

  private:
    Gauge* gauge_;
};

/// Metrics that are made for one scrape, of what is counted elsewhere.
class Samples {
  public:
    void add_gauge(const std::string& name, const std::string& help, double value,
                   const Labels& labels = {});
    void add_counter(const std::string& name, const std::string& help, double value,
                     const Labels& labels = {});
    void append(const Samples& others);
    const std::vector<prometheus::MetricFamily>& families() const { return families_; }

  private:
    prometheus::ClientMetric& add(const std::string& name, const std::string& help,
                                  prometheus::MetricType type, const Labels& labels);
    std::vector<prometheus::MetricFamily> families_;
};

/// The registry, and further samples, as Prometheus's text format.
std::string to_text(const Metrics& metrics, const Samples& more = {});

}  // namespace pgcourier
