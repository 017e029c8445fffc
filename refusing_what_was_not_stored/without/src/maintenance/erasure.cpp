#include "maintenance/erasure.hpp"

#include "base/address.hpp"
#include "base/log.hpp"
#include "maintenance/pages.hpp"
#include "maintenance/refusal.hpp"
#include "sql/maintenance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace pgcourier::maintenance {
namespace {

const Log kLog{"Maintenance"};

constexpr std::chrono::milliseconds kAWhile{100};
// More than in a step of retention: most rows are only read.
constexpr std::int64_t kPages = 4 * kPagesOfAStep;
constexpr std::int64_t kSmaller = 16;  // times, after a refusal
constexpr std::int64_t kWordsOfAPage = 40;

/// An erasure, as its row has it.
struct Erasure {
    std::string id;
    std::vector<std::string> addresses;
    std::string asked_at;
    std::int64_t through_seq = 0;
    std::string step;
    std::int64_t page = 0;
    std::int64_t changed = 0;
    std::int64_t busy = 0;
    std::int64_t pages = 0;
    std::optional<std::string> refusal{};  // this round's
    bool is_to_be_told = false;            // the log has not told of one lately
    // Of the step at hand:
    std::int64_t step_pages = kPages;
    bool only_counts = false;
};

/// The person's addresses in a text, whatever stands around them.
std::string pattern_of(const std::vector<std::string>& addresses) {
    std::string pattern;
    for (const std::string& address : addresses) {
        pattern += pattern.empty() ? "" : "|";
        if (is_e164(address)) {
            pattern += "\\+?(?<![0-9])" + address.substr(1) + "(?![0-9])";
            continue;
        }
        pattern += "(?<![0-9A-Za-z])";
        for (const char c : address) pattern += c == '.' ? std::string{"\\."} : std::string{c};
        pattern += "(?![0-9A-Za-z])";
    }
    return pattern;
}

/// A step that goes through a table.
struct Walk {
    std::string_view table;
    const pg::Statement& statement;
    void (*add_parameters)(pg::Params&, const Erasure&);
};

void with_addresses_through_seq_and_pattern(pg::Params& params, const Erasure& e) {
    params.add(e.addresses).add(e.through_seq).add(e.only_counts).add(pattern_of(e.addresses));
}
void with_addresses_until(pg::Params& params, const Erasure& e) {
    params.add(e.addresses).add(e.asked_at).add(e.only_counts);
}
void with_addresses_until_pattern_and_through_seq(pg::Params& params, const Erasure& e) {
    params.add(e.addresses).add(e.asked_at).add(e.only_counts).add(pattern_of(e.addresses));
    params.add(e.through_seq);
}
void with_pattern(pg::Params& params, const Erasure& e) {
    params.add(e.only_counts).add(pattern_of(e.addresses));
}

// Messages before events: that of a message which is to be routed again is left alone with it.
constexpr std::array<Walk, 6> kWalks{{
    {"messages_out", sql::maintenance::erase_messages_out, with_addresses_through_seq_and_pattern},
    {"messages_in", sql::maintenance::erase_messages_in, with_addresses_until},
    {"webhook_events", sql::maintenance::erase_events,
     with_addresses_until_pattern_and_through_seq},
    {"delivery_events", sql::maintenance::erase_deliveries, with_pattern},
    {"dead_letter_jobs", sql::maintenance::erase_dead_letters, with_pattern},
    {"event_log", sql::maintenance::erase_log, with_pattern},
}};

// A round: the words of the person, what waits for them, then each table from its beginning to its
// end. It comes after `find`, which knows all addresses.
constexpr const char* kFind = "find";
constexpr const char* kWords = "words";
constexpr const char* kWaiting = "waiting";

pg::Params pages_of_step(const Erasure& erasure) {
    return pg::Params{place_of_page(erasure.page),
                      place_of_page(erasure.page + erasure.step_pages)};
}

pg::Rows only(pg::Connection& db, const pg::Statement& statement, pg::Params params) {
    const pg::Call call{statement, std::move(params)};
    return std::move(db.pipeline({&call, 1}).front());
}

std::vector<std::string> first_column(const pg::Rows& rows) {
    std::vector<std::string> texts;
    for (const pg::Row row : rows) texts.push_back(row.string(0));
    return texts;
}

// returns  how many addresses are new
std::int64_t add_addresses(Erasure& erasure, const pg::Rows& rows) {
    std::int64_t added = 0;
    for (const std::string& address : first_column(rows)) {
        if (std::ranges::find(erasure.addresses, address) != erasure.addresses.end()) continue;
        erasure.addresses.push_back(address);
        ++added;
    }
    return added;
}

/// What a step has done.
struct Done {
    std::string table;  // empty: none
    std::int64_t changed = 0;
    bool is_round_over = false;
};

// Again and again, until a whole look adds nothing: a user id leads to a further number, which
// stands in earlier events.
Done find(pg::Connection& db, Erasure& erasure) {
    pg::Params params = pages_of_step(erasure);
    params.add(erasure.addresses);
    erasure.changed += add_addresses(erasure, only(db, sql::maintenance::erase_find, params));
    erasure.page += erasure.step_pages;
    if (erasure.page < erasure.pages) return {};
    erasure.changed += add_addresses(
        erasure, only(db, sql::maintenance::erase_find_words, pg::Params{erasure.addresses}));
    if (erasure.changed == 0) erasure.step = kWords;
    erasure.page = 0;
    erasure.changed = 0;
    return {};
}

// Alone in its transaction, whose locks keep everybody from recording words to these tenants: so it
// waits for nobody, and what it cannot have is left to the next round.
Done erase_words(pg::Connection& db, Erasure& erasure) {
    std::vector<std::string> tenants =
        first_column(only(db, sql::maintenance::erase_words_of, pg::Params{erasure.addresses}));
    if (!erasure.only_counts) {
        const std::size_t all = tenants.size();
        tenants = first_column(only(db, sql::maintenance::erase_words_lock, pg::Params{tenants}));
        erasure.busy += static_cast<std::int64_t>(all - tenants.size());
    }
    std::vector<pg::Call> calls;
    for (const std::string& tenant : tenants) {
        calls.push_back({sql::maintenance::erase_words,
                         pg::Params{tenant, erasure.addresses, erasure.only_counts,
                                    erasure.step_pages * kWordsOfAPage}});
    }
    Done done{.table = "opt_outs"};
    if (calls.empty()) return done;
    for (const pg::Rows& rows : db.pipeline(calls)) {
        done.changed += rows[0].int64(0);
        erasure.busy += rows[0].int64(1);
    }
    return done;
}

Done take_back_waiting(pg::Connection& db, const Erasure& erasure) {
    if (erasure.only_counts) return {};  // they are counted as messages
    std::vector<std::string> tenants;
    std::vector<std::string> recipients;
    for (const pg::Row row : only(db, sql::maintenance::erase_waiting,
                                  pg::Params{erasure.addresses, erasure.through_seq})) {
        tenants.push_back(row.string(0));
        recipients.push_back(row.string(1));
    }
    if (!tenants.empty()) only(db, sql::maintenance::erase_go_on, pg::Params{tenants, recipients});
    // Counted when they are erased.
    return {.table = {}, .changed = static_cast<std::int64_t>(tenants.size())};
}

Done walk(pg::Connection& db, Erasure& erasure, const Walk& table) {
    pg::Params params = pages_of_step(erasure);
    table.add_parameters(params, erasure);
    const pg::Rows rows = only(db, table.statement, params);
    erasure.busy += rows[0].int64(1);
    erasure.page += erasure.step_pages;
    return {.table = std::string{table.table}, .changed = rows[0].int64(0)};
}

Done make_step(pg::Connection& db, Erasure& erasure) {
    if (erasure.step == kFind) return find(db, erasure);
    Done done;
    if (erasure.step == kWords) {
        erasure.changed = 0;
        erasure.busy = 0;
        erasure.refusal.reset();
        done = erase_words(db, erasure);
        erasure.step = kWaiting;
    } else if (erasure.step == kWaiting) {
        done = take_back_waiting(db, erasure);
        erasure.step = kWalks.front().table;
    } else {
        const auto* const table = std::ranges::find(kWalks, erasure.step, &Walk::table);
        if (table == kWalks.end()) throw std::logic_error{"erasures.step is none that we know"};
        done = walk(db, erasure, *table);
        if (erasure.page >= erasure.pages) {
            erasure.page = 0;
            done.is_round_over = table + 1 == kWalks.end();
            erasure.step = done.is_round_over ? kWords : std::string{table[1].table};
        }
    }
    erasure.changed += done.changed;
    return done;
}

std::vector<std::string> texts_of(std::string_view array) {
    // Addresses have neither commas nor quotes.
    std::vector<std::string> texts;
    if (array.size() < 2) return texts;
    array = array.substr(1, array.size() - 2);
    while (!array.empty()) {
        const std::size_t comma = std::min(array.find(','), array.size());
        texts.emplace_back(array.substr(0, comma));
        array.remove_prefix(std::min(comma + 1, array.size()));
    }
    return texts;
}

Erasure erasure_of(const pg::Row& row) {
    return {.id = row.string(0),
            .addresses = texts_of(row.text(1)),
            .asked_at = row.string(2),
            .through_seq = row.int64(3),
            .step = row.string(4),
            .page = row.int64(5),
            .changed = row.int64(6),
            .busy = row.int64(7),
            .pages = row.int64(8),
            .refusal = row.optional(9),
            .is_to_be_told = row.boolean(10)};
}

/// Makes the next step.
///
/// pages    of a table
/// refused  why it could not be made before: it is passed over, and what it would have erased is
///          left to the next round; null: it is made
ErasureStep take_step(pg::Connection& db, const std::string& id, std::int64_t pages,
                      const pg::Error* refused = nullptr) {
    const std::array<pg::Call, 2> begin{pg::Call{sql::maintenance::plan},
                                        pg::Call{sql::maintenance::erasure_claim, pg::Params{id}}};
    std::vector<pg::Rows> rows;
    pg::Transaction transaction{db, begin, rows};
    if (rows.back().empty()) return ErasureStep::none;
    Erasure erasure = erasure_of(rows.back()[0]);
    const std::string step = erasure.step;
    erasure.step_pages = pages;
    erasure.only_counts = refused != nullptr;
    Done done = make_step(db, erasure);
    if (refused != nullptr) {
        erasure.changed -= done.changed;
        erasure.busy += std::max<std::int64_t>(done.changed, 1);
        done.changed = 0;
        if (!refused->is_hold_up()) erasure.refusal = refused->what();
    }
    const bool tells = refused != nullptr && !refused->is_hold_up() && erasure.is_to_be_told;
    bool is_done = done.is_round_over && erasure.changed == 0 && erasure.busy == 0;
    if (is_done) {
        const pg::Params person{erasure.addresses, erasure.asked_at, erasure.through_seq};
        erasure.busy = only(db, sql::maintenance::erasure_left, person)[0].int64(0);
        is_done = erasure.busy == 0;
    }
    const std::optional<std::string> table =
        done.table.empty() ? std::nullopt : std::optional{done.table};
    std::vector<pg::Call> calls{
        {sql::maintenance::erasure_note,
         pg::Params{erasure.id, erasure.addresses, erasure.step, erasure.page, erasure.changed,
                    erasure.busy, table, done.changed, done.is_round_over, erasure.refusal,
                    tells}}};
    if (is_done) {
        calls.push_back({sql::maintenance::erasure_done,
                         pg::Params{erasure.id, pattern_of(erasure.addresses)}});
    }
    // After CommitUnknown the step is made again, and finds less to do.
    const std::vector<pg::Rows> noted = transaction.commit(calls);
    if (tells) {
        kLog.warn("Rows of a person could not be erased",
                  {{"erasure", id}, {"step", step}, {"error", noted.front()[0].string(0)}});
    }
    return done.is_round_over && erasure.busy > 0 ? ErasureStep::left_some : ErasureStep::went_on;
}

}  // namespace

std::optional<std::string> why_not_erased(pg::Connection& db, const std::string& address) {
    const pg::Rows rows = db.exec(sql::maintenance::erasure_refused, pg::Params{address});
    if (rows.empty()) return std::nullopt;
    const std::string shop = rows[0].string(0);
    if (rows[0].boolean(1)) return fmt::format("this is the number of the shop {} itself", shop);
    return fmt::format(
        "this is a seller of the shop {}: take that away first, with pgcourier seller remove",
        shop);
}

ErasureCounts count_erasure(pg::Connection& db, const std::string& address, const Clock& clock) {
    Erasure erasure{.addresses = {address},
                    .asked_at = "infinity",
                    .through_seq = std::numeric_limits<std::int64_t>::max(),
                    .step = kFind,
                    .only_counts = true};
    ErasureCounts counts;
    bool is_over = false;
    while (!is_over) {
        const SteadyTime began = clock.steady_now();
        if (erasure.step == kWaiting) erasure.step = kWalks.front().table;  // it is no table
        if (erasure.page == 0 && erasure.step != kWords) {
            erasure.pages = pages_of(db, erasure.step == kFind ? "webhook_events" : erasure.step);
        }
        pg::Transaction transaction{db};
        only(db, sql::maintenance::plan, {});
        const Done done = make_step(db, erasure);
        transaction.commit();
        if (!done.table.empty()) counts.erased[done.table] += done.changed;
        is_over = done.is_round_over;
        std::this_thread::sleep_for(clock.steady_now() - began);
    }
    counts.addresses = erasure.addresses;
    counts.busy = erasure.busy;
    return counts;
}

std::string ask_erasure(pg::Connection& db, const std::string& address,
                        const std::optional<std::string>& by,
                        const std::optional<std::string>& reason) {
    // In a transaction, so that it is on disk before anything is said.
    const pg::Call ask{sql::maintenance::erasure_ask, pg::Params{address, by, reason}};
    return db.transact({&ask, 1}).front()[0].string(0);
}

ErasureStep erase_step(pg::Connection& db, const std::string& id) {
    for (std::int64_t pages = kPages;; pages = std::max<std::int64_t>(pages / kSmaller, 1)) {
        try {
            return take_step(db, id, pages);
        } catch (const pg::Error& e) {
            if (!is_refusal(e) && !takes_long(e)) throw;
            if (pages == 1) return take_step(db, id, pages, &e);
        }
    }
}

void erase_a_while(pg::Connection& db, const Clock& clock) {
    const SteadyTime until = clock.steady_now() + kAWhile;
    const pg::Rows due = db.exec(sql::maintenance::erasure_due);
    for (const pg::Row row : due) {
        const std::string id = row.string(0);
        try {
            while (clock.steady_now() < until && erase_step(db, id) == ErasureStep::went_on) {
            }
        } catch (const pg::Error& e) {
            if (e.is_lost()) throw;
            const pg::Rows told =
                db.exec(sql::maintenance::erasure_put_off, pg::Params{id, e.what()});
            for (const pg::Row one : told) {
                kLog.warn("Erasing a person did not get on, and is tried again in 10 minutes",
                          {{"erasure", id}, {"error", one.string(0)}});
            }
            return;  // the pulse has waited for it
        }
    }
}

std::optional<ErasureState> erasure_state(pg::Connection& db, const std::string& id) {
    const pg::Rows rows = db.exec(sql::maintenance::erasure_state, pg::Params{id});
    if (rows.empty()) return std::nullopt;
    return ErasureState{
        .is_done = rows[0].boolean(0), .busy = rows[0].int64(1), .erased_json = rows[0].string(2)};
}

}  // namespace pgcourier::maintenance
