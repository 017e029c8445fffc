// `pgcourier optout list|add|remove`
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
    std::string address;
    std::string reason;
    std::string by;
    std::int64_t limit = 100;
    bool as_json = false;
};

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

void add_act(CLI::App& command, Options& options) {
    command
        .add_option("number", options.address,
                    "The person's number, like +33612345678, or WhatsApp user id")
        ->required();
    command.add_option("--tenant", options.tenant, "The shop: its id, number or name")->required();
    command.add_option("--reason", options.reason, "Why; kept in event_log");
    command.add_option("--by", options.by,
                       "Who does it, for event_log; without it the database user");
    command.add_flag("--json", options.as_json, "Print JSON");
}

pg::Rows act(const pg::Statement& statement, const Options& options) {
    const std::string address = checked_address(options.address);
    pg::Connection db = connect();
    const std::string tenant = find_tenant(db, options.tenant);
    return db.exec(statement, pg::Params{tenant, address, unless_empty(options.reason),
                                         unless_empty(options.by)});
}

// The newest word of a person holds: one that was said in the future, by a clock that was wrong.
Failure newer_word(const char* word) {
    return Failure{kFailed, std::string{"a "} + word +
                                " of this person has a later time than now: see opt_out_history"};
}

}  // namespace

void add_optout(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* optout = app.add_subcommand("optout", "The people who are not to be written to");
    optout->require_subcommand(1);

    CLI::App* list = optout->add_subcommand("list", "List them, the newest first");
    list->add_option("--tenant", options->tenant, "Of this shop only: its id, number or name");
    list->add_option("--phone", options->address,
                     "Whether this person is: a number, or WhatsApp user id");
    list->add_option("--limit", options->limit, "At most so many rows")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    list->add_flag("--json", options->as_json, "Print JSON");
    list->callback([&chosen, options] {
        chosen = [options] {
            const auto address = options->address.empty()
                                     ? std::nullopt
                                     : std::optional{checked_address(options->address)};
            pg::Connection db = connect();
            const auto tenant = options->tenant.empty()
                                    ? std::nullopt
                                    : std::optional{find_tenant(db, options->tenant)};
            print_rows(db.exec(sql::cli::optout_list, pg::Params{tenant, address, options->limit}),
                       options->as_json,
                       address ? "This person is not opted out." : "Nobody opted out.");
            return kOk;
        };
    });

    CLI::App* add = optout->add_subcommand(
        "add", "Write to this person no more: what waits for them is blocked");
    add_act(*add, *options);
    add->callback([&chosen, options] {
        chosen = [options] {
            const pg::Rows rows = act(sql::cli::optout_add, *options);
            if (!rows[0].boolean(0)) throw newer_word("START");
            tell_result("Opted out; " + rows[0].string(1) + " messages were waiting.",
                        options->as_json);
            return kOk;
        };
    });

    CLI::App* remove = optout->add_subcommand(
        "remove", "This person may be written to again: they said so, elsewhere than on WhatsApp");
    add_act(*remove, *options);
    remove->callback([&chosen, options] {
        chosen = [options] {
            const pg::Rows rows = act(sql::cli::optout_remove, *options);
            if (rows.empty())
                throw Failure{kFailed, "this person is not opted out of that shop's messages"};
            if (rows[0].boolean(1)) throw newer_word("STOP");
            tell_result("May be written to again. What was blocked stays blocked.",
                        options->as_json);
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
