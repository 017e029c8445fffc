#include "cli/cli.hpp"

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/error_words.hpp"
#include "cli/misspelt.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <sstream>

namespace pgcourier::cli {

const char* const kVersion = PGCOURIER_VERSION;

namespace {

int tell(int exit_code, const std::string& what) {
    std::fprintf(stderr, "pgcourier: %s\n", printable_lines(what).c_str());
    return exit_code;
}

}  // namespace

void add_commands(CLI::App& app, Chosen& chosen) {
    app.set_version_flag("--version", std::string{"pgcourier "} + kVersion);
    app.require_subcommand(1);
    app.footer(
        "Each command has its own --help. Configuration comes from environment variables: see the "
        "README's table.");
    add_serve(app, chosen);
    add_dev(app, chosen);
    add_migrate(app, chosen);
    add_healthcheck(app, chosen);
    add_status(app, chosen);
    add_top(app, chosen);
    add_show(app, chosen);
    add_trace_and_explain(app, chosen);
    add_events(app, chosen);
    add_outbox(app, chosen);
    add_dlq(app, chosen);
    add_pause(app, chosen);
    add_tenant(app, chosen);
    add_seller(app, chosen);
    add_optout(app, chosen);
    add_prune(app, chosen);
    add_erase(app, chosen);
    add_backfill(app, chosen);
    add_config(app, chosen);
    add_doctor(app, chosen);
    add_twilio_sim(app, chosen);
    add_reference(app, chosen);
}

int run(int argc, char** argv) {
    CLI::App app{
        "The messaging backbone of a WhatsApp shop platform: Twilio's webhooks in, the outbox out, "
        "on one PostgreSQL.",
        "pgcourier"};
    Chosen chosen;
    add_commands(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) {
            app.exit(e);  // --help, --version
            return kOk;
        }
        // describe() leaves out what is hidden.
        const auto given = app.get_subcommands();
        const bool is_hidden = !given.empty() && given.front()->get_group().empty();
        const auto unknown =
            is_hidden ? std::nullopt : unknown_word(describe(app), {argv + 1, argv + argc});
        return tell(
            kUsage,
            unknown ? *unknown : std::string{e.what()} + "\nRun with --help for more information.");
    }
    try {
        return chosen();
    } catch (const Failure& e) {
        return tell(e.exit_code(), e.what());
    } catch (const pg::Error& e) {
        return tell(kFailed, error_words(e));
    } catch (const std::exception& e) {
        return tell(kFailed, e.what());
    }
}

}  // namespace pgcourier::cli
