#include "cli/times.hpp"

#include "base/environment.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "sql/cli.hpp"

#include <fmt/format.h>

namespace pgcourier::cli {

std::optional<std::string> checked_time(pg::Connection& db, const char* option,
                                        const std::string& text) {
    if (text.empty()) return std::nullopt;
    try {
        db.exec(sql::cli::read_time, pg::Params{text});
    } catch (const pg::Error& e) {
        // Class 22: it is not written as a time, or there is no such one.
        if (!e.sqlstate().starts_with("22")) throw;
        throw Failure{kUsage,
                      fmt::format("{}: found {}, expected a time, as '2026-02-08 10:00' (UTC)",
                                  option, shown(text))};
    }
    return text;
}

}  // namespace pgcourier::cli
