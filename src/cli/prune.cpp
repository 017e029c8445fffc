// `pgcourier prune`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/sure.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "maintenance/retention.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace pgcourier::cli {
namespace {

using maintenance::Prune;
using maintenance::Pruned;

/// Why rows of this table are kept although they are old; empty: none ever is.
std::string_view why_kept(std::string_view table) {
    if (table == "messages_in") return "the shop has not handled them (handled_at is NULL)";
    if (table == "messages_out")
        return "they are not finished, or have a dead letter that nobody resolved";
    if (table == "delivery_events") return "the sender has not taken them into account";
    if (table == "webhook_events")
        return "they are not routed, have a dead letter that nobody resolved, or wait for a tenant";
    return {};
}

void print_json(const std::vector<Pruned>& all, Prune what) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartArray();
    for (const Pruned& pruned : all) {
        json.StartObject();
        json.Key("table");
        json.String(pruned.table.data(), static_cast<rapidjson::SizeType>(pruned.table.size()));
        json.Key("older_than_days");
        json.Int(pruned.days);
        json.Key(what == Prune::counts ? "would_be_deleted" : "deleted");
        json.Int64(pruned.deleted);
        json.Key("kept");
        json.Int64(pruned.kept);
        json.Key("refused");
        json.Int64(pruned.refused);
        json.EndObject();
    }
    json.EndArray();
    say_json(buffer.GetString());
}

void print(const std::vector<Pruned>& all, Prune what) {
    std::vector<std::vector<std::string>> lines{
        {"table", "older than", what == Prune::counts ? "would be deleted" : "deleted", "kept"}};
    for (const Pruned& pruned : all) {
        lines.push_back({std::string{pruned.table},
                         fmt::format("{} day{}", pruned.days, pruned.days == 1 ? "" : "s"),
                         std::to_string(pruned.deleted), std::to_string(pruned.kept)});
    }
    print_table({std::move(lines), {1, 2, 3}});
    for (const Pruned& pruned : all) {
        if (pruned.kept > 0)
            say(fmt::format("{} of {} are kept: {}.", pruned.kept, pruned.table,
                            why_kept(pruned.table)));
        if (pruned.refused > 0)
            say(fmt::format("{} of {} could not be deleted: {}", pruned.refused, pruned.table,
                            pruned.refusal));
    }
}

}  // namespace

void add_prune(CLI::App& app, Chosen& chosen) {
    struct Options {
        bool is_dry_run = false;
        bool as_json = false;
        bool is_sure = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "prune",
        "Delete now what is older than RETENTION_DAYS, DEAD_LETTER_RETENTION_DAYS and "
        "EVENT_LOG_RETENTION_DAYS; the service does the same by itself, little by little");
    command->add_flag("--dry-run", options->is_dry_run, "Only count what would be deleted");
    add_yes(*command, options->is_sure);
    command->add_flag("--json", options->as_json, "Print JSON");
    command->footer(
        "Never deleted: what the shop has not handled, what is not finished, and, until that is "
        "older than DEAD_LETTER_RETENTION_DAYS, what has a dead letter that nobody resolved. It "
        "works in small steps and may be broken off at any time.");
    command->callback([&chosen, options] {
        chosen = [options] {
            const Config config = config_for(Needs::database);
            pg::Connection db{connect_options(config, "prune")};
            const Prune what = options->is_dry_run ? Prune::counts : Prune::deletes;
            if (what == Prune::deletes)
                confirm("Delete what is old? --dry-run counts it.", options->is_sure);
            const auto all =
                maintenance::prune(db, maintenance::retention_days(config), what, system_clock());
            if (options->as_json) {
                print_json(all, what);
            } else {
                print(all, what);
            }
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
