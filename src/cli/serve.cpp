// `pgcourier serve`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/failed_start.hpp"
#include "cli/service.hpp"
#include "cli/signals.hpp"

#include <CLI/CLI.hpp>

namespace pgcourier::cli {
namespace {

/// returns  false when the process was told to end meanwhile. throws Failure, pg::Error
bool start(std::optional<Service>& service) {
    Config config = config_for(Needs::service);
    configure_log(config.log_level, config.log_format);
    const Result<bool> started = service.emplace(std::move(config)).start();
    if (!started) throw Failure{kFailed, started.error().what};
    return *started;
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
    CLI::App* serve = app.add_subcommand(
        "serve", "Run the service: the roles that PGCOURIER_ROLES names, until SIGTERM");
    serve->callback([&chosen] {
        chosen = [] {
            hold_signals();
            std::optional<Service> service;
            try {
                if (!start(service)) return kOk;
            } catch (const std::exception& e) {
                service.reset();
                report_failed_start(process_environment, e.what());
                throw;
            }
            wait_for_end();
            service->stop();
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
