#include "router/metrics.hpp"

namespace pgcourier::router {
namespace {

Counter& events(const char* type) {
    return counter(
        "pgcourier_events_routed_total",
        "Events whose routing was committed, by what they were: a message of a client or "
        "a seller, to a number that no tenant has, one stored before, a status "
        "callback, other.",
        {{"type", type}});
}

}  // namespace

WorkerMetrics::WorkerMetrics()
    : client_{events("client")},
      seller_{events("seller")},
      no_tenant_{events("no_tenant")},
      duplicate_{events("duplicate")},
      status_{events("status")},
      other_{events("other")},
      dead_lettered_{counter("pgcourier_events_dead_lettered_total", "Events that were given up.")},
      claim_events_{histogram("pgcourier_router_claim_events", "Events of one claim of the router.",
                              batch_buckets())},
      batch_seconds_{histogram("pgcourier_router_batch_seconds",
                               "Deciding about a claimed batch and writing it back, to its COMMIT.",
                               seconds_buckets())},
      processing_seconds_{histogram("pgcourier_event_processing_seconds",
                                    "From the receipt of an event to the COMMIT of its routing.",
                                    seconds_buckets())} {}

void WorkerMetrics::routed_batch(std::size_t events, std::chrono::nanoseconds took) {
    claim_events_.Observe(static_cast<double>(events));
    batch_seconds_.Observe(in_seconds(took));
}

void WorkerMetrics::routed(const Decision& decision, bool is_repeated,
                           std::chrono::nanoseconds took) {
    processing_seconds_.Observe(in_seconds(took));
    const auto* stored = std::get_if<StoreMessage>(&decision);
    if (stored == nullptr) {
        (std::holds_alternative<HandOver>(decision) ? status_ : other_).Increment();
    } else if (is_repeated) {
        duplicate_.Increment();
    } else {
        switch (stored->type) {
            case MessageType::client:
                return client_.Increment();
            case MessageType::seller:
                return seller_.Increment();
            case MessageType::unknown_tenant:
                return no_tenant_.Increment();
        }
    }
}

}  // namespace pgcourier::router
