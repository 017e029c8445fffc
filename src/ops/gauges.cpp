#include "ops/gauges.hpp"

#include "ops/patience.hpp"
#include "sql/ops.hpp"

namespace pgcourier::ops {
namespace {

struct Shown {
    std::string_view metric;  // as gauges.sql names it
    const char* name;
    const char* label;
    const char* help;
};

constexpr Shown kShown[] = {
    {"queue_depth", "pgcourier_queue_depth", "queue",
     "Rows that wait in a queue, those for later among them (ops.queue_depth)."},
    {"queue_in_flight", "pgcourier_queue_in_flight", "queue", "Messages under a lease."},
    {"queue_delayed", "pgcourier_queue_delayed", "queue",
     "Rows that wait for a later time, after a failure or by wish."},
    {"queue_oldest", "pgcourier_queue_oldest_age_seconds", "queue",
     "How long the oldest row has been waiting; for messages, since it was due."},
    {"health_state", "pgcourier_health_state", "figure",
     "The figures of ops.health: 0 ok, 1 warning, 2 alert."},
    {"health_figure", "pgcourier_health_figure", "figure",
     "The values of ops.health, each in the unit that its name tells."},
    {"breakers_open", "pgcourier_breakers_open", "scope",
     "Of what sending is paused because it does not work (ops.breakers)."},
    {"pauses", "pgcourier_pauses", "scope", "What people have paused (ops.pauses)."},
    {"dead_letters", "pgcourier_dead_letters", "job_type",
     "Dead letters that wait for a person, to 10,000 (ops.dead_letters)."},
    {"backfills", "pgcourier_backfills", "state",
     "Gaps for which Twilio's list is being read; failing: it cannot be (ops.backfills)."},
    {"instances", "pgcourier_instances", "state",
     "Processes on this database; silent ones were not heard for 30 s."},
};

}  // namespace

Samples read_gauges(pg::Connection& db) {
    Samples samples;
    for (const pg::Row row : exec_patiently(db, sql::ops::gauges)) {
        const auto shown = std::ranges::find(kShown, row.text(0), &Shown::metric);
        if (shown == std::end(kShown))
            throw std::logic_error{"gauges.sql has a metric that we do not know"};
        samples.add_gauge(shown->name, shown->help, row.number(2), {{shown->label, row.string(1)}});
    }
    return samples;
}

}  // namespace pgcourier::ops
