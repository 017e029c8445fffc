#include "doctor/database_checks.hpp"
#include "doctor/judge.hpp"
#include "pg/migrate.hpp"
#include "sql/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pgcourier::doctor {
namespace {

constexpr std::size_t kMostNames = 3;
constexpr int kMostObjects = 5;

std::string names_of(const std::vector<std::string>& names) {
    const auto shown = std::min(names.size(), kMostNames);
    std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

Verdict judge_schema(pg::Connection& db) {
    const pg::Rows tables = db.exec(sql::doctor::rights);
    if (!tables.empty() && !tables[0].boolean(2)) {
        const std::string home = tables[0].string(0);
        return {State::fail,
                fmt::format("the tables are in the schema {}, which {}", home,
                            tables[0].boolean(3) ? "is not in this role's search_path"
                                                 : "this role may not use"),
                fmt::format("Let the role find them: ALTER ROLE … SET search_path = {0} (or "
                            "?schema={0} in DATABASE_URL); "
                            "GRANT USAGE ON SCHEMA {0} TO …",
                            home)};
    }
    std::map<std::string, std::vector<std::string>> by_state;
    for (const pg::MigrationStatus& status : pg::migration_status(db))
        by_state[status.state].push_back(status.name);
    const std::size_t done = by_state["applied"].size() + by_state["adopted"].size();
    const std::string found =
        fmt::format("{} migrations applied (program level {})", done, pg::kProgramLevel);
    const auto of = [&by_state](const char* state) -> const std::vector<std::string>& {
        return by_state[state];
    };
    if (!of("unfinished").empty()) {
        return {State::fail, fmt::format("{}; unfinished: {}", found, names_of(of("unfinished"))),
                "Prisma began it and did not end it: look at what it did, then `prisma migrate "
                "resolve`, then pgcourier migrate up"};
    }
    if (!of("changed").empty()) {
        return {State::fail, fmt::format("{}; changed since: {}", found, names_of(of("changed"))),
                "This program has another text for a migration that was applied: run the program "
                "that applied it, or a newer one"};
    }
    std::vector<std::string> pending = of("missing");
    pending.insert(pending.end(), of("adoptable").begin(), of("adoptable").end());
    std::sort(pending.begin(), pending.end());
    if (!pending.empty()) {
        return {State::fail,
                fmt::format("{}; {} pending: {}", found, pending.size(), names_of(pending)),
                "Run: pgcourier migrate up, as the owner of the tables"};
    }
    if (const Result<void> may_serve = pg::check_schema(db); !may_serve)
        return {State::fail, may_serve.error().what,
                "Run: pgcourier migrate up, or this program's "
                "newer version"};
    if (!of("newer").empty()) {
        return {State::warn,
                fmt::format("{}; of a newer program: {}", found, names_of(of("newer"))),
                "This program still works with it; update it soon"};
    }
    if (!pg::is_ops_current(db)) {
        return {State::warn, fmt::format("{}; the schema ops is of another version", found),
                "Run: pgcourier migrate up, which makes its views anew"};
    }
    return {State::ok, found};
}

Verdict judge_permissions(pg::Connection& db, const Server& server) {
    const pg::Rows tables = db.exec(sql::doctor::rights);
    if (tables.empty()) return {State::skip, "not looked at: there are no tables yet"};
    const pg::Rows missing = db.exec(sql::doctor::missing_privileges);
    if (!missing.empty()) {
        std::vector<std::string> words;
        for (int i = 0; i < std::min(missing.size(), kMostObjects); ++i) {
            words.push_back(fmt::format("{} on {}", missing[i].text(1), missing[i].text(0)));
        }
        if (missing.size() > kMostObjects)
            words.push_back(fmt::format("and on {} more", missing.size() - kMostObjects));
        return {State::fail,
                fmt::format("the role {} has no {}", server.role, fmt::join(words, ", ")),
                fmt::format("GRANT pgcourier_service TO {}; when that role is missing or lacks "
                            "something, the owner of the tables runs pgcourier migrate up",
                            server.role)};
    }
    if (server.is_superuser) {
        return {State::warn, fmt::format("the role {} is a superuser", server.role),
                "Make one that can drop nothing: CREATE ROLE … LOGIN PASSWORD '…' IN ROLE "
                "pgcourier_service"};
    }
    if (tables[0].boolean(1)) {
        return {State::ok, fmt::format("the role {} may do all, and drop the tables, which it "
                                       "owns; a member of pgcourier_service could not",
                                       server.role)};
    }
    return {State::ok, fmt::format("the role {} may do what the service does, and can drop nothing",
                                   server.role)};
}

Verdict judge_sessions(const pg::Row& row, const Limits& limits) {
    const std::chrono::seconds age{row.int64(0)};
    const std::int64_t hidden = row.int64(3);
    const std::string blind =
        hidden == 0 ? "" : fmt::format("; hidden sessions of others: {}", hidden);
    if (row.is_null(1)) return {State::ok, "none open" + blind};
    const State state = state_of_age(age, limits.snapshot_warn, limits.snapshot_fail);
    const std::string found =
        fmt::format("the oldest is {} old: {}{}", span(age), row.text(1), blind);
    if (state == State::ok) return {state, found};
    return {
        state, found,
        fmt::format("No dead row is removed while it stands, and queues become slow. End it with "
                    "pg_terminate_backend({}), and set idle_in_transaction_session_timeout "
                    "for its role",
                    row.text(2))};
}

Verdict judge_prepared(const pg::Row& row, const Limits& limits) {
    if (row.int64(4) == 0) return {State::ok, "none"};
    const std::chrono::seconds age{row.int64(5)};
    const State state = state_of_age(age, limits.snapshot_warn, limits.snapshot_fail);
    const std::string found =
        fmt::format("{}, the oldest is {} old: {}", row.int64(4), span(age), row.text(6));
    if (state == State::ok) return {state, found};
    return {state, found,
            "Nobody ends it by itself, it outlives restarts and keeps its locks: COMMIT PREPARED "
            "or ROLLBACK PREPARED '" +
                row.string(6) + "'"};
}

}  // namespace

void check_schema(Checks& checks, Db& db) {
    checks.say("schema", [&] { return judge_schema(*db); });
}

void check_permissions(Checks& checks, Db& db, const Server& server) {
    checks.say("permissions", [&] { return judge_permissions(*db, server); });
}

void check_snapshots(Checks& checks, Db& db, const Limits& limits) {
    pg::Rows rows;
    checks.say("long snapshots", [&] {
        rows = db->exec(sql::doctor::snapshots);
        return judge_sessions(rows[0], limits);
    });
    checks.say("prepared transactions", [&] {
        if (rows.empty()) return Verdict{State::skip, "not looked at: the query before failed"};
        return judge_prepared(rows[0], limits);
    });
}

}  // namespace pgcourier::doctor
