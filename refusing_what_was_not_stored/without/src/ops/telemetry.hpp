#pragma once
// What the service tells of itself, in one piece: /metrics, alerts of ops.health, incidents for
// Sentry. It has no connection to the database of its own; whoever has one calls besides().

#include "base/clock.hpp"
#include "base/incident.hpp"
#include "base/metrics.hpp"
#include "base/secret.hpp"
#include "http/routes.hpp"
#include "ops/alerts.hpp"
#include "ops/post.hpp"
#include "ops/scrape.hpp"
#include "ops/sentry.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace pgcourier::ops {

struct TelemetryOptions {
    std::string version;
    std::string roles;
    std::string host;
    std::string environment;   // production or development
    Secret sentry_dsn;         // empty: nothing is reported
    Secret alert_webhook_url;  // empty: nothing is posted
    std::chrono::milliseconds alert_interval{15'000};
    std::chrono::milliseconds drain{2'000};  // for reports that wait when it ends
};

class Telemetry {
  public:
    /// live  adds to /metrics what is counted outside of the registry; from any thread
    /// ask   has besides() called soon; must not wait
    Telemetry(const TelemetryOptions& options, std::function<void(Samples&)> live,
              const std::function<void()>& ask, const Clock& clock);
    /// As finish().
    ~Telemetry();
    Telemetry(const Telemetry&) = delete;
    Telemetry& operator=(const Telemetry&) = delete;

    /// GET /metrics. The telemetry outlives the routes.
    void add_routes(http::Routes& routes);

    /// What needs the database: after each tick and when it was asked for. On one thread.
    /// throws  pg::Error when the connection is lost
    void besides(pg::Connection& db);
    /// Whether the database answered, be it with an error; on the same thread. One that has not for
    /// a while is an incident, once until it does.
    void database_answered(bool answers);
    /// Sends what waits, for a short time, and takes no more: when those that report have ended.
    void finish();
    /// Writes down what was sent then, so that the next start does not send it again.
    /// throws  pg::Error
    void say_goodbye(pg::Connection& db);

  private:
    const Clock& clock_;
    Scrape scrape_;
    std::unique_ptr<Poster> hook_;     // null: nobody wants alerts
    std::unique_ptr<Poster> reports_;  // null: nobody wants errors
    std::unique_ptr<Sentry> sentry_;   // the same
    Alerts alerts_;
    SteadyTime answered_at_;
    bool told_that_gone_ = false;
    std::optional<IncidentReceiver> receiver_;
    std::jthread hook_thread_;
    std::jthread reports_thread_;
};

}  // namespace pgcourier::ops
