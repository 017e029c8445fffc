// `pgcourier trace ID`, `pgcourier explain ID`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace pgcourier::cli {
namespace {

struct Options {
    std::string id;
    bool as_json = false;
};

constexpr const char* kIds =
    "Of a message, in or out; or Twilio's id of it, its correlation id, or an event's or a dead "
    "letter's id";

Failure nothing_known(const pg::Rows& explanation) {
    return Failure{kFailed, explanation[0].string(1)};
}

int trace(const Options& options) {
    pg::Connection db = connect();
    const pg::Rows happened = db.exec(sql::cli::events_trace, pg::Params{options.id});
    const pg::Rows explanation = db.exec(sql::cli::explain, pg::Params{options.id});
    if (happened.empty()) throw nothing_known(explanation);
    print_rows(happened, options.as_json, "");
    if (!options.as_json && explanation[0].boolean(0)) {
        say("\n" + explanation[0].string(1));
    }
    return kOk;
}

int explain(const Options& options) {
    pg::Connection db = connect();
    const pg::Rows explanation = db.exec(sql::cli::explain, pg::Params{options.id});
    if (options.as_json) {
        print_record(explanation, true);
    } else if (explanation[0].boolean(0)) {
        say(explanation[0].string(1));
    } else {
        throw nothing_known(explanation);
    }
    return explanation[0].boolean(0) ? kOk : kFailed;
}

void add_one(CLI::App& app, Chosen& chosen, const char* name, const char* what,
             int (*run)(const Options&)) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("id", options->id, kIds)->required();
    command->add_flag("--json", options->as_json, "Print JSON");
    command->callback(
        [&chosen, options, run] { chosen = [options, run] { return run(*options); }; });
}

}  // namespace

void add_trace_and_explain(CLI::App& app, Chosen& chosen) {
    add_one(app, chosen, "trace",
            "Show all that happened to one message, in order, and what happens next", trace);
    add_one(app, chosen, "explain",
            "Say in one sentence why a message has not been sent, and what will happen when",
            explain);
}

}  // namespace pgcourier::cli
