// `pgcourier migrate up|status|baseline`
#include "pg/migrate.hpp"

#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// Migrations need LISTEN's kind of connection: a session of their own, without a pooler between,
// and time.
pg::Connection connect_for_migrations(const Config& config) {
    pg::ConnectOptions options = direct_options(config, "migrate");
    options.answer_timeout = std::chrono::hours{24};
    return pg::Connection{std::move(options)};
}

void print_list(const char* what, const std::vector<std::string>& names) {
    for (const std::string& name : names) say(std::string{what} + " " + name);
}

void write_list(JsonWriter& json, const char* key, const std::vector<std::string>& values) {
    json.Key(key);
    json.StartArray();
    for (const std::string& value : values) json.String(value);
    json.EndArray();
}

int print_report(const Result<pg::MigrateReport>& report, bool as_json) {
    if (!report) throw Failure{kFailed, report.error().what};
    if (as_json) {
        rapidjson::StringBuffer buffer;
        JsonWriter json{buffer};
        json.StartObject();
        write_list(json, "applied", report->applied);
        write_list(json, "adopted", report->adopted);
        write_list(json, "foreign", report->foreign);
        write_list(json, "notices", report->notices);
        json.EndObject();
        say_json(buffer.GetString());
        return kOk;
    }
    print_list("adopted (Prisma had run it):", report->adopted);
    print_list("left alone (not ours):", report->foreign);
    print_list("applied:", report->applied);
    for (const std::string& notice : report->notices) say(notice);
    if (report->applied.empty() && report->adopted.empty())
        std::printf("The database is up to date.\n");
    return kOk;
}

int print_status(const std::vector<pg::MigrationStatus>& states, bool as_json) {
    if (as_json) {
        rapidjson::StringBuffer buffer;
        JsonWriter json{buffer};
        json.StartArray();
        for (const pg::MigrationStatus& status : states) {
            json.StartObject();
            json.Key("name");
            json.String(status.name);
            json.Key("state");
            json.String(status.state);
            json.Key("applied_at");
            json.String(status.applied_at);
            json.EndObject();
        }
        json.EndArray();
        say_json(buffer.GetString());
        return kOk;
    }
    Table table{{{"state", "name", "applied_at"}}, {}};
    for (const pg::MigrationStatus& status : states)
        table.lines.push_back({status.state, printable(status.name), status.applied_at});
    print_table(table);
    return kOk;
}

}  // namespace

void add_migrate(CLI::App& app, Chosen& chosen) {
    CLI::App* migrate =
        app.add_subcommand("migrate", "Bring the database's schema up to this program's");
    migrate->require_subcommand(1);
    auto as_json = std::make_shared<bool>(false);

    CLI::App* up =
        migrate->add_subcommand("up", "Apply what is missing; a second run changes nothing");
    up->add_flag("--json", *as_json, "Print JSON");
    up->callback([&chosen, as_json] {
        chosen = [as_json] {
            const Config config = config_for(Needs::database);
            pg::Connection db = connect_for_migrations(config);
            return print_report(pg::migrate_up(db, config.outbox_max_retries), *as_json);
        };
    });

    CLI::App* status = migrate->add_subcommand("status", "Show which migrations the database has");
    status->add_flag("--json", *as_json, "Print JSON");
    status->callback([&chosen, as_json] {
        chosen = [as_json] {
            pg::Connection db = connect_for_migrations(config_for(Needs::database));
            return print_status(pg::migration_status(db), *as_json);
        };
    });

    CLI::App* baseline = migrate->add_subcommand(
        "baseline", "Only record what Prisma had applied, without running anything");
    baseline->add_flag("--json", *as_json, "Print JSON");
    baseline->callback([&chosen, as_json] {
        chosen = [as_json] {
            pg::Connection db = connect_for_migrations(config_for(Needs::database));
            return print_report(pg::migrate_baseline(db), *as_json);
        };
    });
}

}  // namespace pgcourier::cli
