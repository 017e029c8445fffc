// `pgcourier show ID`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

struct Kind {
    std::string_view name;
    const char* title;
    const pg::Statement& statement;
};

const Kind& kind_named(std::string_view name) {
    static const Kind kinds[] = {{"message_out", "Outgoing message", sql::cli::outbox_show},
                                 {"message_in", "Incoming message", sql::cli::show_in},
                                 {"webhook_event", "Received event", sql::cli::show_event},
                                 {"dead_letter", "Dead letter", sql::cli::dlq_show},
                                 {"tenant", "Shop", sql::cli::show_tenant}};
    for (const Kind& kind : kinds)
        if (kind.name == name) return kind;
    throw std::logic_error{"cli.show_find returned a kind that show does not know"};
}

struct Record {
    const Kind& kind;
    pg::Rows rows;  // one
};

struct Shown {
    std::vector<Record> records;
    pg::Rows messages;  // of a person
    std::optional<std::string> explanation;
    pg::Rows trace;
};

bool is_address(std::string_view text) {
    const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    return text.starts_with('+') || text.starts_with("whatsapp:") ||
           (text.size() > 3 && is_capital(text[0]) && is_capital(text[1]) && text[2] == '.');
}

Shown find(pg::Connection& db, const std::string& id) {
    Shown shown;
    for (const pg::Row row : db.exec(sql::cli::show_find, pg::Params{id})) {
        const Kind& kind = kind_named(row.text(0));
        pg::Rows rows = db.exec(kind.statement, pg::Params{row.text(1)});
        // What a dead letter refers to may be gone, or go just now.
        if (!rows.empty()) shown.records.push_back({kind, std::move(rows)});
    }
    const bool is_tenant = !shown.records.empty() && shown.records[0].kind.name == "tenant";
    if (is_tenant) return shown;
    if (shown.records.empty() && is_address(id)) {
        shown.messages = db.exec(sql::cli::messages_of, pg::Params{id});
        if (shown.messages.empty())
            throw Failure{kFailed, "No message is to or from this number, and no shop has it"};
        return shown;
    }
    const pg::Rows explanation = db.exec(sql::cli::explain, pg::Params{id});
    if (explanation[0].boolean(0)) shown.explanation = explanation[0].string(1);
    if (shown.records.empty() && !shown.explanation)
        throw Failure{kFailed, explanation[0].string(1)};
    shown.trace = db.exec(sql::cli::events_trace, pg::Params{id});
    return shown;
}

void print_json(const Shown& shown) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartObject();
    json.Key("found");
    json.StartArray();
    for (const Record& record : shown.records) {
        json.StartObject();
        json.Key("kind");
        json.String(record.kind.name.data(),
                    static_cast<rapidjson::SizeType>(record.kind.name.size()));
        json.Key("fields");
        const std::string fields = json_of(record.rows, record.rows[0]);
        json.RawValue(fields.data(), fields.size(), rapidjson::kObjectType);
        json.EndObject();
    }
    json.EndArray();
    json.Key("explanation");
    if (shown.explanation) {
        json.String(*shown.explanation);
    } else {
        json.Null();
    }
    json.Key("trace");
    const std::string trace = json_of(shown.trace);
    json.RawValue(trace.data(), trace.size(), rapidjson::kArrayType);
    json.EndObject();
    say_json(buffer.GetString());
}

void print(const Shown& shown) {
    bool is_first = true;
    for (const Record& record : shown.records) {
        std::printf("%s%s\n", is_first ? "" : "\n", record.kind.title);
        print_record(record.rows, false);
        is_first = false;
    }
    if (shown.explanation) say((is_first ? "" : "\n") + *shown.explanation);
    if (shown.trace.empty()) return;
    std::printf("\n");
    print_table(shown.trace, "");
}

}  // namespace

void add_show(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string id;
        bool as_json = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* show = app.add_subcommand(
        "show", "Show all that is known of one thing, what will become of it, and what happened");
    show->add_option("id", options->id,
                     "A message's, in or out, Twilio's id of it or its correlation id; an event's, "
                     "a dead letter's; a shop's id, number or name; a person's whole number, for "
                     "the newest 50 messages")
        ->required();
    show->add_flag("--json", options->as_json, "Print JSON");
    show->footer("Numbers of people are masked, and texts are shown as their lengths.");
    show->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const Shown shown = find(db, options->id);
            if (!shown.messages.empty()) {
                if (options->as_json) {
                    say_json("{\"messages\":" + json_of(shown.messages) + "}");
                } else {
                    print_table(shown.messages, "");
                }
            } else if (options->as_json) {
                print_json(shown);
            } else {
                print(shown);
            }
            return int{kOk};
        };
    });
}

}  // namespace pgcourier::cli
