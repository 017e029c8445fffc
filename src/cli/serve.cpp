// `pgcourier serve`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/service.hpp"
#include "cli/signals.hpp"

#include <CLI/CLI.hpp>

namespace pgcourier::cli {

void add_serve(CLI::App& app, Chosen& chosen) {
    CLI::App* serve = app.add_subcommand(
        "serve", "Run the service: the roles that PGCOURIER_ROLES names, until SIGTERM");
    serve->callback([&chosen] {
        chosen = [] {
            Config config = config_for(Needs::service);
            configure_log(config.log_level, config.log_format);
            hold_signals();
            Service service{std::move(config)};
            const Result<bool> started = service.start();
            if (!started) throw Failure{kFailed, started.error().what};
            if (!*started) return kOk;
            wait_for_end();
            service.stop();
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
