#include "maintenance/retention.hpp"

#include "maintenance/pages.hpp"
#include "sql/maintenance.hpp"

#include <array>
#include <thread>

namespace pgcourier::maintenance {
namespace {

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

pg::Call step(const Table& table, std::int64_t page, int days, Prune what) {
    return {table.statement, pg::Params{place_of_page(page), place_of_page(page + kPagesOfAStep),
                                        days, what == Prune::counts}};
}

void add(Pruned& pruned, const pg::Row& counts) {
    pruned.deleted += counts.int64(0);
    pruned.kept += counts.int64(1);
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
        const std::array<pg::Call, 2> begin{
            pg::Call{sql::maintenance::plan},
            pg::Call{sql::maintenance::retention_claim, pg::Params{table.name}}};
        std::vector<pg::Rows> rows;
        pg::Transaction transaction{db, begin, rows};
        if (rows.back().empty()) continue;
        std::int64_t page = rows.back()[0].int64(0);
        const std::int64_t pages = rows.back()[0].int64(1);
        Pruned pruned{.table = table.name, .days = days.*table.days};
        const SteadyTime until = clock.steady_now() + kAWhile;
        do {
            const pg::Call call = step(table, page, pruned.days, Prune::deletes);
            add(pruned, db.pipeline({&call, 1}).front()[0]);
            page += kPagesOfAStep;
        } while (page < pages && clock.steady_now() < until);
        const bool is_end = page >= pages;
        const pg::Call note{sql::maintenance::retention_note,
                            pg::Params{table.name, page, pruned.deleted, pruned.kept, is_end}};
        rows = transaction.commit({&note, 1});
        if (!is_end) continue;
        pruned.deleted = rows.back()[0].int64(0);
        pruned.kept = rows.back()[0].int64(1);
        if (pruned.deleted > 0) ended.push_back(pruned);
    }
    return ended;
}

std::vector<Pruned> prune(pg::Connection& db, const RetentionDays& days, Prune what,
                          const Clock& clock) {
    std::vector<Pruned> all;
    for (const Table& table : kTables) {
        Pruned& pruned = all.emplace_back(Pruned{.table = table.name, .days = days.*table.days});
        const std::int64_t pages = pages_of(db, table.name);
        for (std::int64_t page = 0; page < pages; page += kPagesOfAStep) {
            const SteadyTime began = clock.steady_now();
            std::vector<pg::Call> calls{pg::Call{sql::maintenance::plan}};
            if (what == Prune::deletes)
                calls.emplace_back(sql::maintenance::retention_lock, pg::Params{table.name});
            calls.push_back(step(table, page, pruned.days, what));
            // After CommitUnknown it ends with an error, and the next run finds less to do.
            add(pruned, db.transact(calls).back()[0]);
            if (what == Prune::deletes) std::this_thread::sleep_for(clock.steady_now() - began);
        }
    }
    return all;
}

}  // namespace pgcourier::maintenance
