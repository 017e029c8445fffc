#include "maintenance/retention.hpp"

#include "base/log.hpp"
#include "maintenance/pages.hpp"
#include "maintenance/refusal.hpp"
#include "sql/maintenance.hpp"

#include <array>
#include <exception>
#include <optional>
#include <thread>

namespace pgcourier::maintenance {
namespace {

const Log kLog{"Maintenance"};

// Of the seconds between two ticks: about a fiftieth for each table that is full of old rows.
constexpr std::chrono::milliseconds kAWhile{100};

struct Table {
    std::string_view name;
    const pg::Statement& statement;
    int RetentionDays::*days;
};

// Letters first: what has an unresolved one is kept. Messages before events: an event whose message
// waits for its tenant is kept.
constexpr std::array<Table, 6> kTables{{
    {"dead_letter_jobs", sql::maintenance::retention_dead_letters, &RetentionDays::dead_letters},
    {"messages_in", sql::maintenance::retention_messages_in, &RetentionDays::messages},
    {"messages_out", sql::maintenance::retention_messages_out, &RetentionDays::messages},
    {"delivery_events", sql::maintenance::retention_deliveries, &RetentionDays::messages},
    {"webhook_events", sql::maintenance::retention_events, &RetentionDays::messages},
    {"event_log", sql::maintenance::retention_log, &RetentionDays::event_log},
}};

/// What a step does with its old rows: all that go go together, unless one of them is refused.
enum class Way { counts, together, alone };

// Also of a key that is checked at COMMIT only, where it would undo the whole step.
constexpr pg::Statement kCheckAtOnce{"check_at_once", "SET CONSTRAINTS ALL IMMEDIATE"};

std::vector<pg::Call> settings(Way way) {
    std::vector<pg::Call> calls{pg::Call{sql::maintenance::plan}};
    if (way == Way::alone) calls.push_back(pg::Call{kCheckAtOnce});
    return calls;
}

pg::Call step(const Table& table, std::int64_t page, int days, Way way) {
    return {table.statement, pg::Params{place_of_page(page), place_of_page(page + kPagesOfAStep),
                                        days, way == Way::counts, way == Way::alone}};
}

void add(Pruned& pruned, const pg::Row& counts) {
    pruned.deleted += counts.int64(0);
    pruned.kept += counts.int64(1);
    pruned.refused += counts.int64(2);
    if (!counts.is_null(3)) pruned.refusal = counts.string(3);
}

void tell_refused(const Pruned& pruned) {
    kLog.warn("Old rows could not be deleted",
              {{"table", pruned.table}, {"rows", pruned.refused}, {"error", pruned.refusal}});
}

/// With all rows together, and where some of them may be to blame with each alone.
template <class Act>
auto with_care(Act act) {
    try {
        return act(Way::together);
    } catch (const pg::Error& e) {
        if (!is_refusal(e) && !takes_long(e)) throw;
    }
    return act(Way::alone);
}

/// The next step of a table's pass, if it is due and no other instance is making it.
/// returns  the pass, when that was its end
std::optional<Pruned> go_on(pg::Connection& db, const Table& table, int days, Way way,
                            const Clock& clock) {
    std::vector<pg::Call> begin = settings(way);
    begin.push_back({sql::maintenance::retention_claim, pg::Params{table.name}});
    std::vector<pg::Rows> rows;
    pg::Transaction transaction{db, begin, rows};
    if (rows.back().empty()) return std::nullopt;
    std::int64_t page = rows.back()[0].int64(0);
    const std::int64_t pages = rows.back()[0].int64(1);
    const bool is_told = rows.back()[0].boolean(2);
    Pruned pruned{.table = table.name, .days = days};
    const SteadyTime until = clock.steady_now() + kAWhile;
    do {
        const pg::Call call = step(table, page, days, way);
        add(pruned, db.pipeline({&call, 1}).front()[0]);
        page += kPagesOfAStep;
    } while (way == Way::together && page < pages && clock.steady_now() < until);
    const bool is_end = page >= pages;
    const auto refusal = pruned.refused > 0 ? std::optional{pruned.refusal} : std::nullopt;
    const pg::Call note{sql::maintenance::retention_note,
                        pg::Params{table.name, page, pruned.deleted, pruned.kept + pruned.refused,
                                   is_end, refusal}};
    rows = transaction.commit({&note, 1});
    if (refusal && !is_told) tell_refused(pruned);
    if (!is_end) return std::nullopt;
    return Pruned{.table = table.name,
                  .days = days,
                  .deleted = rows.back()[0].int64(0),
                  .kept = rows.back()[0].int64(1)};
}

/// All pages of a table, each step a transaction of its own.
void prune_table(pg::Connection& db, Pruned& pruned, const Table& table, Prune what,
                 const Clock& clock) {
    const std::int64_t pages = pages_of(db, table.name);
    for (std::int64_t page = 0; page < pages; page += kPagesOfAStep) {
        const SteadyTime began = clock.steady_now();
        const auto make_step = [&](Way way) {
            std::vector<pg::Call> calls;
            // Before the settings: others may be deleting for longer than lock_timeout.
            if (way != Way::counts)
                calls.push_back({sql::maintenance::retention_lock, pg::Params{table.name}});
            for (const pg::Call& call : settings(way)) calls.push_back(call);
            calls.push_back(step(table, page, pruned.days, way));
            // After CommitUnknown it ends with an error, and the next run finds less to do.
            return std::move(db.transact(calls).back());
        };
        const pg::Rows counts =
            what == Prune::counts ? make_step(Way::counts) : with_care(make_step);
        add(pruned, counts[0]);
        if (what == Prune::deletes) std::this_thread::sleep_for(clock.steady_now() - began);
    }
}

}  // namespace

RetentionDays retention_days(const Config& config) {
    return {.messages = config.retention_days,
            .dead_letters = config.dead_letter_retention_days,
            .event_log = config.event_log_retention_days};
}

std::vector<Pruned> prune_a_while(pg::Connection& db, const RetentionDays& days,
                                  const Clock& clock) {
    std::vector<Pruned> ended;
    for (const Table& table : kTables) {
        try {
            const auto pruned =
                with_care([&](Way way) { return go_on(db, table, days.*table.days, way, clock); });
            if (pruned && pruned->deleted > 0) ended.push_back(*pruned);
        } catch (const pg::Error& e) {
            if (e.is_lost()) throw;
            const pg::Rows told =
                db.exec(sql::maintenance::retention_put_off, pg::Params{table.name, e.what()});
            for (const pg::Row row : told) {
                kLog.warn("Deleting from a table did not get on, and is tried again in 10 minutes",
                          {{"table", table.name}, {"error", row.string(0)}});
            }
            return ended;  // the pulse has waited for it
        }
    }
    return ended;
}

std::vector<Pruned> prune(pg::Connection& db, const RetentionDays& days, Prune what,
                          const Clock& clock) {
    std::vector<Pruned> all;
    std::exception_ptr failure;
    for (const Table& table : kTables) {
        Pruned& pruned = all.emplace_back(Pruned{.table = table.name, .days = days.*table.days});
        try {
            prune_table(db, pruned, table, what, clock);
        } catch (const pg::Error& e) {
            if (e.is_lost()) throw;
            if (!failure) failure = std::current_exception();
        }
        if (pruned.refused > 0) tell_refused(pruned);
    }
    if (failure) std::rethrow_exception(failure);
    return all;
}

}  // namespace pgcourier::maintenance
