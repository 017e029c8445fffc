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
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <map>

namespace pgcourier::cli {
namespace {

/// What is wrong with a variable, by its name.
using Wrong = std::map<std::string, std::string, std::less<>>;

/// Where the databases are, without user and password.
/// wrong  gets the addresses that libpq would not take
void describe_databases(std::vector<Setting>& all, const Config& config, Wrong& wrong) {
    for (Setting& setting : all) {
        const bool is_direct = setting.name == "DATABASE_DIRECT_URL";
        if (!is_direct && setting.name != "DATABASE_URL") continue;
        const Secret& url = is_direct ? config.database_direct_url : config.database_url;
        if (url.empty()) continue;
        const auto target = pg::parse_url(url);
        if (target) {
            setting.value = target->described() + " (password not shown)";
        } else {
            wrong.emplace(setting.name, target.error().what);
        }
    }
}

/// All of it as one line, or a line each.
std::string words_of(const Wrong& wrong, const std::vector<Setting>& all) {
    std::vector<std::string> lines;
    for (const Setting& setting : all) {
        const auto found = wrong.find(setting.name);
        if (found != wrong.end()) lines.push_back(found->first + ": " + found->second);
    }
    if (lines.size() == 1) return "serve would not start: " + lines[0];
    std::string words = fmt::format("serve would not start: {} values are wrong", lines.size());
    for (const std::string& line : lines) words += "\n  " + line;
    return words;
}

void print_json(const std::vector<Setting>& all, const Wrong& wrong) {
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
        json.Key("wrong");
        if (const auto found = wrong.find(setting.name); found != wrong.end()) {
            json.String(found->second);
        } else {
            json.Null();
        }
        json.EndObject();
    }
    json.EndArray();
    say_json(buffer.GetString());
}

int show(bool as_json) {
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) throw Failure{kUsage, file.error().what};
    const Environment environment = file->over(process_environment);
    const ReadConfig read = read_whole_config(environment, Needs::service);
    Wrong wrong;
    for (const WrongValue& one : read.wrong)
        wrong.emplace(one.variable, fmt::format("found {}, expected {}", one.found, one.expected));
    std::vector<Setting> all = settings(read.config, *file, process_environment);
    describe_databases(all, read.config, wrong);
    // What was found is told as it may be shown: it may be a secret in the wrong place.
    for (Setting& setting : all) {
        if (!wrong.contains(setting.name)) continue;
        setting.value = setting.source == "default" ? "(missing, see below)" : "(wrong, see below)";
    }
    if (as_json) {
        print_json(all, wrong);
    } else {
        std::vector<std::vector<std::string>> lines{{"variable", "value", "from"}};
        for (const Setting& setting : all)
            lines.push_back({std::string{setting.name}, printable(setting.value), setting.source});
        print_table({std::move(lines), {}});
    }
    // The table helps to see why.
    std::fflush(stdout);
    if (!wrong.empty()) throw Failure{kUsage, words_of(wrong, all)};
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
