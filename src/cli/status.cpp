// `pgcourier status`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace pgcourier::cli {

void add_status(CLI::App& app, Chosen& chosen) {
    const auto as_json = std::make_shared<bool>(false);
    CLI::App* status = app.add_subcommand(
        "status", "Show whether all is well: ops.health, with a sentence on top");
    status->add_flag("--json", *as_json, "Print JSON");
    status->callback([&chosen, as_json] {
        chosen = [as_json] {
            pg::Connection db = connect();
            const pg::Rows rows = db.exec(sql::cli::status);
            if (*as_json) {
                print_json(rows);
                return kOk;
            }
            int not_ok = 0;
            for (const pg::Row row : rows) not_ok += row.text(2) == "ok" ? 0 : 1;
            if (not_ok == 0) {
                std::printf("All is well.\n\n");
            } else {
                std::printf("%d of %d figures need a look.\n\n", not_ok, rows.size());
            }
            print_table(rows, "");
            return kOk;
        };
    });
}

}  // namespace pgcourier::cli
