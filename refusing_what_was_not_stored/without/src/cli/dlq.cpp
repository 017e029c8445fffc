// `pgcourier dlq list|show|retry|discard`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/sure.hpp"
#include "cli/tenants.hpp"
#include "cli/text.hpp"
#include "cli/times.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

// Thousands at once are one transaction, each with its rows in four tables.
constexpr std::chrono::minutes kBulkTimeout{10};
// So many at once, as ops.find_dead_letters finds them.
constexpr int kMostAtOnce = 10'000;

struct Options {
    std::string id;
    std::string tenant;
    std::optional<int> code;
    std::string since;
    std::string until;
    bool everything = false;
    bool is_dry_run = false;
    std::optional<double> per_second;
    std::string by;
    std::string reason;
    std::int64_t limit = 100;
    bool as_json = false;
    bool is_sure = false;

    bool has_filter() const {
        return everything || !tenant.empty() || code || !since.empty() || !until.empty();
    }
};

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

void add_filter(CLI::App& command, Options& options) {
    command.add_option("--tenant", options.tenant, "Only of this shop: its id, number or name");
    command.add_option("--code", options.code, "Only with this error code of Twilio's");
    command.add_option("--since", options.since,
                       "Only given up from then on, like '2026-02-08 10:00' (UTC)");
    command.add_option("--until", options.until, "Only given up before then");
}

/// What `retry` and `discard` share: one by its id, or many by filter.
void add_act(CLI::App& command, Options& options) {
    CLI::Option* id = command.add_option("id", options.id, "Its id, or that of its message");
    add_filter(command, options);
    command.add_flag("--all", options.everything, "Every one that nobody resolved");
    command.add_flag("--dry-run", options.is_dry_run, "Only show which");
    command.add_option("--by", options.by,
                       "Who does it, for event_log; without it the database user");
    command.add_option("--reason", options.reason, "Why; kept in event_log");
    add_yes(command, options.is_sure);
    command.add_flag("--json", options.as_json, "Print JSON; of many a row for each");
    for (const char* other : {"--tenant", "--code", "--since", "--until", "--all", "--dry-run"}) {
        id->excludes(command.get_option(other));
    }
}

void check_chosen(const Options& options, const char* command) {
    if (!options.id.empty() || options.has_filter()) return;
    throw Failure{kUsage, std::string{command} +
                              ": found neither an id nor a filter, expected an id, --tenant, "
                              "--code, --since, --until or --all"};
}

std::optional<std::string> tenant_of(pg::Connection& db, const Options& options) {
    if (options.tenant.empty()) return std::nullopt;
    return find_tenant_or_gone(db, options.tenant);
}

bool asks(const Options& options) {
    return !options.is_dry_run && can_ask(options.is_sure);
}

/// Asks before something is done to many. `shown` are those that it would be done to.
void ask_first(const char* act, const pg::Rows& shown, const Options& options) {
    if (shown.empty()) return;
    confirm(fmt::format("{} {} dead letters?", act, shown.size()), options.is_sure);
}

/// `12 retried, 1 left as it is:` and why; all of them when nothing was done or as JSON.
int print_many(const pg::Rows& rows, const Options& options, int is_done_column, const char* done) {
    if (options.as_json) {
        print_json(rows);
        return kOk;
    }
    const char* const more =
        rows.size() < kMostAtOnce ? "" : "There may be more: once more does the next ones.\n";
    if (options.is_dry_run) {
        print_table(rows, "No dead letters.");
        std::printf("%s", more);
        return kOk;
    }
    int count = 0;
    for (const pg::Row row : rows) {
        if (row.boolean(is_done_column)) {
            ++count;
        } else {
            say(row.string(is_done_column + 1));
        }
    }
    std::printf("%d %s, %d left as they were.\n%s", count, done, rows.size() - count, more);
    return kOk;
}

int list(const Options& options) {
    pg::Connection db = connect();
    const pg::Params filter{options.limit, tenant_of(db, options), options.code,
                            checked_time(db, "--since", options.since),
                            checked_time(db, "--until", options.until)};
    const pg::Rows letters = db.exec(sql::cli::dlq_list, filter);
    // Letters outlive their tenant, so that only where there are none it may be a mistake.
    if (letters.empty() && !options.tenant.empty()) find_tenant(db, options.tenant);
    print_rows(letters, options.as_json, "No dead letters.");
    return kOk;
}

int show(const Options& options) {
    pg::Connection db = connect();
    const pg::Rows rows = db.exec(sql::cli::dlq_show, pg::Params{options.id});
    if (rows.empty())
        throw Failure{kFailed, "no dead letter has the id " + options.id +
                                   ", nor is one of a message of that id"};
    print_record(rows, options.as_json);
    return kOk;
}

int retry(const Options& options) {
    check_chosen(options, "dlq retry");
    pg::Connection db = connect();
    const auto by = unless_empty(options.by);
    const auto reason = unless_empty(options.reason);
    if (!options.id.empty()) {
        const pg::Rows rows = db.exec(sql::cli::dlq_retry, pg::Params{options.id, by, reason});
        tell_result(rows[0].string(0), options.as_json);
        return kOk;
    }
    const auto tenant = tenant_of(db, options);
    const auto since = checked_time(db, "--since", options.since);
    const auto until = checked_time(db, "--until", options.until);
    const auto act = [&](bool is_dry_run) {
        const pg::Params filter{
            tenant, options.code, since,     until, options.everything, options.per_second,
            by,     reason,       is_dry_run};
        return db.exec(sql::cli::dlq_retry_many, filter);
    };
    db.set_answer_timeout(kBulkTimeout);
    db.set_statement_timeout(kBulkTimeout);
    if (asks(options)) ask_first("Retry", act(true), options);
    return print_many(act(options.is_dry_run), options, 3, "retried");
}

int discard(const Options& options) {
    check_chosen(options, "dlq discard");
    pg::Connection db = connect();
    const auto by = unless_empty(options.by);
    const auto reason = unless_empty(options.reason);
    if (!options.id.empty()) {
        const pg::Rows rows = db.exec(sql::cli::dlq_discard, pg::Params{options.id, by, reason});
        tell_result(rows[0].string(0), options.as_json);
        return kOk;
    }
    const auto tenant = tenant_of(db, options);
    const auto since = checked_time(db, "--since", options.since);
    const auto until = checked_time(db, "--until", options.until);
    const auto act = [&](bool is_dry_run) {
        const pg::Params filter{tenant, options.code, since,     until, options.everything,
                                by,     reason,       is_dry_run};
        return db.exec(sql::cli::dlq_discard_many, filter);
    };
    db.set_answer_timeout(kBulkTimeout);
    db.set_statement_timeout(kBulkTimeout);
    if (asks(options)) ask_first("Discard", act(true), options);
    return print_many(act(options.is_dry_run), options, 2, "discarded");
}

}  // namespace

void add_dlq(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* dlq = app.add_subcommand("dlq", "The dead letters: what was given up on");
    dlq->require_subcommand(1);
    const auto does = [&chosen, options](CLI::App* command, int (*act)(const Options&)) {
        command->callback(
            [&chosen, options, act] { chosen = [options, act] { return act(*options); }; });
    };

    CLI::App* list_them = dlq->add_subcommand("list", "List those that nobody resolved");
    add_filter(*list_them, *options);
    list_them->add_option("--limit", options->limit, "At most so many rows")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    list_them->add_flag("--json", options->as_json, "Print JSON");
    does(list_them, list);

    CLI::App* show_one = dlq->add_subcommand("show", "Show one");
    show_one->add_option("id", options->id, "Its id, or that of its message")->required();
    show_one->add_flag("--json", options->as_json, "Print JSON");
    does(show_one, show);

    CLI::App* retry_them = dlq->add_subcommand(
        "retry", "Make one pending again, with attempts 0, or all that a filter means");
    add_act(*retry_them, *options);
    retry_them
        ->add_option("--per-second", options->per_second,
                     "Of many, at most so many a second, in their order")
        ->check(CLI::Range(0.001, 10000.0));
    does(retry_them, retry);

    CLI::App* discard_them = dlq->add_subcommand(
        "discard", "Resolve one, or all that a filter means, without doing anything");
    add_act(*discard_them, *options);
    does(discard_them, discard);
}

}  // namespace pgcourier::cli
