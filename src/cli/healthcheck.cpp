// `pgcourier healthcheck`
#include "base/config_file.hpp"
#include "base/environment.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "http/client.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

constexpr std::chrono::seconds kTimeout{4};

std::string url_of_the_service() {
    std::string host = "0.0.0.0";
    int port = 8080;
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) throw Failure{kUsage, file.error().what};
    const Environment environment = file->over(process_environment);
    EnvironmentReader reader{environment};
    reader.number("PORT", port, 1, 65535);
    if (reader.problem()) throw Failure{kUsage, reader.problem()->what};
    if (const auto set = reader.text("HOST")) host = *set;
    if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    return fmt::format("http://{}:{}/healthz", host, port);
}

int check() {
    const std::string url = url_of_the_service();
    http::Client client{{.max_connections = 1, .connect_timeout = kTimeout}};
    client.start(1, {.method = "GET", .url = url, .timeout = kTimeout});
    std::vector<http::Finished> finished;
    while (finished.empty()) finished = client.poll(kTimeout);
    const http::Outcome& outcome = finished[0].outcome;
    if (outcome.kind != http::Outcome::Kind::response)
        throw Failure{kFailed, fmt::format("{}: {}", url, outcome.error)};
    if (outcome.status != 200) {
        throw Failure{kFailed, fmt::format("{}: found HTTP {}, expected 200", url, outcome.status)};
    }
    std::printf("ok\n");
    return kOk;
}

}  // namespace

void add_healthcheck(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand(
        "healthcheck", "Ask the service on this machine whether it is alive: HOST, PORT, /healthz");
    command->callback([&chosen] { chosen = check; });
}

}  // namespace pgcourier::cli
