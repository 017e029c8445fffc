// `pgcourier seller add|remove|list`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/tenants.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <optional>

namespace pgcourier::cli {

void add_seller(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string tenant;
        std::string number;
        std::string by;
        bool as_json = false;
    };
    const auto options = std::make_shared<Options>();
    const auto add_by = [options](CLI::App& command) {
        command.add_option("--by", options->by,
                           "Who does it, for event_log; without it the database user");
    };
    // Adds or takes away the number. returns  whether anything changed
    const auto act = [options](const pg::Statement& statement) {
        const std::string number = checked_number(options->number);
        const auto by = options->by.empty() ? std::nullopt : std::optional{options->by};
        pg::Connection db = connect();
        const std::string tenant = find_tenant(db, options->tenant);
        return !db.exec(statement, pg::Params{tenant, number, by}).empty();
    };
    CLI::App* seller = app.add_subcommand("seller", "The sellers' phone numbers");
    seller->require_subcommand(1);

    CLI::App* add =
        seller->add_subcommand("add", "Messages from this number are a seller's from now on");
    add->add_option("number", options->number, "Like +33612345678")->required();
    add->add_option("--tenant", options->tenant, "The shop: its id, number or name")->required();
    add_by(*add);
    add->add_flag("--json", options->as_json, "Print JSON");
    add->callback([&chosen, options, act] {
        chosen = [options, act] {
            const bool is_new = act(sql::cli::seller_add);
            tell_result(is_new ? "Added." : "Was there already.", options->as_json);
            return kOk;
        };
    });

    CLI::App* remove =
        seller->add_subcommand("remove", "Messages from this number are a client's again");
    remove->add_option("number", options->number, "Like +33612345678")->required();
    remove->add_option("--tenant", options->tenant, "The shop: its id, number or name")->required();
    add_by(*remove);
    remove->add_flag("--json", options->as_json, "Print JSON");
    remove->callback([&chosen, options, act] {
        chosen = [options, act] {
            if (!act(sql::cli::seller_remove)) {
                throw Failure{kFailed, "the shop has no seller with this number"};
            }
            tell_result("Removed.", options->as_json);
            return kOk;
        };
    });

    CLI::App* list = seller->add_subcommand("list", "List the sellers");
    list->add_option("--tenant", options->tenant, "Of this shop only: its id, number or name");
    list->add_flag("--json", options->as_json, "Print JSON");
    list->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const auto tenant = options->tenant.empty()
                                    ? std::nullopt
                                    : std::optional{find_tenant(db, options->tenant)};
            print_rows(db.exec(sql::cli::seller_list, pg::Params{tenant}), options->as_json,
                       "No seller yet.");
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
