#include "ops/telemetry.hpp"

#include <fmt/format.h>

#include <utility>

namespace pgcourier::ops {
namespace {

// A restart of the database is over by then.
constexpr std::chrono::seconds kGone{5};

std::unique_ptr<Poster> poster(const Secret& wanted, PosterOptions options, const Clock& clock) {
    return wanted.empty() ? nullptr : std::make_unique<Poster>(std::move(options), clock);
}

std::unique_ptr<Sentry> sentry(const TelemetryOptions& options, Poster* poster,
                               const Clock& clock) {
    const auto dsn = parse_dsn(options.sentry_dsn);
    if (poster == nullptr || !dsn) return nullptr;
    return std::make_unique<Sentry>(
        *dsn,
        SentrySource{.environment = options.environment,
                     .release = "pgcourier@" + options.version,
                     .server_name = options.host},
        [poster](http::Call call) { poster->post(std::move(call)); }, clock);
}

// What was posted is written down soon after.
Alerts::Post to_hook(const Secret& url, Poster* poster, const std::function<void()>& ask) {
    if (poster == nullptr) return {};
    return [url, poster, ask](const std::string& text, std::function<void(bool)> ended) {
        poster->post({.method = "POST",
                      .url = url.reveal(),
                      .headers = {"Content-Type: application/json"},
                      .body = slack_message(text)},
                     [ended = std::move(ended), ask](bool is_taken) {
                         ended(is_taken);
                         ask();
                     });
    };
}

}  // namespace

Telemetry::Telemetry(const TelemetryOptions& options, std::function<void(Samples&)> live,
                     const std::function<void()>& ask, const Clock& clock)
    : clock_{clock},
      scrape_{*process_metrics(), std::move(live), ask, clock},
      hook_{poster(options.alert_webhook_url, {.to = "alert_webhook", .drain = options.drain},
                   clock)},
      reports_{poster(options.sentry_dsn,
                      {.to = "sentry", .drain = options.drain, .drops_when_limited = true}, clock)},
      sentry_{sentry(options, reports_.get(), clock)},
      alerts_{fmt::format("pgcourier ({})", options.environment), options.alert_interval,
              to_hook(options.alert_webhook_url, hook_.get(), ask), clock},
      answered_at_{clock.steady_now()} {
    gauge("pgcourier_build_info", "Which program this is; always 1.",
          {{"version", options.version}, {"roles", options.roles}})
        .Set(1);
    if (sentry_) receiver_.emplace([this](const Incident& i) { sentry_->report(i); });
    if (hook_)
        hook_thread_ = std::jthread{[this](std::stop_token stop) { hook_->run(std::move(stop)); }};
    if (reports_)
        reports_thread_ =
            std::jthread{[this](std::stop_token stop) { reports_->run(std::move(stop)); }};
}

Telemetry::~Telemetry() {
    finish();
}

void Telemetry::finish() {
    receiver_.reset();
    hook_thread_.request_stop();
    reports_thread_.request_stop();
    hook_thread_ = {};
    reports_thread_ = {};
}

void Telemetry::say_goodbye(pg::Connection& db) {
    alerts_.settle(db);
}

void Telemetry::add_routes(http::Routes& routes) {
    scrape_.add_route(routes);
}

void Telemetry::besides(pg::Connection& db) {
    scrape_.refresh(db);
    alerts_.look(db);
}

void Telemetry::database_answered(bool answers) {
    scrape_.database_answers(answers);
    const SteadyTime now = clock_.steady_now();
    if (answers) {
        answered_at_ = now;
        told_that_gone_ = false;
        return;
    }
    if (now - answered_at_ < kGone || std::exchange(told_that_gone_, true)) return;
    report_incident(
        {.kind = Incident::Kind::database_gone,
         .component = "Maintenance",
         .what = fmt::format("The database has not answered for {} s",
                             std::chrono::ceil<std::chrono::seconds>(now - answered_at_).count())});
}

}  // namespace pgcourier::ops
