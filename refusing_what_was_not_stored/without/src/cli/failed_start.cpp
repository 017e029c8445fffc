#include "cli/failed_start.hpp"

#include "base/incident.hpp"
#include "cli/cli.hpp"
#include "maintenance/instance.hpp"
#include "ops/telemetry.hpp"

#include <fmt/format.h>

#include <optional>

namespace pgcourier::cli {
namespace {

constexpr std::chrono::seconds kPatience{5};

// As read_config finds it; a value that is wrong counts as production.
bool is_development(const EnvironmentReader& env) {
    const std::string named = lower(env.text("PGCOURIER_ENV").value_or(""));
    if (!named.empty()) return named == "development";
    const std::string node = lower(env.text("NODE_ENV").value_or(""));
    return node == "development" || node == "test";
}

Incident incident(Incident::Kind kind, std::string what) {
    return {.kind = kind, .component = "Start", .what = std::move(what)};
}

// Words of ours only: those of PostgreSQL may quote a value.
std::optional<Incident> incident_of(const std::exception& why) {
    const std::string_view what = why.what();
    if (dynamic_cast<const DatabaseAway*>(&why) != nullptr) return std::nullopt;
    if (const auto* failure = dynamic_cast<const Failure*>(&why)) {
        if (what.starts_with("TWILIO_AUTH_TOKEN:"))
            return incident(Incident::Kind::signing_key_missing, std::string{what});
        if (failure->exit_code() == kUsage) return std::nullopt;
        return incident(Incident::Kind::start_failed, std::string{what});
    }
    if (const auto* error = dynamic_cast<const pg::Error*>(&why)) {
        return incident(Incident::Kind::start_failed,
                        fmt::format("The database did not do what a start needs: SQLSTATE {}",
                                    error->sqlstate().empty() ? "none" : error->sqlstate()));
    }
    return incident(Incident::Kind::start_failed, "The start failed: its output has the reason");
}

}  // namespace

void report_failed_start(const Environment& environment, const std::exception& why) {
    const std::optional<Incident> incident = incident_of(why);
    EnvironmentReader env{environment};
    const Secret dsn = env.secret("SENTRY_DSN");
    if (!incident || !parse_dsn(dsn)) return;
    // Ends by sending what waits.
    const ops::Telemetry telemetry{
        {.version = kVersion,
         .roles = "none",
         .host = maintenance::this_instance(kVersion, {}, {}).host,
         .environment = is_development(env) ? "development" : "production",
         .sentry_dsn = dsn,
         .drain = kPatience},
        [](Samples&) {},
        [] {},
        system_clock()};
    report_incident(*incident);
}

}  // namespace pgcourier::cli
