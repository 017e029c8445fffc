// `pgcourier twilio-sim [serve]`, `twilio-sim inbound|script|ledger|reset`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/signals.hpp"
#include "sim/control.hpp"
#include "sim/simulator.hpp"
#include "twilio/form.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <iterator>

namespace pgcourier::cli {
namespace {

constexpr const char* kIsJson = "Print JSON, as without it";

struct Options {
    sim::SimulatorOptions simulator;
    std::string auth_token;
    std::string url = "http://127.0.0.1:8089";
    bool no_callbacks = false;
    int latency_ms = 0;

    std::string from;
    std::string to;
    std::string body;
    std::vector<std::string> media;
    std::vector<std::string> parameters;
    int times = 1;
    bool concurrently = false;
    std::vector<std::string> rules;
    bool clear = false;
    bool as_json = false;
};

int serve(Options& options) {
    configure_log(LogLevel::info, LogFormat::text);
    hold_signals(Hangup::ends);
    if (!options.auth_token.empty()) options.simulator.auth_token = Secret{options.auth_token};
    options.simulator.latency = std::chrono::milliseconds{options.latency_ms};
    options.simulator.progress.callbacks = !options.no_callbacks;
    options.simulator.port_setting = "--port";
    options.simulator.logs_traffic = true;
    sim::Simulator simulator{options.simulator};
    if (const Result<void> started = simulator.start(); !started)
        throw Failure{kFailed, started.error().what};
    std::printf("A simulated Twilio listens on %s\nTWILIO_API_BASE_URL=%s TWILIO_ACCOUNT_SID=%s\n",
                simulator.base_url().c_str(), simulator.base_url().c_str(),
                options.simulator.account_sid.c_str());
    std::fflush(stdout);
    wait_for_signal();
    simulator.stop();
    return kOk;
}

std::string ask(const Options& options, const std::string& method, const std::string& path,
                const std::string& body) {
    const Result<std::string> answer = sim::control(options.url, method, path, body);
    if (!answer) throw Failure{kFailed, answer.error().what};
    return *answer;
}

// Its answers are JSON, also without --json.
int call(const Options& options, const std::string& method, const std::string& path,
         const std::string& body) {
    const std::string answer = ask(options, method, path, body);
    std::printf("%s", answer.c_str());
    if (answer.empty() || answer.back() != '\n') std::printf("\n");
    return kOk;
}

int ledger(const Options& options) {
    if (!options.as_json) return call(options, "GET", "/sim/ledger", "");
    std::string lines = ask(options, "GET", "/sim/ledger", "");
    while (lines.ends_with('\n')) lines.pop_back();
    for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n', end))
        lines.replace(end, 1, ",");
    std::printf("[%s]\n", lines.c_str());
    return kOk;
}

int inbound(const Options& options) {
    twilio::Params fields{{"from", options.from}, {"body", options.body}};
    if (!options.to.empty()) fields.emplace_back("to", options.to);
    for (const std::string& url : options.media) fields.emplace_back("media", url);
    for (const std::string& parameter : options.parameters) {
        const std::size_t equals = parameter.find('=');
        if (equals == std::string::npos) {
            throw Failure{kUsage, fmt::format("--with: found {}, expected NAME=VALUE", parameter)};
        }
        fields.emplace_back(parameter.substr(0, equals), parameter.substr(equals + 1));
    }
    fields.emplace_back("times", std::to_string(options.times));
    if (options.concurrently) fields.emplace_back("concurrently", "true");
    return call(options, "POST", "/sim/inbound", twilio::encode_form(fields));
}

int script(const Options& options) {
    std::string rules;
    for (const std::string& rule : options.rules) rules += rule + "\n";
    if (options.clear && !rules.empty() && options.as_json) {
        ask(options, "DELETE", "/sim/script", "");  // one value is printed: the last
    } else if (options.clear) {
        call(options, "DELETE", "/sim/script", "");
    }
    return rules.empty() ? int{kOk} : call(options, "POST", "/sim/script", rules);
}

}  // namespace

void add_twilio_sim(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    options->simulator.port = 8089;
    CLI::App* sim = app.add_subcommand(
        "twilio-sim", "A simulated Twilio on this machine; without a word more it runs one");
    sim->require_subcommand(0, 1);
    sim->add_option("--port", options->simulator.port, "Where it listens, on 127.0.0.1")
        ->capture_default_str();
    sim->add_option("--account-sid", options->simulator.account_sid, "Its account")
        ->capture_default_str();
    sim->add_option("--auth-token", options->auth_token,
                    "The account's token; better in TWILIO_AUTH_TOKEN")
        ->envname("TWILIO_AUTH_TOKEN");
    sim->add_option("--inbound-url", options->simulator.inbound_url,
                    "The service's webhook, like http://127.0.0.1:8080/webhooks/twilio");
    sim->add_option("--inbound-to", options->simulator.inbound_to,
                    "The number that people write to");
    sim->add_option("--latency", options->latency_ms, "Milliseconds before each answer")
        ->capture_default_str();
    sim->add_option("--ledger", options->simulator.ledger_path,
                    "A file that what it took is appended to")
        ->type_name("FILE");
    sim->add_option("--seed", options->simulator.seed,
                    "Of probabilities and losses; 0: a random one");
    sim->add_flag("--no-callbacks", options->no_callbacks, "Tell nothing of delivery");
    sim->callback([&chosen, options, sim] {
        if (sim->get_subcommands().empty()) chosen = [options] { return serve(*options); };
    });

    const auto add_url = [options](CLI::App* command) {
        command->add_option("--url", options->url, "Where the simulator listens")
            ->capture_default_str();
    };
    const auto add_json = [options](CLI::App* command, const char* what) {
        command->add_flag("--json", options->as_json, what);
    };
    CLI::App* in =
        sim->add_subcommand("inbound", "A person writes: posts a signed webhook to the service");
    in->add_option("--from", options->from,
                   "Who writes: a number like +33698765432, or a WhatsApp user id")
        ->required();
    in->add_option("--to", options->to, "Which of the shop's numbers; its own one by default");
    in->add_option("--body", options->body, "The text");
    in->add_option("--media", options->media,
                   "The URL of a picture, video or document; repeatable");
    in->add_option("--with", options->parameters,
                   "One more of Twilio's parameters, like ProfileName=Zoé; repeatable");
    in->add_option("--times", options->times,
                   "Post the same message so often, as Twilio's repeats do")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    in->add_flag("--concurrently", options->concurrently, "All of them at the same moment");
    add_url(in);
    add_json(in, kIsJson);
    in->callback([&chosen, options] { chosen = [options] { return inbound(*options); }; });

    CLI::App* rules = sim->add_subcommand("script", "Adds rules for what it does wrong");
    rules->add_option("rule", options->rules,
                      R"(JSON, like {"to":"+33698765432","status":503,"code":20503,"times":2})");
    rules->add_flag("--clear", options->clear, "Forget the rules that were there");
    add_url(rules);
    add_json(rules, "Print JSON: one value, that of the last step");
    rules->callback([&chosen, options] { chosen = [options] { return script(*options); }; });

    CLI::App* entries = sim->add_subcommand(
        "ledger", "Prints what it was asked and what it took, a JSON object a line");
    add_url(entries);
    add_json(entries, "Print one JSON array");
    entries->callback([&chosen, options] { chosen = [options] { return ledger(*options); }; });

    CLI::App* reset = sim->add_subcommand("reset", "Forgets messages, ledger and rules");
    add_url(reset);
    add_json(reset, kIsJson);
    reset->callback([&chosen, options] {
        chosen = [options] { return call(*options, "POST", "/sim/reset", ""); };
    });
}

}  // namespace pgcourier::cli
