// `pgcourier dlq list|show|retry|discard`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace pgcourier::cli {

void add_dlq(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string id;
        std::string reason;
        std::int64_t limit = 100;
        bool as_json = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* dlq = app.add_subcommand("dlq", "The dead letters: what was given up on");
    dlq->require_subcommand(1);

    CLI::App* list = dlq->add_subcommand("list", "List those that nobody resolved");
    list->add_option("--limit", options->limit, "At most so many rows")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    list->add_flag("--json", options->as_json, "Print JSON");
    list->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            print_rows(db.exec(sql::cli::dlq_list, pg::Params{options->limit}), options->as_json,
                       "No dead letters.");
            return kOk;
        };
    });

    CLI::App* show = dlq->add_subcommand("show", "Show one");
    show->add_option("id", options->id, "Its id")->required();
    show->add_flag("--json", options->as_json, "Print JSON");
    show->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const pg::Rows rows = db.exec(sql::cli::dlq_show, pg::Params{options->id});
            if (rows.empty()) throw Failure{kFailed, "no dead letter has the id " + options->id};
            print_record(rows, options->as_json);
            return kOk;
        };
    });

    CLI::App* retry = dlq->add_subcommand("retry", "Make it pending again, with attempts 0");
    retry->add_option("id", options->id, "Its id")->required();
    retry->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            std::printf("%s\n",
                        db.exec(sql::cli::dlq_retry, pg::Params{options->id})[0].string(0).c_str());
            return kOk;
        };
    });

    CLI::App* discard = dlq->add_subcommand("discard", "Resolve it without doing anything");
    discard->add_option("id", options->id, "Its id")->required();
    discard->add_option("--reason", options->reason, "Why; kept in event_log");
    discard->callback([&chosen, options] {
        chosen = [options] {
            pg::Connection db = connect();
            const auto reason =
                options->reason.empty() ? std::nullopt : std::optional{options->reason};
            std::printf("%s\n", db.exec(sql::cli::dlq_discard, pg::Params{options->id, reason})[0]
                                    .string(0)
                                    .c_str());
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
