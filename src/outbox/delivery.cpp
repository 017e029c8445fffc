#include "outbox/delivery.hpp"

#include "base/address.hpp"
#include "base/incident.hpp"
#include "outbox/metrics.hpp"
#include "sql/outbox.hpp"
#include "twilio/error_codes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace pgcourier::outbox {
namespace {

constexpr int kBatch = 500;
constexpr int kOptedOut = 21610;
constexpr std::chrono::seconds kPauseOfTooFast{10};
constexpr std::chrono::seconds kPauseOfBadSender{60};
constexpr std::chrono::milliseconds kUntilWoken{3'600'000};
constexpr std::chrono::milliseconds kOptOutPatience{1'000};
constexpr std::chrono::milliseconds kLocked{50};  // its message is just being settled
constexpr std::chrono::milliseconds kReconnect{1'000};
// After a batch that failed by one of its rows, so many are taken one by one.
constexpr int kCareful = 2 * kBatch;

/// The table of error codes as two parameters: the statement writes reasons in its words.
struct ErrorWords {
    std::vector<std::int32_t> codes;
    std::vector<std::string_view> words;
};

const ErrorWords& error_words() {
    static const ErrorWords all = [] {
        ErrorWords found;
        for (const twilio::ErrorCode& error : twilio::error_codes()) {
            found.codes.push_back(error.code);
            found.words.push_back(error.words);
        }
        return found;
    }();
    return all;
}

/// What one callback said, as settle_deliveries.sql returns it.
struct Told {
    explicit Told(const pg::Row& row)
        : verdict{row.string(1)},
          message_id{row.string(2)},
          provider_message_id{row.string(3)},
          tenant_id{row.string(4)},
          recipient{row.string(5)},
          sender{row.string(6)},
          is_dead_letter{!row.is_null(8)},
          failure{row.is_null(7) ? 0 : static_cast<int>(row.int64(7))},
          age{row.is_null(8) ? 0 : row.int64(8)},
          sent_ago{row.int64(9)} {}

    std::string verdict;
    std::string message_id;
    std::string provider_message_id;
    std::string tenant_id;
    std::string recipient;
    std::string sender;             // where `failure` is one
    bool is_dead_letter;            // it told of a failure that was news
    int failure;                    // Twilio's code of a failure that was news; 0: none
    std::chrono::milliseconds age;  // of that callback
    std::chrono::milliseconds sent_ago;
};

/// Why a number is stopped, and when the youngest message was sent that tells so.
struct Stop {
    int code = 0;
    std::chrono::milliseconds sent_ago = std::chrono::milliseconds::max();
};

void tell(const Log& log, const Told& told) {
    callbacks(told.verdict.c_str()).Increment();
    if (told.verdict == "contradicts") {
        log.error(
            "A callback tells of a send that was taken for not sent: the person may have it twice",
            {{"messageId", told.message_id}, {"providerMessageId", told.provider_message_id}});
    }
    if (told.verdict == "settles late") {
        log.warn("A callback tells of a send that was taken for not sent: it is not sent again",
                 {{"messageId", told.message_id}, {"providerMessageId", told.provider_message_id}});
    }
    if (told.failure != 0) {
        log.warn("Twilio took a message and could not deliver it: dead letter written",
                 {{"messageId", told.message_id},
                  {"providerMessageId", told.provider_message_id},
                  {"code", told.failure}});
    }
    if (told.is_dead_letter) {
        dead_lettered("callback").Increment();
        report_incident({.kind = Incident::Kind::dead_letter,
                         .component = "Delivery",
                         .what = "Twilio took a message and could not deliver it: code " +
                                 std::to_string(told.failure)});
    }
}

// By a callback, which tells of a send that Twilio had taken.
void tell_of_pause(const Log& log, const std::string& sender, int code) {
    const std::string_view reason = twilio::find_error(code)->words;
    breaker_openings("sender").Increment();
    log.error("Sending paused: no attempt is used, a probe finds out when it works again",
              {{"scope", "sender:" + masked(sender)}, {"reason", reason}, {"code", code}});
    report_incident({.kind = Incident::Kind::breaker_open,
                     .component = "Delivery",
                     .what = fmt::format("Sending paused (sender): twilio {}: {}", code, reason)});
}

}  // namespace

std::optional<std::chrono::milliseconds> pause_of(int code) {
    const twilio::ErrorCode* known = twilio::find_error(code);
    if (!known || known->scope != twilio::ErrorScope::sender) return std::nullopt;
    if (known->error_class == twilio::ErrorClass::rate_limited) return kPauseOfTooFast;
    if (known->error_class == twilio::ErrorClass::systemic) return kPauseOfBadSender;
    return std::nullopt;
}

Delivery::Delivery(pg::ConnectOptions options, Wake& wake, std::uint64_t seed)
    : options_{std::move(options)}, wake_{wake}, rng_{seed} {
    for (const char* verdict : {"settles", "settles late", "merges", "contradicts", "unknown"})
        callbacks(verdict);
    dead_lettered("callback");
}

std::size_t Delivery::run_once() {
    if (!db_) db_.emplace(options_);
    pg::Transaction transaction{*db_};
    const ErrorWords& known = error_words();
    const pg::Call calls[] = {
        {sql::outbox::plan_by_index},
        {sql::outbox::settle_deliveries,
         pg::Params{careful_for_ > 0 ? 1 : kBatch, known.codes, known.words}}};
    const pg::Rows rows = std::move(db_->pipeline(calls)[1]);

    std::vector<std::string> tenants;
    std::vector<std::string> recipients;
    std::map<std::string, Stop> stopped;  // by number
    std::vector<Told> all;
    was_locked_ = false;
    for (const pg::Row row : rows) {
        Told told{row};
        if (told.verdict == "locked") {
            was_locked_ = true;
            continue;
        }
        if (told.verdict == "settles" || told.verdict == "settles late") {
            tenants.push_back(told.tenant_id);
            recipients.push_back(told.recipient);
        }
        if (told.failure == kOptedOut) opted_out_.insert(told.message_id);
        // What is older than the pause says nothing of now.
        const auto pause = pause_of(told.failure);
        if (pause && told.age < *pause && !told.sender.empty()) {
            Stop& stop = stopped[told.sender];
            stop = {told.failure, std::min(stop.sent_ago, told.sent_ago)};
        }
        all.push_back(std::move(told));
    }
    std::vector<pg::Call> after;
    if (!tenants.empty()) {
        after.push_back(
            {sql::outbox::promote_lock, pg::Params{tenants, recipients, skips_locked_}});
        after.push_back({sql::outbox::promote});
        after.push_back({sql::outbox::notify});
    }
    transaction.commit(after);
    for (const Told& told : all) tell(log_, told);
    // Each on its own: whoever settles locks the scopes first, and messages after them; and a STOP
    // that is routed locks its person before messages. Lost in a crash, it is made good by the next
    // message of that number or to that person.
    record_opt_outs();
    for (const auto& [sender, stop] : stopped) {
        const pg::Rows opened =
            db_->exec(sql::outbox::open_sender_scope,
                      pg::Params{sender, stop.code, twilio::find_error(stop.code)->words,
                                 pause_of(stop.code)->count(), stop.sent_ago.count()});
        if (opened[0].boolean(0)) tell_of_pause(log_, sender, stop.code);
    }
    if (rows.empty() && careful_for_ > 0) {
        careful_for_ = 0;
        return 1;  // what fits no message yet may stand before others: all at once
    }
    careful_for_ = std::max(careful_for_ - 1, 0);
    if (all.empty()) skips_locked_ = false;
    return all.size();
}

// One blocks what waits for a person, and a row may refuse that.
void Delivery::record_each_alone() {
    for (auto id = opted_out_.begin(); id != opted_out_.end();) {
        const pg::Call record{sql::outbox::record_optout,
                              pg::Params{std::vector<std::string>{*id}}};
        try {
            db_->transact({&record, 1});
        } catch (const pg::Error& e) {
            if (e.is_hold_up()) {
                was_locked_ = true;
                ++id;
                continue;
            }
            if (!e.is_about_rows()) throw;
            log_.error("An opt-out that Twilio told of cannot be recorded",
                       {{"messageId", *id}, {"error", e.what()}});
        }
        id = opted_out_.erase(id);
    }
}

// Somebody's open transaction may have the tenant locked: then the next time.
void Delivery::record_opt_outs() {
    if (opted_out_.empty()) return;
    const pg::Call record{sql::outbox::record_optout,
                          pg::Params{std::vector(opted_out_.begin(), opted_out_.end())}};
    const auto patience = db_->set_statement_timeout(kOptOutPatience);
    try {
        db_->transact({&record, 1});
        opted_out_.clear();
    } catch (const pg::Error& e) {
        if (!e.is_hold_up() && !e.is_about_rows()) throw;
        if (e.is_hold_up())
            was_locked_ = true;
        else
            record_each_alone();
    }
    db_->set_statement_timeout(patience);
}

// No callback has to wait for one that cannot be written: they are taken one by one, and what fails
// alone is put off.
void Delivery::be_careful(const pg::Error& error) {
    log_.warn("Callbacks could not be written, taking them one by one", {{"error", error.what()}});
    if (std::exchange(careful_for_, kCareful) == 0) return;
    const pg::Rows put_off = db_->exec(sql::outbox::postpone_deliveries);
    log_.error("A callback cannot be written and waits a minute",
               {{"messageId", put_off[0].is_null(1) ? "" : put_off[0].string(1)}});
    // Nothing was there: whatever failed, it was no callback.
    if (put_off[0].int64(0) == 0) throw error;
}

void Delivery::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        try {
            try {
                while (!stop.stop_requested() && run_once() > 0) {
                }  // drain before sleeping
            } catch (const pg::Error& e) {
                if (!db_ || !e.is_about_rows()) throw;
                be_careful(e);
                continue;
            }
            wake_.wait_for(stop, was_locked_ ? kLocked : kUntilWoken);
        } catch (const pg::Error& e) {
            skips_locked_ = e.is_hold_up();
            log_.error("Delivery could not reach or use its database", {{"error", e.what()}});
            db_.reset();
            wake_.wait_for(stop, jittered(kReconnect, rng_));
        }
    }
}

}  // namespace pgcourier::outbox
