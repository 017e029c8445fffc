#include "outbox/metrics.hpp"

#include "twilio/error_codes.hpp"

#include <string>

namespace pgcourier::outbox {
namespace {

Counter& attempts(std::string_view outcome, const std::string& code) {
    return counter("pgcourier_send_attempts_total",
                   "Attempts at sending a message, by what became of it and Twilio's error code "
                   "(none; other: one that is not in our table).",
                   {{"outcome", std::string{outcome}}, {"code", code}});
}

// A code is a label only when it is known: what comes from outside must not make metrics without
// end.
std::string label_of(int code) {
    if (code == 0) return "none";
    return twilio::find_error(code) ? std::to_string(code) : "other";
}

}  // namespace

SenderMetrics::SenderMetrics()
    : claim_messages_{histogram("pgcourier_outbox_claim_messages",
                                "Messages of one claim of the sender; claims that found none are "
                                "not counted.",
                                batch_buckets())},
      exchange_seconds_{histogram("pgcourier_outbox_exchange_seconds",
                                  "How long the sender took to write outcomes back and to claim.",
                                  seconds_buckets())},
      call_seconds_{histogram("pgcourier_send_call_seconds",
                              "How long calls to Twilio took, whatever came of them.",
                              seconds_buckets())},
      in_flight_{gauge("pgcourier_send_calls_in_flight", "Calls to Twilio right now.")},
      unsettled_{gauge("pgcourier_send_unsettled_messages",
                       "Outcomes that the database does not have yet.")} {
    for (const Settled status :
         {Settled::sent, Settled::failed, Settled::dead, Settled::unknown, Settled::pending})
        attempts(to_text(status), "none");
    for (const char* scope : {"provider", "credentials", "sender"}) breaker_openings(scope);
    dead_lettered("attempt");
    lost_leases();
}

void SenderMetrics::attempted(const Settlement& settlement, std::chrono::nanoseconds took) {
    attempts(to_text(settlement.status), label_of(settlement.code)).Increment();
    if (settlement.status == Settled::dead) dead_lettered("attempt").Increment();
    if (took.count() > 0) call_seconds_.Observe(in_seconds(took));
}

void SenderMetrics::claimed(std::size_t messages) {
    if (messages > 0) claim_messages_.Observe(static_cast<double>(messages));
}

void SenderMetrics::exchanged(std::chrono::nanoseconds took) {
    exchange_seconds_.Observe(in_seconds(took));
}

void SenderMetrics::is_busy(std::size_t in_flight, std::size_t unsettled) {
    const auto add = [](Gauge& gauge, std::size_t& last, std::size_t now) {
        gauge.Increment(static_cast<double>(now) - static_cast<double>(last));
        last = now;
    };
    add(in_flight_, last_in_flight_, in_flight);
    add(unsettled_, last_unsettled_, unsettled);
}

Counter& breaker_openings(std::string_view kind) {
    return counter("pgcourier_breaker_openings_total",
                   "Times that sending was paused, by what did not work.",
                   {{"scope", std::string{kind}}});
}

Counter& dead_lettered(const char* by) {
    return counter("pgcourier_messages_dead_lettered_total",
                   "Messages that became dead letters, by what told that they cannot be sent.",
                   {{"by", by}});
}

Counter& looks(const char* result) {
    return counter("pgcourier_looks_total",
                   "Messages of unknown outcome that were looked up, by what came of it.",
                   {{"result", result}});
}

Counter& callbacks(const char* verdict) {
    return counter("pgcourier_delivery_callbacks_total",
                   "Status callbacks that were dealt with, by what they did: settles (made its "
                   "message sent), settles late, merges, contradicts, unknown.",
                   {{"verdict", verdict}});
}

Counter& lost_leases() {
    return counter("pgcourier_leases_expired_total",
                   "Leases that ended without an outcome: their messages became unknown.");
}

}  // namespace pgcourier::outbox
