#include "backfill/store.hpp"

#include "sql/backfill.hpp"

#include <array>
#include <functional>
#include <stdexcept>

namespace pgcourier::backfill {
namespace {

using std::chrono::milliseconds;

// With a look each OUTBOX_POLL_INTERVAL_MS, 5 s by default, sending goes on after 30 s at most.
constexpr milliseconds kSendingWaits{25'000};

constexpr std::array<std::pair<Step, std::string_view>, 3> kSteps{
    {{Step::words, "words"}, {Step::messages, "messages"}, {Step::deliveries, "deliveries"}}};

std::string_view to_text(Step step) {
    for (const auto& [one, text] : kSteps) {
        if (one == step) return text;
    }
    throw std::logic_error{"a step that is none"};
}

Step step_of(std::string_view text) {
    for (const auto& [step, name] : kSteps) {
        if (name == text) return step;
    }
    throw std::logic_error{"backfills.step is none that we know"};
}

WallTime wall(std::int64_t ms) {
    return WallTime{milliseconds{ms}};
}

std::int64_t ms_of(WallTime time) {
    return time.time_since_epoch().count();
}

std::optional<std::int64_t> ms_of(const std::optional<WallTime>& time) {
    return time ? std::optional{ms_of(*time)} : std::nullopt;
}

/// One statement with the plan that stays right.
pg::Rows run(pg::Connection& db, const pg::Statement& statement, pg::Params params) {
    const pg::Call calls[] = {{sql::backfill::plan}, {statement, std::move(params)}};
    return std::move(db.transact(calls).back());
}

Hold hold_of(const pg::Rows& rows) {
    if (rows.empty()) return Hold::lost;
    return rows[0].boolean(0) ? Hold::urgent_waits : Hold::ours;
}

// Each count of two tallies, joined.
template <class Join>
Tally joined(const Tally& a, const Tally& b, Join join) {
    return {.listed = join(a.listed, b.listed),
            .known = join(a.known, b.known),
            .young = join(a.young, b.young),
            .fetched = join(a.fetched, b.fetched),
            .with_media = join(a.with_media, b.with_media),
            .without_content = join(a.without_content, b.without_content),
            .media_missing = join(a.media_missing, b.media_missing),
            .unreadable = join(a.unreadable, b.unreadable),
            .deliveries = join(a.deliveries, b.deliveries)};
}

// The gap that `find` tells of, with the row of receiving locked, is written in its transaction.
std::optional<std::chrono::seconds> found_gap(pg::Connection& db, const pg::Call& find,
                                              std::optional<milliseconds> sending_waits) {
    std::vector<pg::Rows> rows;
    pg::Transaction transaction{db, {&find, 1}, rows};
    if (rows.back().empty()) {
        transaction.commit();
        return std::nullopt;
    }
    const std::int64_t since_ms = rows.back()[0].int64(0);
    const std::int64_t until_ms = rows.back()[0].int64(1);
    const auto waits = sending_waits ? std::optional{sending_waits->count()} : std::nullopt;
    const pg::Call gap{sql::backfill::gap, pg::Params{since_ms, until_ms, waits}};
    transaction.commit({&gap, 1});
    return std::chrono::floor<std::chrono::seconds>(milliseconds{until_ms - since_ms});
}

}  // namespace

Tally operator+(const Tally& a, const Tally& b) {
    return joined(a, b, std::plus<>{});
}

Tally operator-(const Tally& a, const Tally& b) {
    return joined(a, b, std::minus<>{});
}

std::optional<std::chrono::seconds> say_receiving(pg::Connection& db, const Receiving& how) {
    const auto refused = how.refused ? std::optional{how.refused->count()} : std::nullopt;
    const pg::Call say{
        sql::backfill::receiving,
        pg::Params{how.silence.count(), how.retention.count(), how.started_id, refused}};
    return found_gap(db, say, kSendingWaits);
}

std::optional<std::chrono::seconds> say_missed(pg::Connection& db, milliseconds ago,
                                               std::chrono::days retention) {
    const pg::Call say{sql::backfill::missed, pg::Params{ago.count(), retention.count()}};
    return found_gap(db, say, std::nullopt);
}

std::optional<std::chrono::seconds> find_silence(pg::Connection& db, milliseconds silence,
                                                 std::chrono::days retention) {
    const pg::Call ask{sql::backfill::silence, pg::Params{silence.count(), retention.count()}};
    return found_gap(db, ask, kSendingWaits);
}

std::optional<Task> claim(pg::Connection& db, std::string_view instance_id) {
    Task task{.token = new_uuid()};
    const pg::Call calls[] = {
        {sql::backfill::claim_lock},
        {sql::backfill::claim,
         pg::Params{instance_id, task.token, kLease.count(), milliseconds{kLongestWait}.count()}}};
    // After CommitUnknown it may be ours: the next claim takes it again, as whatever is ours.
    const pg::Rows rows = std::move(db.transact(calls).back());
    if (rows.empty()) return std::nullopt;
    const pg::Row row = rows[0];
    task.id = row.int64(0);
    task.gap = {.since = wall(row.int64(5)),
                .until = wall(row.int64(6)),
                .covered_until = row.is_null(7) ? std::nullopt : std::optional{wall(row.int64(7))},
                .is_automatic = row.boolean(1)};
    task.step = step_of(row.text(2));
    task.place.number = row.string(3);
    if (!row.is_null(4)) task.place.day = std::chrono::floor<std::chrono::days>(wall(row.int64(4)));
    task.failures = static_cast<int>(row.int64(8));
    if (!row.is_null(9)) task.reading_until = wall(row.int64(9));
    task.now = wall(row.int64(10));
    task.media_failures = static_cast<int>(row.int64(11));
    return task;
}

Times read_times(pg::Connection& db, const std::string& since,
                 const std::optional<std::string>& until, std::chrono::days retention) {
    const pg::Rows rows =
        db.exec(sql::backfill::read_times, pg::Params{since, until, retention.count()});
    return {wall(rows[0].int64(0)),
            wall(rows[0].int64(1)),
            rows[0].boolean(2),
            rows[0].boolean(3),
            rows[0].boolean(4),
            rows[0].is_null(5) ? std::nullopt : std::optional{rows[0].string(5)}};
}

Task ask(pg::Connection& db, const Times& times, const std::optional<std::string>& who) {
    Task task{.token = new_uuid(),
              .gap = {.since = times.since,
                      .until = times.until,
                      .covered_until = {},
                      .is_automatic = false},
              .step = Step::messages};
    task.id =
        db.exec(sql::backfill::ask, pg::Params{to_iso8601(times.since), to_iso8601(times.until),
                                               who, task.token, kLease.count()})[0]
            .int64(0);
    return task;
}

DatabaseTime database_time(pg::Connection& db, std::chrono::days retention) {
    const pg::Rows rows = db.exec(sql::backfill::now, pg::Params{retention.count()});
    return {wall(rows[0].int64(0)), wall(rows[0].int64(1))};
}

Hold note(pg::Connection& db, const Task& task, const Tally& since_last) {
    const auto day = task.place.number.empty()
                         ? std::nullopt
                         : std::optional{to_iso8601(WallTime{task.place.day}).substr(0, 10)};
    return hold_of(db.exec(
        sql::backfill::note,
        pg::Params{task.id, task.token, kLease.count(), to_text(task.step), task.place.number, day,
                   since_last.fetched, since_last.with_media, since_last.without_content,
                   since_last.media_missing, since_last.unreadable, since_last.deliveries,
                   ms_of(task.reading_until), ms_of(task.gap.covered_until)}));
}

Hold keep(pg::Connection& db, const Task& task) {
    return hold_of(db.exec(sql::backfill::keep, pg::Params{task.id, task.token, kLease.count()}));
}

std::optional<bool> words_known(pg::Connection& db, const Task& task) {
    const pg::Rows rows = db.exec(sql::backfill::words_known, pg::Params{task.id, task.token});
    if (rows.empty() || rows[0].is_null(0)) return std::nullopt;
    return rows[0].boolean(0);
}

std::vector<std::int64_t> words_left(pg::Connection& db) {
    std::vector<std::int64_t> ids;
    const pg::Rows rows = run(db, sql::backfill::words_left, {});
    for (const pg::Row row : rows) ids.push_back(row.int64(0));
    return ids;
}

bool are_waiting(pg::Connection& db, const std::vector<std::int64_t>& event_ids) {
    return run(db, sql::backfill::words_waiting, pg::Params{event_ids})[0].boolean(0);
}

void put_back(pg::Connection& db, const Task& task) {
    db.exec(sql::backfill::put_back, pg::Params{task.id, task.token});
}

std::optional<Tally> settle(pg::Connection& db, const Task& task,
                            std::optional<milliseconds> due_in,
                            const std::optional<Trouble>& trouble) {
    const auto due = due_in ? std::optional{due_in->count()} : std::nullopt;
    const auto why = trouble ? std::optional{trouble->reason} : std::nullopt;
    const pg::Rows rows = db.exec(sql::backfill::settle, pg::Params{task.id, task.token, due, why,
                                                                    trouble && trouble->has_media});
    if (rows.empty()) return std::nullopt;
    const pg::Row row = rows[0];
    return Tally{.fetched = row.int64(0),
                 .with_media = row.int64(1),
                 .without_content = row.int64(2),
                 .media_missing = row.int64(3),
                 .unreadable = row.int64(4),
                 .deliveries = row.int64(5)};
}

std::vector<std::string> numbers(pg::Connection& db, const std::string& default_number,
                                 const std::optional<WallTime>& gap_since) {
    std::vector<std::string> all;
    const pg::Rows rows =
        run(db, sql::backfill::numbers, pg::Params{default_number, ms_of(gap_since)});
    for (const pg::Row row : rows) all.push_back(row.string(0));
    return all;
}

std::set<std::string, std::less<>> due_numbers(pg::Connection& db,
                                               const std::string& default_number) {
    std::set<std::string, std::less<>> due;
    const pg::Rows rows = run(db, sql::backfill::due_numbers, pg::Params{default_number});
    for (const pg::Row row : rows) due.insert(row.string(0));
    return due;
}

std::map<std::string, std::int64_t, std::less<>> find_known(pg::Connection& db,
                                                            const std::vector<std::string>& sids) {
    std::map<std::string, std::int64_t, std::less<>> known;
    if (sids.empty()) return known;
    const pg::Rows rows = run(db, sql::backfill::find_known, pg::Params{sids});
    for (const pg::Row row : rows) known.emplace(row.string(0), row.is_null(1) ? 0 : row.int64(1));
    return known;
}

std::vector<SendingNumber> senders(pg::Connection& db, WallTime since, WallTime until) {
    std::vector<SendingNumber> all;
    const pg::Rows rows = run(db, sql::backfill::senders, pg::Params{ms_of(since), ms_of(until)});
    for (const pg::Row row : rows) all.push_back({row.string(0), wall(row.int64(1))});
    return all;
}

std::set<std::string, std::less<>> find_news(pg::Connection& db,
                                             const std::vector<std::string>& sids,
                                             const std::vector<std::string>& states) {
    if (sids.empty()) return {};
    std::set<std::string, std::less<>> news;
    const pg::Rows rows = run(db, sql::backfill::find_news, pg::Params{sids, states});
    for (const pg::Row row : rows) news.insert(row.string(0));
    return news;
}

}  // namespace pgcourier::backfill
