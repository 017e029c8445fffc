#include "cli/live_samples.hpp"

namespace pgcourier::cli {

void add_live_samples(Samples& samples, const http::Server& server, const inbox::Writer* inbox) {
    const http::ServerStats stats = server.stats();
    samples.add_gauge("pgcourier_http_connections", "Open connections to the server.",
                      static_cast<double>(stats.connections));
    samples.add_counter("pgcourier_http_connections_accepted_total", "Connections taken.",
                        static_cast<double>(stats.accepted));
    samples.add_counter("pgcourier_http_requests_total", "Requests given to a route.",
                        static_cast<double>(stats.requests));
    const auto failures = [&samples](const char* reason, std::uint64_t count) {
        samples.add_counter("pgcourier_http_failures_total",
                            "What the server itself ended: connections over the limit, requests "
                            "that cannot be read, peers that were too slow, answers that came too "
                            "late, handshakes of TLS that failed.",
                            static_cast<double>(count), {{"reason", reason}});
    };
    failures("over_limit", stats.over_limit);
    failures("malformed", stats.malformed);
    failures("timed_out", stats.timed_out);
    failures("deadline", stats.deadlines);
    failures("handshake", stats.handshakes);
    if (inbox == nullptr) return;
    samples.add_gauge("pgcourier_inbox_waiting_events",
                      "Events in memory that wait for a transaction of the inbox.",
                      static_cast<double>(inbox->waiting()));
}

}  // namespace pgcourier::cli
