// `pgcourier dev`: the whole system on this machine, without any account: a private PostgreSQL, a
// simulated Twilio, a demo shop and the service, all on loopback.
#include "base/environment.hpp"
#include "base/ids.hpp"
#include "base/rng.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/free_port.hpp"
#include "cli/service.hpp"
#include "cli/signals.hpp"
#include "pg/migrate.hpp"
#include "pg/private_postgres.hpp"
#include "sim/simulator.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace pgcourier::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDirectory = ".pgcourier";
constexpr const char* kTenant = "demo-shop";
constexpr const char* kShopNumber = "+33700000001";
constexpr const char* kSellerNumber = "+33612345678";
constexpr const char* kClientNumber = "+33698765432";
constexpr const char* kDatabase = "pgcourier";
constexpr std::uint16_t kTwilioPort = 8089;  // where `twilio-sim` looks by itself

std::uint16_t port_from(const char* variable, std::uint16_t fallback) {
    const auto text = process_environment(variable);
    if (!text || text->empty()) return fallback;
    const auto port = whole_number<std::uint16_t>(*text);
    if (!port || *port == 0) {
        throw Failure{kUsage, fmt::format("{}: found {}, expected a port from 1 to 65535", variable,
                                          shown(*text))};
    }
    return *port;
}

void require_free(std::uint16_t port, const char* what, const char* variable) {
    if (is_free_port(port)) return;
    throw Failure{
        kFailed,
        fmt::format("port {} on 127.0.0.1, meant for {}, is taken by another program: end that, or "
                    "set {} to another port",
                    port, what, variable)};
}

// PostgreSQL's own user must be able to enter the directory. Below a home that only its owner may
// enter (root's, say) it cannot: then the data goes to a directory of the system, and a link stands
// in its place.
std::string postgres_directory() {
    const fs::path wished = fs::absolute(fs::path{kDirectory} / "postgres");
    fs::create_directories(kDirectory);
    if (geteuid() != 0) return wished.string();
    for (fs::path folder = wished.parent_path(); folder != folder.root_path();
         folder = folder.parent_path()) {
        struct stat status {};
        if (stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) == 0) {
            const std::string name =
                fmt::format("dev-{:016x}", std::hash<std::string>{}(wished.string()));
            const fs::path elsewhere = fs::path{"/var/lib/pgcourier"} / name;
            fs::create_directories(elsewhere);
            // Whatever our umask: PostgreSQL's user has to pass.
            fs::permissions(elsewhere.parent_path(), fs::perms::group_exec | fs::perms::others_exec,
                            fs::perm_options::add);
            std::error_code ignored;
            fs::create_symlink(elsewhere, wished, ignored);
            return elsewhere.string();
        }
    }
    return wished.string();
}

// An account of this directory alone, made at the first run: nothing that is written in a program
// is a secret.
struct Account {
    std::string sid;
    std::string token;
};

Account account_of(const std::string& path) {
    Account account;
    if (std::ifstream file{path}; file >> account.sid >> account.token) return account;
    const auto hex = [] {
        std::string text = new_uuid();
        std::erase(text, '-');
        return text;
    };
    account = {"AC" + hex(), hex()};
    std::ofstream file{path};
    chmod(path.c_str(), 0600);
    file << account.sid << '\n' << account.token << '\n';
    return account;
}

using Variables = std::map<std::string, std::string, std::less<>>;

/// So that each command can be told in one word what the service of this directory runs with.
void write_configuration(const std::string& path, const Variables& variables) {
    std::ofstream file{path};
    chmod(path.c_str(), 0600);
    file << "# Of `pgcourier dev`, written anew at each start: export PGCOURIER_CONFIG_FILE="
         << path << '\n';
    for (const auto& [name, value] : variables) file << name << '=' << value << '\n';
    if (!file.flush()) throw Failure{kFailed, path + " cannot be written"};
}

void create_database(const pg::PrivatePostgres& server) {
    pg::Connection db{{.target = *pg::parse_url(server.url("postgres")), .role = "dev"}};
    if (!db.exec(sql::cli::find_database, pg::Params{kDatabase}).empty()) return;
    // inline SQL: it takes no parameters and no transaction
    db.exec_script(fmt::format("CREATE DATABASE {}", kDatabase).c_str());
}

void fill_database(const pg::PrivatePostgres& server, int max_attempts) {
    pg::Connection db{{.target = *pg::parse_url(server.url(kDatabase)), .role = "dev"}};
    if (const auto report = pg::migrate_up(db, max_attempts); !report) {
        throw Failure{kFailed, fmt::format("{}: remove the directory {} to start afresh",
                                           report.error().what, server.directory())};
    }
    db.exec(sql::cli::demo_tenant, pg::Params{kTenant, kShopNumber, kSellerNumber});
}

int dev() {
    const std::uint16_t port = port_from("PORT", 8080);
    const std::uint16_t postgres_port = port_from("DEV_POSTGRES_PORT", 54329);
    const std::uint16_t twilio_port = port_from("DEV_TWILIO_PORT", kTwilioPort);
    require_free(port, "the service", "PORT");
    require_free(postgres_port, "PostgreSQL", "DEV_POSTGRES_PORT");
    require_free(twilio_port, "the simulated Twilio", "DEV_TWILIO_PORT");

    auto postgres =
        pg::PrivatePostgres::start({.directory = postgres_directory(), .port = postgres_port});
    if (!postgres) throw Failure{kFailed, postgres.error().what};
    create_database(*postgres);
    const Account account = account_of(std::string{kDirectory} + "/twilio-account");
    const std::string own_url = fmt::format("http://127.0.0.1:{}", port);
    const std::string twilio_url = fmt::format("http://127.0.0.1:{}", twilio_port);

    // What the environment sets wins, so that a single setting can be tried; the addresses are
    // ours.
    const auto given_token = process_environment("OPS_TOKEN");
    const Secret console_link{new_uuid()};
    const Variables ours = {
        {"OPS_TOKEN", given_token && !given_token->empty() ? *given_token : new_uuid()},
        {"DATABASE_URL", postgres->url(kDatabase).reveal()},
        {"DATABASE_DIRECT_URL", ""},
        {"HOST", "127.0.0.1"},
        {"PORT", std::to_string(port)},
        {"WEBHOOK_PUBLIC_URL", own_url},
        {"TWILIO_API_BASE_URL", twilio_url},
        {"TWILIO_ACCOUNT_SID", account.sid},
        {"TWILIO_AUTH_TOKEN", account.token},
        {"TWILIO_API_KEY_SID", ""},
        {"TWILIO_API_KEY_SECRET", ""},
        {"TWILIO_WHATSAPP_NUMBER", kShopNumber},
        {"PGCOURIER_ENV", "development"},
    };
    auto config = read_config(
        [&ours](const char* name) {
            const auto own = ours.find(name);
            return own != ours.end() ? std::optional{own->second} : process_environment(name);
        },
        Needs::service);
    if (!config) throw Failure{kUsage, config.error().what};
    configure_log(config->log_level, config->log_format);
    fill_database(*postgres, config->outbox_max_retries);
    const std::string configuration = std::string{kDirectory} + "/dev.env";
    write_configuration(configuration, ours);

    sim::SimulatorOptions options;
    options.port = twilio_port;
    options.port_setting = "DEV_TWILIO_PORT";
    options.account_sid = account.sid;
    options.auth_token = Secret{account.token};
    options.inbound_url = own_url + "/webhooks/twilio";
    options.inbound_to = kShopNumber;
    options.logs_traffic = true;
    options.keep = 10000;
    sim::Simulator simulator{std::move(options)};
    if (const Result<void> started = simulator.start(); !started)
        throw Failure{kFailed, started.error().what};
    Service service{std::move(*config), console_link};
    const Result<bool> started = service.start();
    if (!started) throw Failure{kFailed, started.error().what};
    if (!*started) return kOk;

    const std::string url = postgres->url(kDatabase).reveal();
    const std::string at = twilio_port == kTwilioPort ? "" : " --url " + twilio_url;
    std::printf(
        "\n"
        "pgcourier is running on this machine; Ctrl-C ends all of it, its data stays in %s/\n"
        "  service     %s    /healthz /readyz /metrics\n"
        "  console     %s/ops/sign-in?token=%s    signs you in, once; then the OPS_TOKEN "
        "in %s does\n"
        "  Twilio      %s    simulated\n"
        "  PostgreSQL  %s\n"
        "  demo shop   %s   seller %s   tenant id %s\n"
        "  variables   PGCOURIER_CONFIG_FILE=%s    for pgcourier doctor, config and all others\n"
        "Three things to try in another terminal:\n"
        "  a client writes      pgcourier twilio-sim inbound%s --from %s --body 'Bonjour'\n"
        "  the shop answers     DATABASE_URL=%s pgcourier outbox add --tenant %s --to %s --body "
        "'Merci'\n"
        "  look at everything   psql %s -c 'TABLE ops.health'\n"
        "\n",
        kDirectory, own_url.c_str(), own_url.c_str(), console_link.reveal().c_str(),
        configuration.c_str(), twilio_url.c_str(), url.c_str(), kShopNumber, kSellerNumber, kTenant,
        configuration.c_str(), at.c_str(), kClientNumber, url.c_str(), kTenant, kClientNumber,
        url.c_str());
    std::fflush(stdout);
    wait_for_signal();  // SIGHUP ends it too
    service.stop();
    simulator.stop();
    postgres->stop();
    return kOk;
}

}  // namespace

void add_dev(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("dev",
                                           "Run everything on this machine: PostgreSQL, a "
                                           "simulated Twilio, a demo shop and the service");
    command->footer(
        "Ports: PORT (8080), DEV_TWILIO_PORT (8089), DEV_POSTGRES_PORT (54329). Data: .pgcourier/ "
        "of this directory.");
    command->callback([&chosen] {
        chosen = [] {
            hold_signals(Hangup::ends);
            return dev();
        };
    });
}

}  // namespace pgcourier::cli
