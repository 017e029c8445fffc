// `pgcourier status`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/live.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <utility>

namespace pgcourier::cli {
namespace {

constexpr int kFigure = 0;
constexpr int kState = 2;
// Below the table, whole, of what is not ok: it is there to be copied.
constexpr int kAdvice = 5;
// The statement's last columns, which the table does not show.
constexpr int kSentence = 6;
constexpr int kWorst = 7;

// 1 and 2 are what they are for every command.
constexpr int kWarning = 3;
constexpr int kAlert = 4;

int exit_code(const pg::Rows& rows) {
    const std::string_view worst = rows[0].text(kWorst);
    return worst == "alert" ? kAlert : worst == "warning" ? kWarning : int{kOk};
}

/// columns  at which advice is broken; 0: nowhere, since a broken statement cannot be copied
std::vector<std::string> lines_of(const pg::Rows& rows, const Look& look, std::size_t columns) {
    std::vector<std::string> lines{rows[0].string(kSentence), ""};
    for (std::string& line : lay_out(table_of(rows, kAdvice), look))
        lines.push_back(std::move(line));
    bool is_first = true;
    for (const pg::Row row : rows) {
        if (row.text(kState) == "ok") continue;
        if (std::exchange(is_first, false)) lines.emplace_back();
        for (std::string& line :
             wrapped(printable(row.string(kFigure) + ": " + row.string(kAdvice)), columns))
            lines.push_back(std::move(line));
    }
    return lines;
}

int show(bool as_json) {
    pg::Connection db = connect();
    const pg::Rows rows = db.exec(sql::cli::status);
    if (as_json) {
        say_json(json_of(rows, kSentence));
    } else {
        for (const std::string& line : lines_of(rows, look_of_output(), 0))
            std::printf("%s\n", line.c_str());
    }
    return exit_code(rows);
}

/// returns  the code of what was seen last
int watch(std::chrono::milliseconds every) {
    int code = kOk;
    keep_looking(every, [&code](pg::Connection& db, const Look& look) {
        const pg::Rows rows = db.exec(sql::cli::status);
        code = exit_code(rows);
        std::vector<std::string> lines = lines_of(rows, look, look.width);
        // The sentence stands in one line here, as all that is redrawn.
        if (look.width > 0) lines[0] = cut(lines[0], look.width);
        lines.insert(lines.begin(), rows[0].string(kWorst + 1));
        return lines;
    });
    return code;
}

}  // namespace

void add_status(CLI::App& app, Chosen& chosen) {
    struct Options {
        bool as_json = false;
        double seconds = 2;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* status =
        app.add_subcommand("status", "Say whether all is well, or what is not: ops.health");
    CLI::Option* as_json = status->add_flag("--json", options->as_json, "Print JSON");
    CLI::Option* every = status->add_option("--watch", options->seconds,
                                            "Look again every so many seconds, until Ctrl-C");
    every->type_name("SECONDS")
        ->expected(0, 1)
        ->default_str("2")
        ->check(CLI::Range(0.1, 86400.0))
        ->excludes(as_json);
    status->footer(
        "Exit code 0 when all is well, 3 when there are warnings, 4 when there are alerts; 1 when "
        "it cannot be found out. With --watch, that of the last look.");
    status->callback([&chosen, options, every] {
        chosen = [options, every] {
            if (every->count() == 0) return show(options->as_json);
            return watch(std::chrono::milliseconds{std::lround(options->seconds * 1000)});
        };
    });
}

}  // namespace pgcourier::cli
