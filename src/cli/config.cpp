// `pgcourier config`
#include "base/config_file.hpp"
#include "base/config_settings.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "pg/url.hpp"

#include <CLI/CLI.hpp>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

/// Where the database is, without user and password.
std::string place_of(const Secret& url, const char* variable) {
    const auto target = pg::parse_url(url);
    if (!target) throw Failure{kUsage, std::string{variable} + ": " + target.error().what};
    return target->described() + " (password not shown)";
}

void describe_databases(std::vector<Setting>& all, const Config& config) {
    for (Setting& setting : all) {
        if (setting.name == "DATABASE_URL")
            setting.value = place_of(config.database_url, "DATABASE_URL");
        if (setting.name == "DATABASE_DIRECT_URL" && !config.database_direct_url.empty())
            setting.value = place_of(config.database_direct_url, "DATABASE_DIRECT_URL");
    }
}

void print_json(const std::vector<Setting>& all) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartArray();
    for (const Setting& setting : all) {
        json.StartObject();
        json.Key("name");
        json.String(setting.name.data(), static_cast<rapidjson::SizeType>(setting.name.size()));
        json.Key("value");
        json.String(setting.value);
        json.Key("source");
        json.String(setting.source);
        json.Key("is_secret");
        json.Bool(setting.is_secret);
        json.EndObject();
    }
    json.EndArray();
    std::printf("%s\n", buffer.GetString());
}

int show(bool as_json) {
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) throw Failure{kUsage, file.error().what};
    const Environment environment = file->over(process_environment);
    const auto config = read_config(environment, Needs::database);
    if (!config) throw Failure{kUsage, config.error().what};
    std::vector<Setting> all = settings(*config, *file, process_environment);
    describe_databases(all, *config);
    if (as_json) {
        print_json(all);
    } else {
        std::vector<std::vector<std::string>> lines{{"variable", "value", "from"}};
        for (const Setting& setting : all)
            lines.push_back({std::string{setting.name}, printable(setting.value), setting.source});
        print_table({std::move(lines), {}});
    }
    // The table helps to see why.
    std::fflush(stdout);
    const auto serving = read_config(environment, Needs::service);
    if (!serving) throw Failure{kUsage, "serve would not start: " + serving.error().what};
    return kOk;
}

}  // namespace

void add_config(CLI::App& app, Chosen& chosen) {
    struct Options {
        bool as_json = false;
        bool as_markdown = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "config",
        "Show the configuration in force, and where each value came from; secrets are hidden");
    CLI::Option* as_json = command->add_flag("--json", options->as_json, "Print JSON");
    command
        ->add_flag("--markdown", options->as_markdown,
                   "Print the reference of all variables instead, as docs/configuration.md")
        ->excludes(as_json);
    command->footer(
        "Exit code 2 when a value is wrong, or when serve would not start with these values.");
    command->callback([&chosen, options] {
        chosen = [options] {
            if (!options->as_markdown) return show(options->as_json);
            std::printf("%s", configuration_reference().c_str());
            return int{kOk};
        };
    });
}

}  // namespace pgcourier::cli
