// `pgcourier tenant add|list`
#include "base/address.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/tenants.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace pgcourier::cli {

std::string find_tenant(pg::Connection& db, const std::string& wanted) {
    const pg::Rows rows = db.exec(sql::cli::tenant_find, pg::Params{wanted});
    if (rows.empty())
        throw Failure{kFailed,
                      "no tenant has this id, number or name: see `pgcourier tenant list`"};
    if (rows.size() > 1 && rows[0].text(0) != wanted) {
        throw Failure{
            kFailed,
            "more than one tenant has this name: give its id, see `pgcourier tenant list`"};
    }
    return rows[0].string(0);
}

std::string checked_number(const std::string& number) {
    const std::string_view bare = bare_address(number);
    if (!is_e164(bare)) {
        throw Failure{kUsage, "the number is not in E.164 form, expected one like +33612345678"};
    }
    return std::string{bare};
}

std::string checked_address(const std::string& address) {
    const std::string_view bare = bare_address(address);
    if (!is_e164(bare) && !is_user_id(bare)) {
        throw Failure{kUsage,
                      "this is neither a number in E.164 form, like +33612345678, nor a WhatsApp "
                      "user id, like FR.1349"};
    }
    return std::string{bare};
}

void add_tenant(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string name;
        std::string number;
        bool as_json = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* tenant = app.add_subcommand("tenant", "The shops");
    tenant->require_subcommand(1);

    CLI::App* add = tenant->add_subcommand("add", "Add a shop");
    add->add_option("name", options->name, "Its name")->required();
    add->add_option("--number", options->number, "Its WhatsApp number, like +33700000001");
    add->add_flag("--json", options->as_json, "Print JSON");
    add->callback([&chosen, options] {
        chosen = [options] {
            const auto number = options->number.empty()
                                    ? std::nullopt
                                    : std::optional{checked_number(options->number)};
            pg::Connection db = connect();
            try {
                print_record(db.exec(sql::cli::tenant_add, pg::Params{options->name, number}),
                             options->as_json);
            } catch (const pg::Error& e) {
                if (!e.is_unique_violation()) throw;
                throw Failure{kFailed,
                              "another tenant has this number: see `pgcourier tenant list`"};
            }
            return kOk;
        };
    });

    CLI::App* list = tenant->add_subcommand("list", "List the shops");
    list->add_flag("--json", options->as_json, "Print JSON");
    list->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            print_rows(db.exec(sql::cli::tenant_list), options->as_json,
                       "No tenant yet: pgcourier tenant add \"My shop\" --number +33700000001");
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
