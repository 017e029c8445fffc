// `pgcourier events --correlation ID [--follow]`
#include "base/wake.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace pgcourier::cli {

void add_events(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string id;
        bool follow = false;
        bool as_json = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* events =
        app.add_subcommand("events", "Show all that happened to one message, in order");
    events
        ->add_option("--correlation", options->id,
                     "A correlation id, or a message's or Twilio's id of it")
        ->required();
    events->add_flag("--follow", options->follow, "Go on showing what happens, until Ctrl-C");
    events->add_flag("--json", options->as_json, "Print JSON");
    events->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            std::int64_t shown = 0;
            while (true) {
                const pg::Rows rows =
                    db.exec(sql::cli::events_trace, pg::Params{options->id, shown});
                if (shown == 0 && rows.empty() && !options->follow) {
                    throw Failure{kFailed, "nothing is known of " + options->id};
                }
                if (!rows.empty()) print_rows(rows, options->as_json, "");
                std::fflush(stdout);
                shown += rows.size();
                if (!options->follow) return kOk;
                Wake{}.wait_for(std::stop_token{}, std::chrono::seconds{1});
            }
        };
    });
}

}  // namespace pgcourier::cli
