// `pgcourier outbox add|list|show|release|settle|cancel`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/sure.hpp"
#include "cli/tenants.hpp"
#include "cli/times.hpp"
#include "pg/statement_error.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pgcourier::cli {
namespace {

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

int release_all(pg::Connection& db, const std::string& by, bool is_sure, bool as_json) {
    const pg::Rows held = db.exec(sql::cli::outbox_held);
    if (!held.empty()) confirm(fmt::format("Send all {} that are held?", held.size()), is_sure);
    int released = 0;
    for (const pg::Row row : held) {
        try {
            db.exec(sql::cli::outbox_release, pg::Params{row.text(0), unless_empty(by)});
            ++released;
        } catch (const pg::StatementError& e) {
            if (!e.said().starts_with("no held message")) throw;  // not: somebody was faster
        }
    }
    const auto others = held.size() - released;
    tell_result(fmt::format("{} released.{}", released,
                            others > 0 ? fmt::format(" {} were no longer held.", others) : ""),
                as_json);
    return kOk;
}

}  // namespace

void add_outbox(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string tenant;
        std::string to;
        std::string body;
        std::string media_url;
        std::string content_sid;
        std::string content_variables;
        std::string send_at;
        std::string expires_at;
        std::string dedupe_key;
        std::string status;
        std::string id;
        std::string reason;
        std::string by;
        std::int64_t limit = 100;
        bool all = false;
        bool was_sent = false;
        bool was_not_sent = false;
        bool as_json = false;
        bool is_sure = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* outbox = app.add_subcommand("outbox", "The outgoing messages");
    outbox->require_subcommand(1);

    CLI::App* add = outbox->add_subcommand("add", "Send a message, as the shop would");
    add->add_option("--tenant", options->tenant, "The shop: its id, number or name")->required();
    add->add_option("--to", options->to, "The recipient, like +33612345678")->required();
    add->add_option("--body", options->body, "The text, at most 1600 characters");
    add->add_option("--media", options->media_url, "The URL of one picture, video or document");
    add->add_option("--template", options->content_sid,
                    "A template instead of a text: HX and 32 digits");
    add->add_option("--variables", options->content_variables,
                    "The template's variables, like {\"1\": \"Zoé\"}");
    add->add_option("--send-at", options->send_at,
                    "Not before then, like '2026-02-08 10:00' (UTC)");
    add->add_option("--expires-at", options->expires_at, "Not from then on");
    add->add_option("--dedupe-key", options->dedupe_key,
                    "Refused when a message had it in the last 24 hours");
    add->add_flag("--json", options->as_json, "Print JSON");
    add->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const std::string tenant = find_tenant(db, options->tenant);
            const pg::Call insert{
                sql::cli::outbox_add,
                pg::Params{tenant, options->to, options->body, unless_empty(options->media_url),
                           unless_empty(options->content_sid),
                           unless_empty(options->content_variables),
                           checked_time(db, "--send-at", options->send_at),
                           checked_time(db, "--expires-at", options->expires_at),
                           unless_empty(options->dedupe_key)}};
            // With its limits: given up by us alone, it would still be done when its turn comes.
            print_record(db.transact({&insert, 1}).front(), options->as_json);
            return kOk;
        };
    });

    CLI::App* list = outbox->add_subcommand("list", "List what is not finished, and the dead");
    list->add_option("--status", options->status,
                     "Only this; sent: only those that Twilio took and then could not deliver")
        ->check(CLI::IsMember({"pending", "sending", "failed", "unknown", "dead", "sent"}));
    list->add_option("--limit", options->limit, "At most so many rows")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    list->add_flag("--json", options->as_json, "Print JSON");
    list->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const std::string nothing =
                options->status.empty() ? "Nothing waits, nothing is dead."
                : options->status == "sent"
                    ? "Nothing was sent and could not be delivered. What was delivered is finished "
                      "and not listed: `pgcourier show ID` shows it."
                    : "Of what is not finished, nothing is " + options->status + ".";
            print_rows(db.exec(sql::cli::outbox_list,
                               pg::Params{unless_empty(options->status), options->limit}),
                       options->as_json, nothing);
            return kOk;
        };
    });

    CLI::App* show = outbox->add_subcommand("show", "Show all that is known of one message");
    show->add_option("id", options->id, "Its id")->required();
    show->add_flag("--json", options->as_json, "Print JSON");
    show->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const pg::Rows rows = db.exec(sql::cli::outbox_show, pg::Params{options->id});
            if (rows.empty())
                throw Failure{kFailed, "no outgoing message has the id " + options->id};
            print_record(rows, options->as_json);
            return kOk;
        };
    });

    CLI::App* release =
        outbox->add_subcommand("release", "Send what was held for a person to decide");
    CLI::Option* id = release->add_option("id", options->id, "Its id");
    release->add_flag("--all", options->all, "Everything that is held")->excludes(id);
    release->add_option("--by", options->by,
                        "Who does it, for event_log; without it the database user");
    add_yes(*release, options->is_sure);
    release->add_flag("--json", options->as_json, "Print JSON");
    release->callback([&chosen, options] {
        chosen = [options] {
            if (options->id.empty() && !options->all) {
                throw Failure{
                    kUsage, "outbox release: found neither an id nor --all, expected one of them"};
            }
            pg::Connection db = connect();
            if (options->all)
                return release_all(db, options->by, options->is_sure, options->as_json);
            const pg::Rows rows = db.exec(sql::cli::outbox_release,
                                          pg::Params{options->id, unless_empty(options->by)});
            tell_result(rows[0].string(0), options->as_json);
            return int{kOk};
        };
    });

    CLI::App* settle =
        outbox->add_subcommand("settle", "Say what became of a message whose outcome is unknown");
    settle->add_option("id", options->id, "Its id")->required();
    CLI::Option* sent = settle->add_flag("--sent", options->was_sent, "The person has it");
    settle->add_flag("--not-sent", options->was_not_sent, "Surely nobody has it: it is sent again")
        ->excludes(sent);
    settle->add_option("--by", options->by,
                       "Who does it, for event_log; without it the database user");
    settle->add_flag("--json", options->as_json, "Print JSON");
    settle->callback([&chosen, options] {
        chosen = [options] {
            if (!options->was_sent && !options->was_not_sent) {
                throw Failure{kUsage,
                              "outbox settle: found neither --sent nor --not-sent, expected one of "
                              "them"};
            }
            pg::Connection db = connect();
            const pg::Rows rows =
                db.exec(sql::cli::outbox_settle,
                        pg::Params{options->id, options->was_sent, unless_empty(options->by)});
            tell_result(rows[0].string(0), options->as_json);
            return int{kOk};
        };
    });

    CLI::App* cancel =
        outbox->add_subcommand("cancel", "Take back a message that was not sent yet");
    cancel->add_option("id", options->id, "Its id")->required();
    cancel->add_option("--reason", options->reason, "Why; kept in event_log");
    cancel->add_option("--by", options->by,
                       "Who does it, for event_log; without it the database user");
    cancel->add_flag("--json", options->as_json, "Print JSON");
    cancel->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const pg::Rows rows = db.exec(
                sql::cli::outbox_cancel,
                pg::Params{options->id, unless_empty(options->reason), unless_empty(options->by)});
            tell_result(rows[0].string(0), options->as_json);
            return int{kOk};
        };
    });
}

}  // namespace pgcourier::cli
