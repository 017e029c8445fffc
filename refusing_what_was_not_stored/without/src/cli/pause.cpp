// `pgcourier pause`, `resume`, `pauses`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/tenants.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

namespace pgcourier::cli {
namespace {

struct Options {
    std::string tenant;
    std::string sender;
    std::string reason;
    std::string by;
    bool as_json = false;
};

int act(const pg::Statement& statement, const Options& options) {
    pg::Connection db = connect();
    std::string scope = "all";
    std::optional<std::string> id;
    if (!options.tenant.empty()) {
        scope = "tenant";
        // What was paused may be gone, and its pause is not.
        id = &statement == &sql::cli::resume ? find_tenant_or_gone(db, options.tenant)
                                             : find_tenant(db, options.tenant);
    } else if (!options.sender.empty()) {
        scope = "sender";
        id = checked_number(options.sender);
    }
    const auto reason = options.reason.empty() ? std::nullopt : std::optional{options.reason};
    const auto by = options.by.empty() ? std::nullopt : std::optional{options.by};
    tell_result(db.exec(statement, pg::Params{scope, id, reason, by})[0].string(0),
                options.as_json);
    return kOk;
}

void add_act(CLI::App& app, Chosen& chosen, const char* name, const char* about,
             const pg::Statement& statement) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(name, about);
    CLI::Option* tenant =
        command->add_option("--tenant", options->tenant, "Only this shop: its id, number or name");
    command->add_option("--sender", options->sender, "Only this sending number, like +33700000001")
        ->excludes(tenant);
    command->add_option("--reason", options->reason, "Why; kept in event_log");
    command->add_option("--by", options->by,
                        "Who does it, for event_log; without it the database user");
    command->add_flag("--json", options->as_json, "Print JSON");
    command->callback([&chosen, options, &statement] {
        chosen = [options, &statement] { return act(statement, *options); };
    });
}

}  // namespace

void add_pause(CLI::App& app, Chosen& chosen) {
    add_act(app, chosen, "pause", "Send nothing more until it is resumed; restarts do not matter",
            sql::cli::pause);
    add_act(app, chosen, "resume", "Go on with what was paused", sql::cli::resume);

    const auto options = std::make_shared<Options>();
    CLI::App* list =
        app.add_subcommand("pauses", "List what is paused, and which breakers are open");
    list->add_flag("--json", options->as_json, "Print JSON");
    list->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            print_rows(db.exec(sql::cli::pauses), options->as_json, "Nothing is paused.");
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
