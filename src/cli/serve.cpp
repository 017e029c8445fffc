// `pgcourier serve`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/failed_start.hpp"
#include "cli/reload.hpp"
#include "cli/service.hpp"
#include "cli/signals.hpp"

#include <CLI/CLI.hpp>

namespace pgcourier::cli {
namespace {

/// returns  false when the process was told to end meanwhile. throws Failure, pg::Error
bool start(Reloader& reloader, std::optional<Service>& service) {
    Config config = reloader.first();
    configure_log(config.log_level, config.log_format);
    reloader.warn_of_lines_without_effect();
    const Result<bool> started = service.emplace(std::move(config)).start();
    if (!started) throw Failure{kFailed, started.error().what};
    return *started;
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
    CLI::App* serve = app.add_subcommand(
        "serve", "Run the service: the roles that PGCOURIER_ROLES names, until SIGTERM");
    serve->footer(
        "SIGHUP reads the file that PGCOURIER_CONFIG_FILE names again and uses its Twilio "
        "credentials and LOG_LEVEL from then on, and the certificate in TLS_CERT_FILE.");
    serve->callback([&chosen] {
        chosen = [] {
            hold_signals(Hangup::reloads);
            Reloader reloader;
            std::optional<Service> service;
            try {
                if (!start(reloader, service)) return kOk;
            } catch (const std::exception& e) {
                service.reset();
                report_failed_start(reloader.environment(), e);
                throw;
            }
            while (wait_for_signal() == Signal::reload) reloader.reload(*service);
            service->stop();
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
