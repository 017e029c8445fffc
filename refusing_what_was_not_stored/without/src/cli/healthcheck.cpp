// `pgcourier healthcheck`
#include "base/config_file.hpp"
#include "base/environment.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "http/client.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

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
    return fmt::format("{}://{}:{}/healthz", reader.is_set("TLS_CERT_FILE") ? "https" : "http",
                       host, port);
}

int check(bool as_json) {
    const std::string url = url_of_the_service();
    // The certificate is for the name that Twilio calls, not for this address.
    http::Client client{
        {.max_connections = 1, .connect_timeout = kTimeout, .verifies_peer = false}};
    client.start(1, {.method = "GET", .url = url, .timeout = kTimeout});
    std::vector<http::Finished> finished;
    while (finished.empty()) finished = client.poll(kTimeout);
    const http::Outcome& outcome = finished[0].outcome;
    if (outcome.kind != http::Outcome::Kind::response)
        throw Failure{kFailed, fmt::format("{}: {}", url, outcome.error)};
    if (outcome.status != 200) {
        throw Failure{kFailed, fmt::format("{}: found HTTP {}, expected 200", url, outcome.status)};
    }
    tell_result("ok", as_json);
    return kOk;
}

}  // namespace

void add_healthcheck(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand(
        "healthcheck", "Ask the service on this machine whether it is alive: HOST, PORT, /healthz");
    const auto as_json = std::make_shared<bool>(false);
    command->add_flag("--json", *as_json, "Print JSON");
    command->callback([&chosen, as_json] { chosen = [as_json] { return check(*as_json); }; });
}

}  // namespace pgcourier::cli
