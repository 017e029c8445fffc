// `pgcourier erase`
#include "base/address.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/sure.hpp"
#include "cli/table.hpp"
#include "cli/tenants.hpp"
#include "cli/text.hpp"
#include "maintenance/erasure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <thread>

namespace pgcourier::cli {
namespace {

using maintenance::ErasureCounts;
using maintenance::ErasureStep;

// Somebody else makes a step, or what was left behind is not settled yet.
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr std::chrono::milliseconds kNextRound{1'000};

struct Options {
    std::string address;
    std::string by;
    std::string reason;
    int wait_seconds = 60;
    bool is_dry_run = false;
    bool as_json = false;
    bool is_sure = false;
};

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

// What stands in the command is seen by everybody on the machine.
std::string given_address(const std::string& option) {
    if (option != "-") return checked_address(option);
    std::string line;
    std::getline(std::cin, line);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
    return checked_address(line);
}

/// Rows by table, as the database keeps them.
std::map<std::string, std::int64_t> rows_of(const std::string& json) {
    std::map<std::string, std::int64_t> rows;
    rapidjson::Document document;
    document.Parse(json);
    if (!document.IsObject()) return rows;
    for (const auto& member : document.GetObject()) {
        if (member.value.IsInt64()) rows[member.name.GetString()] = member.value.GetInt64();
    }
    return rows;
}

struct Report {
    std::string id;  // empty: of a dry run
    std::map<std::string, std::int64_t> rows;
    std::int64_t busy = 0;
    bool is_done = false;
};

void print_json(const Report& report, const std::vector<std::string>& addresses) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartObject();
    if (!report.id.empty()) {
        json.Key("id");
        json.String(report.id);
        json.Key("done");
        json.Bool(report.is_done);
    } else {
        json.Key("addresses");
        json.StartArray();
        for (const std::string& address : addresses) json.String(masked(address));
        json.EndArray();
    }
    json.Key(report.id.empty() ? "would_be_erased" : "erased");
    json.StartObject();
    for (const auto& [table, count] : report.rows) {
        json.Key(table.c_str());
        json.Int64(count);
    }
    json.EndObject();
    json.Key("left_for_now");
    json.Int64(report.busy);
    json.EndObject();
    say_json(buffer.GetString());
}

void print_counts(const Report& report) {
    std::vector<std::vector<std::string>> lines{
        {"table", report.id.empty() ? "rows that would be erased" : "rows erased"}};
    for (const auto& [table, count] : report.rows) lines.push_back({table, std::to_string(count)});
    print_table({std::move(lines), {1}});
}

int count(pg::Connection& db, const std::string& address, const Options& options) {
    const ErasureCounts counts = maintenance::count_erasure(db, address, system_clock());
    const Report report{.id = {}, .rows = counts.erased, .busy = counts.busy};
    if (options.as_json) {
        print_json(report, counts.addresses);
        return kOk;
    }
    std::string known;
    for (const std::string& a : counts.addresses) known += (known.empty() ? "" : ", ") + masked(a);
    std::printf("Known as: %s\n", known.c_str());
    print_counts(report);
    if (counts.busy > 0) {
        std::printf(
            "%lld more are in flight, of unknown outcome, not routed or locked: they come last.\n",
            static_cast<long long>(counts.busy));
    }
    std::printf("Nothing was changed.\n");
    return kOk;
}

/// Goes on until nothing is left, or only what nothing can be done about for the time being.
/// returns  whether it is done
bool work(pg::Connection& db, const std::string& id, std::chrono::seconds wait) {
    const Clock& clock = system_clock();
    std::optional<SteadyTime> waiting_since;
    while (true) {
        const SteadyTime began = clock.steady_now();
        const ErasureStep step = maintenance::erase_step(db, id);
        if (step == ErasureStep::went_on) {
            // The hot path has the database for at least as long as we have.
            std::this_thread::sleep_for(clock.steady_now() - began);
            continue;
        }
        if (step == ErasureStep::none) {
            const auto state = maintenance::erasure_state(db, id);
            if (!state || state->is_done) return true;
        }
        if (step == ErasureStep::left_some && !waiting_since) waiting_since = began;
        if (waiting_since && began - *waiting_since >= wait) return false;
        std::this_thread::sleep_for(step == ErasureStep::left_some ? kNextRound : kLookAgain);
    }
}

int erase(const Options& options) {
    const std::string address = given_address(options.address);
    pg::Connection db = connect("erase");
    if (const auto reason = maintenance::why_not_erased(db, address))
        throw Failure{kFailed, *reason};
    if (options.is_dry_run) return count(db, address, options);
    confirm("Erase " + masked(address) + " everywhere? It cannot be undone; --dry-run counts it.",
            options.is_sure);

    Report report{.id = maintenance::ask_erasure(db, address, unless_empty(options.by),
                                                 unless_empty(options.reason))};
    report.is_done = work(db, report.id, std::chrono::seconds{options.wait_seconds});
    if (const auto state = maintenance::erasure_state(db, report.id)) {
        report.rows = rows_of(state->erased_json);
        report.busy = state->busy;
    }
    if (options.as_json) {
        print_json(report, {});
        return report.is_done ? kOk : kFailed;
    }
    const bool has_any = std::any_of(report.rows.begin(), report.rows.end(),
                                     [](const auto& one) { return one.second > 0; });
    if (has_any) print_counts(report);
    if (report.is_done && !has_any) {
        std::printf(
            "There was nothing of this person, or it is erased already; event_log says "
            "that somebody asked, under the correlation id %s.\n",
            report.id.c_str());
        return kOk;
    }
    if (report.is_done) {
        std::printf("Erased; event_log says so under the correlation id %s.\n", report.id.c_str());
        return kOk;
    }
    throw Failure{
        kFailed,
        fmt::format("{} rows of this person are left: messages in flight or of unknown outcome, "
                    "or events that are not routed. The running service erases them as soon as "
                    "they are settled; the same command shows whether it has. A message that is "
                    "held for a person waits for `pgcourier outbox settle`",
                    report.busy)};
}

}  // namespace

void add_erase(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "erase",
        "Erase one person: their number, user ids, name and what they wrote and were written, in "
        "all tables. The rows stay, to be counted; an opt-out stays under a hash, and holds");
    command
        ->add_option("--phone", options->address,
                     "Their number, like +33612345678, or WhatsApp user id; - reads it from "
                     "standard input")
        ->required();
    command->add_flag("--dry-run", options->is_dry_run, "Only count what would be erased");
    command
        ->add_option("--wait", options->wait_seconds,
                     "So many seconds for messages that are in flight or of unknown outcome")
        ->check(CLI::Range(0, 86400))
        ->capture_default_str();
    command->add_option("--reason", options->reason, "Why; kept in event_log");
    command->add_option("--by", options->by,
                        "Who does it, for event_log; without it the database user");
    add_yes(*command, options->is_sure);
    command->add_flag("--json", options->as_json, "Print JSON");
    command->footer(
        "It cannot be undone. Broken off, it is finished by the running service, or by the same "
        "command. Twilio, backups and the shop's own tables are not reached.");
    command->callback([&chosen, options] { chosen = [options] { return erase(*options); }; });
}

}  // namespace pgcourier::cli
