// `pgcourier seller add|remove|list`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/tenants.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

namespace pgcourier::cli {

void add_seller(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string tenant;
        std::string number;
        bool as_json = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* seller = app.add_subcommand("seller", "The sellers' phone numbers");
    seller->require_subcommand(1);

    CLI::App* add =
        seller->add_subcommand("add", "Messages from this number are a seller's from now on");
    add->add_option("number", options->number, "Like +33612345678")->required();
    add->add_option("--tenant", options->tenant, "The shop: its id, number or name")->required();
    add->add_flag("--json", options->as_json, "Print JSON");
    add->callback([&chosen, options] {
        chosen = [options] {
            const std::string number = checked_number(options->number);
            pg::Connection db = connect();
            const std::string tenant = find_tenant(db, options->tenant);
            const bool is_new = !db.exec(sql::cli::seller_add, pg::Params{tenant, number}).empty();
            tell_result(is_new ? "Added." : "Was there already.", options->as_json);
            return kOk;
        };
    });

    CLI::App* remove =
        seller->add_subcommand("remove", "Messages from this number are a client's again");
    remove->add_option("number", options->number, "Like +33612345678")->required();
    remove->add_option("--tenant", options->tenant, "The shop: its id, number or name")->required();
    remove->add_flag("--json", options->as_json, "Print JSON");
    remove->callback([&chosen, options] {
        chosen = [options] {
            const std::string number = checked_number(options->number);
            pg::Connection db = connect();
            const std::string tenant = find_tenant(db, options->tenant);
            if (db.exec(sql::cli::seller_remove, pg::Params{tenant, number}).empty()) {
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
