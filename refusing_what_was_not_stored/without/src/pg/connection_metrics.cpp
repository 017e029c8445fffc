#include "pg/connection_metrics.hpp"

namespace pgcourier::pg {
namespace {

Counter& errors(const std::string& role, const char* kind) {
    return counter("pgcourier_database_errors_total",
                   "Errors of the database, by whose connection it was and by kind: lost (no "
                   "answer, no connection), retryable (deadlock, timeout, out of something), "
                   "refused.",
                   {{"role", role}, {"kind", kind}});
}

}  // namespace

ConnectionMetrics::ConnectionMetrics(const std::string& role)
    : open_{&gauge("pgcourier_database_connections", "Open connections to the database.",
                   {{"role", role}})},
      exchange_{&histogram("pgcourier_database_exchange_seconds",
                           "How long an exchange with the database took, however many statements "
                           "it had.",
                           seconds_buckets(), {{"role", role}})},
      lost_{&errors(role, "lost")},
      again_{&errors(role, "retryable")},
      refused_{&errors(role, "refused")} {}

void ConnectionMetrics::failed(const Error& error) const {
    (error.is_lost() ? lost_ : error.is_retryable() ? again_ : refused_)->Increment();
}

}  // namespace pgcourier::pg
