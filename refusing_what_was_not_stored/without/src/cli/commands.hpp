#pragma once
// Every command of the program, one file each. `add_…` declares the command's words and options;
// when it is the one that was typed, it sets `chosen` to what is to be done.

#include <functional>

namespace CLI {
class App;
}

namespace pgcourier::cli {

/// returns  the exit code. Throws pg::Error and Failure; run() tells them.
using Chosen = std::function<int()>;

/// Declares all of them, in the order in which they are listed.
void add_commands(CLI::App& app, Chosen& chosen);

void add_serve(CLI::App& app, Chosen& chosen);
void add_dev(CLI::App& app, Chosen& chosen);
void add_migrate(CLI::App& app, Chosen& chosen);
void add_healthcheck(CLI::App& app, Chosen& chosen);
void add_status(CLI::App& app, Chosen& chosen);
void add_top(CLI::App& app, Chosen& chosen);
void add_show(CLI::App& app, Chosen& chosen);
void add_trace_and_explain(CLI::App& app, Chosen& chosen);
void add_events(CLI::App& app, Chosen& chosen);
void add_outbox(CLI::App& app, Chosen& chosen);
void add_dlq(CLI::App& app, Chosen& chosen);
void add_pause(CLI::App& app, Chosen& chosen);
void add_tenant(CLI::App& app, Chosen& chosen);
void add_seller(CLI::App& app, Chosen& chosen);
void add_optout(CLI::App& app, Chosen& chosen);
void add_prune(CLI::App& app, Chosen& chosen);
void add_erase(CLI::App& app, Chosen& chosen);
void add_backfill(CLI::App& app, Chosen& chosen);
void add_config(CLI::App& app, Chosen& chosen);
void add_doctor(CLI::App& app, Chosen& chosen);
void add_twilio_sim(CLI::App& app, Chosen& chosen);
/// completion, man and commands: what is made of the declarations of all the others. Hidden.
void add_reference(CLI::App& app, Chosen& chosen);

}  // namespace pgcourier::cli
