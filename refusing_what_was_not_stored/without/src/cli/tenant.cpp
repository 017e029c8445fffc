// `pgcourier tenant add|change|remove|list`
#include "base/address.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/tenants.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <memory>
#include <optional>

namespace pgcourier::cli {
namespace {

std::optional<std::string> tenant_that_is(pg::Connection& db, const std::string& wanted) {
    const pg::Rows rows = db.exec(sql::cli::tenant_find, pg::Params{wanted});
    if (rows.empty()) return std::nullopt;
    if (rows.size() > 1 && rows[0].text(0) != wanted) {
        throw Failure{
            kFailed,
            "more than one tenant has this name: give its id, see `pgcourier tenant list`"};
    }
    return rows[0].string(0);
}

}  // namespace

std::string find_tenant(pg::Connection& db, const std::string& wanted) {
    const auto id = tenant_that_is(db, wanted);
    if (!id)
        throw Failure{kFailed,
                      "no tenant has this id, number or name: see `pgcourier tenant list`"};
    return *id;
}

std::string find_tenant_or_gone(pg::Connection& db, const std::string& wanted) {
    return tenant_that_is(db, wanted).value_or(wanted);
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

namespace {

struct Options {
    std::string tenant;
    std::string name;
    std::string number;
    std::string by;
    bool has_no_number = false;
    bool as_json = false;
};

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

std::optional<std::string> number_of(const Options& options) {
    return options.number.empty() ? std::nullopt : std::optional{checked_number(options.number)};
}

void add_by(CLI::App& command, Options& options) {
    command.add_option("--by", options.by,
                       "Who does it, for event_log; without it the database user");
}

/// Prints the tenant that the statement returns.
void write_tenant(pg::Connection& db, const pg::Statement& statement, const pg::Params& params,
                  bool as_json) {
    try {
        print_record(db.exec(statement, params), as_json);
    } catch (const pg::Error& e) {
        if (!e.is_unique_violation()) throw;
        throw Failure{kFailed, "another tenant has this number: see `pgcourier tenant list`"};
    }
}

int change(const Options& options) {
    if (options.name.empty() && options.number.empty() && !options.has_no_number)
        throw Failure{kUsage, "nothing to change: give --name, --number or --no-number"};
    const auto number = number_of(options);
    pg::Connection db = connect();
    const std::string id = find_tenant(db, options.tenant);
    write_tenant(db, sql::cli::tenant_change,
                 pg::Params{id, unless_empty(options.name), number, options.has_no_number,
                            unless_empty(options.by)},
                 options.as_json);
    return kOk;
}

int remove(const Options& options) {
    pg::Connection db = connect();
    const std::string id = find_tenant(db, options.tenant);
    const std::array<pg::Call, 2> calls{
        {{sql::cli::tenant_lock, pg::Params{id}},
         {sql::cli::tenant_remove, pg::Params{id, unless_empty(options.by)}}}};
    if (db.transact(calls)[1].empty()) {
        throw Failure{kFailed,
                      "the shop has messages or opt-outs, which would go with it: take its number "
                      "instead with `pgcourier tenant change --no-number`, or stop its sending "
                      "with `pgcourier pause --tenant`"};
    }
    tell_result("Removed.", options.as_json);
    return kOk;
}

}  // namespace

void add_tenant(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* tenant = app.add_subcommand("tenant", "The shops");
    tenant->require_subcommand(1);

    CLI::App* add = tenant->add_subcommand("add", "Add a shop");
    add->add_option("name", options->name, "Its name")->required();
    add->add_option("--number", options->number, "Its WhatsApp number, like +33700000001");
    add_by(*add, *options);
    add->add_flag("--json", options->as_json, "Print JSON");
    add->callback([&chosen, options] {
        chosen = [options] {
            const auto number = number_of(*options);
            pg::Connection db = connect();
            write_tenant(db, sql::cli::tenant_add,
                         pg::Params{options->name, number, unless_empty(options->by)},
                         options->as_json);
            return kOk;
        };
    });

    CLI::App* changed = tenant->add_subcommand("change", "Give a shop another name or number");
    changed->add_option("tenant", options->tenant, "The shop: its id, number or name")->required();
    changed->add_option("--name", options->name, "Its new name");
    CLI::Option* number = changed->add_option("--number", options->number,
                                              "Its new WhatsApp number, like +33700000001");
    changed
        ->add_flag("--no-number", options->has_no_number,
                   "It sends from TWILIO_WHATSAPP_NUMBER, and receives nothing of its own")
        ->excludes(number);
    add_by(*changed, *options);
    changed->add_flag("--json", options->as_json, "Print JSON");
    changed->callback([&chosen, options] { chosen = [options] { return change(*options); }; });

    CLI::App* removed =
        tenant->add_subcommand("remove", "Take away a shop that has no messages yet");
    removed->add_option("tenant", options->tenant, "The shop: its id, number or name")->required();
    add_by(*removed, *options);
    removed->add_flag("--json", options->as_json, "Print JSON");
    removed->callback([&chosen, options] { chosen = [options] { return remove(*options); }; });

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
