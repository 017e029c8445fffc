#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace pgcourier {

const std::shared_ptr<Metrics>& process_metrics() {
    static const auto registry = std::make_shared<Metrics>();
    return registry;
}

std::string to_text(const Metrics& metrics) {
    return prometheus::TextSerializer{}.Serialize(metrics.Collect());
}

}  // namespace pgcourier
