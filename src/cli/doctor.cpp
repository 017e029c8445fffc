// `pgcourier doctor`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "doctor/examine.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <fstream>
#include <map>

namespace pgcourier::cli {
namespace {

using doctor::Finding;
using doctor::State;

constexpr std::streamsize kMostBytes = 1024 * 1024;
constexpr int kCheckWidth = 21;  // the longest check's name

struct Options {
    std::string request;
    std::vector<std::string> urls;
    bool as_json = false;
};

doctor::SavedRequest read_request(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::string text(kMostBytes + 1, '\0');
    file.read(text.data(), kMostBytes + 1);
    const std::streamsize bytes = file.gcount();
    if (bytes == 0)
        throw Failure{kUsage, fmt::format("--request: {} cannot be read or is empty", path)};
    if (bytes > kMostBytes) throw Failure{kUsage, fmt::format("--request: {} is over 1 MiB", path)};
    text.resize(static_cast<std::size_t>(bytes));
    auto saved = doctor::read_request_file(text);
    if (!saved) throw Failure{kUsage, fmt::format("--request: {}: {}", path, saved.error().what)};
    return std::move(*saved);
}

/// Prints as it goes, a head for each part.
class Printer {
  public:
    void print(const Finding& finding) {
        if (finding.part != part_) {
            std::printf("%s%s\n", part_.empty() ? "" : "\n", finding.part.c_str());
            part_ = finding.part;
        }
        std::printf("  %-4s  %-*s  %s\n", std::string{to_text(finding.state)}.c_str(), kCheckWidth,
                    finding.check.c_str(), printable(finding.found).c_str());
        if (!finding.advice.empty())
            std::printf("        %-*s  -> %s\n", kCheckWidth, "",
                        printable(finding.advice).c_str());
        std::fflush(stdout);
    }

  private:
    std::string part_;
};

std::string counted(int count, const char* one, const char* many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string summary(std::map<State, int>& counts) {
    const std::string could_not =
        counts[State::skip] == 0 ? ""
                                 : fmt::format(", {} could not be looked at", counts[State::skip]);
    if (counts[State::fail] > 0) {
        return fmt::format("{}, {}{}.", counted(counts[State::fail], "check fails", "checks fail"),
                           counted(counts[State::warn], "warns", "warn"), could_not);
    }
    if (counts[State::warn] > 0 || counts[State::skip] > 0) {
        return fmt::format("Nothing fails, {}{}.",
                           counted(counts[State::warn], "check warns", "checks warn"), could_not);
    }
    return "All is well.";
}

void print_json(const std::vector<Finding>& findings) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartArray();
    for (const Finding& finding : findings) {
        json.StartObject();
        json.Key("part");
        json.String(finding.part);
        json.Key("check");
        json.String(finding.check);
        json.Key("state");
        json.String(std::string{to_text(finding.state)});
        json.Key("found");
        json.String(finding.found);
        json.Key("advice");
        json.String(finding.advice);
        json.EndObject();
    }
    json.EndArray();
    say_json(buffer.GetString());
}

int examine(const Options& options) {
    doctor::Subject subject{.environment = process_environment, .urls = options.urls};
    if (!options.request.empty()) subject.request = read_request(options.request);
    std::vector<Finding> findings;
    std::map<State, int> counts;
    Printer printer;
    doctor::examine(subject, {}, system_clock(), [&](const Finding& finding) {
        ++counts[finding.state];
        if (options.as_json) {
            findings.push_back(finding);
        } else {
            printer.print(finding);
        }
    });
    if (options.as_json) {
        print_json(findings);
    } else {
        std::printf("\n%s\n", summary(counts).c_str());
    }
    return counts[State::fail] > 0 ? kFailed : kOk;
}

}  // namespace

void add_doctor(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "doctor",
        "Look whether configuration, database, Twilio and public URL will do; changes nothing");
    CLI::Option* request = command->add_option(
        "--request", options->request,
        "A webhook as it was received, head and body, in a file: which URL its signature fits");
    request->type_name("FILE");
    command
        ->add_option("--url", options->urls,
                     "A URL that Twilio may have called for that request, as its console has it; "
                     "repeatable")
        ->needs(request);
    command->add_flag("--json", options->as_json, "Print JSON");
    command->footer(
        "Each line is ok, warn, fail, or skip where something before it failed, and says what to "
        "do.\nExit code 0 when nothing fails, 1 when something does.");
    command->callback([&chosen, options] { chosen = [options] { return examine(*options); }; });
}

}  // namespace pgcourier::cli
