#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace pgcourier {

const std::shared_ptr<Metrics>& process_metrics() {
    static const auto registry = std::make_shared<Metrics>();
    return registry;
}

Counter& counter(const std::string& name, const std::string& help, const Labels& labels) {
    return prometheus::BuildCounter()
        .Name(name)
        .Help(help)
        .Register(*process_metrics())
        .Add(labels);
}

Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*process_metrics()).Add(labels);
}

Histogram& histogram(const std::string& name, const std::string& help, const Buckets& buckets,
                     const Labels& labels) {
    return prometheus::BuildHistogram()
        .Name(name)
        .Help(help)
        .Register(*process_metrics())
        .Add(labels, buckets);
}

const Buckets& seconds_buckets() {
    static const Buckets buckets{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
    return buckets;
}

const Buckets& batch_buckets() {
    static const Buckets buckets{1, 2, 5, 10, 25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000};
    return buckets;
}

void Samples::add_gauge(const std::string& name, const std::string& help, double value,
                        const Labels& labels) {
    add(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
}

void Samples::add_counter(const std::string& name, const std::string& help, double value,
                          const Labels& labels) {
    add(name, help, prometheus::MetricType::Counter, labels).counter.value = value;
}

void Samples::append(const Samples& others) {
    families_.insert(families_.end(), others.families_.begin(), others.families_.end());
}

// A family's samples stand together, whatever the order in which they come.
prometheus::ClientMetric& Samples::add(const std::string& name, const std::string& help,
                                       prometheus::MetricType type, const Labels& labels) {
    auto family = std::ranges::find(families_, name, &prometheus::MetricFamily::name);
    if (family == families_.end()) {
        families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
        family = std::prev(families_.end());
    }
    prometheus::ClientMetric& metric = family->metric.emplace_back();
    for (const auto& [key, value] : labels) metric.label.push_back({key, value});
    return metric;
}

std::string to_text(const Metrics& metrics, const Samples& more) {
    std::vector<prometheus::MetricFamily> families = metrics.Collect();
    families.insert(families.end(), more.families().begin(), more.families().end());
    return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace pgcourier
