// `pgcourier serve`
#include "base/config_file.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/reload.hpp"
#include "cli/service.hpp"
#include "cli/signals.hpp"

#include <CLI/CLI.hpp>

namespace pgcourier::cli {

void add_serve(CLI::App& app, Chosen& chosen) {
    CLI::App* serve = app.add_subcommand(
        "serve", "Run the service: the roles that PGCOURIER_ROLES names, until SIGTERM");
    serve->footer(
        "SIGHUP reads the file that PGCOURIER_CONFIG_FILE names again and uses its Twilio "
        "credentials and LOG_LEVEL from then on.");
    serve->callback([&chosen] {
        chosen = [] {
            Reloader reloader;
            Config config = reloader.first();
            configure_log(config.log_level, config.log_format);
            hold_signals(Hangup::reloads);
            Service service{std::move(config)};
            const Result<bool> started = service.start();
            if (!started) throw Failure{kFailed, started.error().what};
            if (!*started) return kOk;
            while (wait_for_signal() == Signal::reload) reloader.reload(service);
            service.stop();
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
