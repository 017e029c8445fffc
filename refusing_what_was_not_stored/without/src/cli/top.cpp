// `pgcourier top`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/flows.hpp"
#include "cli/live.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <cstdio>

namespace pgcourier::cli {
namespace {

/// One look at everything, of one moment.
struct Seen {
    std::string at;
    Flows flows;
    pg::Rows queues;
    pg::Rows latency;
    pg::Rows paused;
    pg::Rows instances;
    pg::Rows tenants;
};

Flows flows_of(const pg::Rows& rows) {
    Flows flows{.minute = rows[0].int64(4), .seconds = rows[0].number(5), .all = {}};
    for (const pg::Row row : rows)
        flows.all.push_back({row.string(0), row.int64(1), row.int64(2), row.int64(3)});
    return flows;
}

Seen look_at(pg::Connection& db) {
    const pg::Call calls[] = {{sql::cli::top_flows},     {sql::cli::top_queues},
                              {sql::cli::top_latency},   {sql::cli::pauses},
                              {sql::cli::top_instances}, {sql::cli::top_tenants}};
    std::vector<pg::Rows> rows = db.transact(calls);
    return {.at = rows[0][0].string(6),
            .flows = flows_of(rows[0]),
            .queues = std::move(rows[1]),
            .latency = std::move(rows[2]),
            .paused = std::move(rows[3]),
            .instances = std::move(rows[4]),
            .tenants = std::move(rows[5])};
}

Table flows_table(const Flows& flows, const std::vector<double>& rates) {
    Table table{{{"flow", "per_second", "this_minute", "last_minute", "last_hour"}}, {1, 2, 3, 4}};
    for (std::size_t i = 0; i < flows.all.size(); ++i) {
        const Flow& flow = flows.all[i];
        table.lines.push_back({flow.name, fmt::format("{:.1f}", rates[i]),
                               std::to_string(flow.this_minute), std::to_string(flow.last_minute),
                               std::to_string(flow.last_hour)});
    }
    return table;
}

std::vector<std::string> page_of(const Seen& seen, const std::vector<double>& rates,
                                 const Look& look, bool is_live) {
    std::vector<std::string> lines;
    const auto say = [&](const std::string& words) {
        if (!lines.empty()) lines.emplace_back();
        lines.push_back(look.width == 0 ? words : cut(words, look.width));
    };
    const auto add = [&](const Table& table) {
        lines.emplace_back();
        for (std::string& line : lay_out(table, look)) lines.push_back(std::move(line));
    };
    const auto add_rows = [&](const pg::Rows& rows, const char* nothing) {
        if (rows.empty()) {
            say(nothing);
        } else {
            add(table_of(rows));
        }
    };
    say(fmt::format("pgcourier {}, {}{}", kVersion, seen.at, is_live ? "   q ends" : ""));
    add(table_of(seen.queues));
    add(flows_table(seen.flows, rates));
    add_rows(seen.latency, "No message in the last hour: no latency.");
    add_rows(seen.paused, "Nothing is paused, no breaker is open.");
    add_rows(seen.instances, "No instance is running: pgcourier serve starts one.");
    add_rows(seen.tenants, "No shop has anything to send.");
    return lines;
}

std::string json_of(const Seen& seen, const std::vector<double>& rates) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    const auto add = [&json](const char* key, const pg::Rows& rows) {
        const std::string text = cli::json_of(rows);
        json.Key(key);
        json.RawValue(text.data(), text.size(), rapidjson::kArrayType);
    };
    json.StartObject();
    json.Key("at");
    json.String(seen.at);
    add("queues", seen.queues);
    json.Key("flows");
    json.StartArray();
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const Flow& flow = seen.flows.all[i];
        json.StartObject();
        json.Key("flow");
        json.String(flow.name);
        json.Key("per_second");
        json.Double(std::round(rates[i] * 1000) / 1000);
        json.Key("this_minute");
        json.Int64(flow.this_minute);
        json.Key("last_minute");
        json.Int64(flow.last_minute);
        json.Key("last_hour");
        json.Int64(flow.last_hour);
        json.EndObject();
    }
    json.EndArray();
    add("latency", seen.latency);
    add("paused", seen.paused);
    add("instances", seen.instances);
    add("tenants", seen.tenants);
    json.EndObject();
    return buffer.GetString();
}

int once(bool as_json) {
    pg::Connection db = connect();
    const Seen seen = look_at(db);
    const std::vector<double> rates = per_second(nullptr, seen.flows);
    if (as_json) {
        say_json(json_of(seen, rates));
        return kOk;
    }
    for (const std::string& line : page_of(seen, rates, look_of_output(), false))
        std::printf("%s\n", line.c_str());
    return kOk;
}

int live() {
    FlowRates rates;
    keep_looking(std::chrono::seconds{1}, [&rates](pg::Connection& db, const Look& look) {
        const Seen seen = look_at(db);
        return page_of(seen, rates.add(seen.flows), look, true);
    });
    return kOk;
}

}  // namespace

void add_top(CLI::App& app, Chosen& chosen) {
    struct Options {
        bool as_json = false;
        bool is_once = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* top = app.add_subcommand(
        "top", "Watch queues, throughput, latency, pauses, instances and the busiest shops");
    top->add_flag("--once", options->is_once, "Print it once, as when not on a terminal");
    top->add_flag("--json", options->as_json, "Print it once, as one JSON object");
    top->footer("Drawn anew each second; q or Ctrl-C ends it.");
    top->callback([&chosen, options] {
        chosen = [options] {
            if (options->as_json || options->is_once || !can_redraw())
                return once(options->as_json);
            return live();
        };
    });
}

}  // namespace pgcourier::cli
