#include "outbox/telling.hpp"

#include "base/address.hpp"
#include "base/incident.hpp"
#include "outbox/metrics.hpp"

namespace pgcourier::outbox {

using std::chrono::milliseconds;

void tell_of(const Log& log, const Claimed& message, const Settlement& s,
             std::chrono::nanoseconds call) {
    const auto took = std::chrono::duration_cast<milliseconds>(call);
    const auto tell = [&](auto write, std::string_view words) {
        (log.*write)(words, {{"correlationId", message.correlation_id.value},
                             {"messageId", message.id.value},
                             {"tenantId", message.tenant_id.value},
                             {"to", masked(message.to)},
                             {"attempt", message.attempt},
                             {"reason", s.reason},
                             {"retryInMs", s.wait.count()},
                             {"durationMs", took.count()}});
    };
    switch (s.status) {
        case Settled::sent:
            log.info("Message sent successfully", {{"correlationId", message.correlation_id.value},
                                                   {"messageId", message.id.value},
                                                   {"tenantId", message.tenant_id.value},
                                                   {"to", masked(message.to)},
                                                   {"providerMessageId", s.message_sid},
                                                   {"attempt", message.attempt},
                                                   {"durationMs", took.count()}});
            break;
        case Settled::failed:
            tell(&Log::warn, "Message failed, will be tried again");
            break;
        case Settled::pending:
            tell(&Log::warn, "Message put back: its failure is not its own");
            break;
        case Settled::dead:
            tell(&Log::error, "Message given up: dead letter written");
            report_incident({.kind = Incident::Kind::dead_letter,
                             .component = "Worker",
                             .what = "Message given up: " + s.reason,
                             .correlation_id = message.correlation_id.value});
            break;
        case Settled::unknown:
            tell(&Log::error, "Outcome unknown: the message may have been sent and is put aside");
            break;
    }
}

// A scope is told with its number masked: sender:+336…78.
void tell_of(const Log& log, const Scope& scope) {
    const std::size_t colon = scope.name.find(':');
    const std::string kind = scope.name.substr(0, colon);
    const std::string which =
        kind == "sender" ? "sender:" + masked(scope.name.substr(colon + 1)) : scope.name;
    if (scope.is_opening) {
        breaker_openings(kind).Increment();
        report_incident({.kind = Incident::Kind::breaker_open,
                         .component = "Worker",
                         .what = "Sending paused (" + kind + "): " + scope.reason});
        log.error("Sending paused: no attempt is used, a probe finds out when it works again",
                  {{"scope", which},
                   {"reason", scope.reason},
                   {"code", scope.code},
                   {"probeInMs", scope.probe_in.value_or(milliseconds{0}).count()}});
    }
    if (scope.is_closing) log.info("Sending resumed", {{"scope", which}});
}

}  // namespace pgcourier::outbox
