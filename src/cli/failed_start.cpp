#include "cli/failed_start.hpp"

#include "cli/cli.hpp"
#include "maintenance/instance.hpp"
#include "ops/telemetry.hpp"

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

bool is_about_signing_key(std::string_view why) {
    return why.starts_with("TWILIO_AUTH_TOKEN:");
}

}  // namespace

void report_failed_start(const Environment& environment, std::string_view why) {
    EnvironmentReader env{environment};
    const Secret dsn = env.secret("SENTRY_DSN");
    if (!parse_dsn(dsn)) return;
    // Ends by sending what waits.
    const ops::Telemetry telemetry{
        {.version = kVersion,
         .roles = "none",
         .host = maintenance::this_instance(kVersion, {}).host,
         .environment = is_development(env) ? "development" : "production",
         .sentry_dsn = dsn,
         .drain = kPatience},
        [](Samples&) {},
        [] {},
        system_clock()};
    report_incident({.kind = is_about_signing_key(why) ? Incident::Kind::signing_key_missing
                                                       : Incident::Kind::start_failed,
                     .component = "Start",
                     .what = std::string{why}});
}

}  // namespace pgcourier::cli
