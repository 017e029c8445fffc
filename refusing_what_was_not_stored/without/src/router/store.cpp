#include "router/store.hpp"

#include "sql/router.hpp"
#include "twilio/json.hpp"

#include <algorithm>
#include <stdexcept>

namespace pgcourier::router {
namespace {

using Texts = std::vector<std::string_view>;
// They live as long as what they are of: the claimed events and the decisions.
using NullableTexts = std::vector<std::optional<std::string_view>>;

std::optional<std::string_view> nullable(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

/// `[{"url": …, "content_type": …}, …]`, nullopt without media.
std::optional<std::string> media_json(const std::vector<twilio::Media>& media) {
    if (media.empty()) return std::nullopt;
    std::string json = "[";
    for (const twilio::Media& item : media) {
        if (json.size() > 1) json += ',';
        json.append("{\"url\":").append(twilio::json_string(item.url));
        json.append(",\"content_type\":")
            .append(twilio::json_string(item.content_type))
            .append(1, '}');
    }
    return json += ']';
}

std::string_view name_of(twilio::OptWord word) {
    return word == twilio::OptWord::stop ? "stop" : "start";
}

/// The columns of store_messages.sql.
struct Messages {
    std::vector<std::int64_t> event_ids;
    Texts correlation_ids, sids, from, to, bodies;
    NullableTexts tenants, media_urls, profile_names, details, types;
    std::vector<std::optional<std::string>> media;
    std::vector<std::int64_t> word_event_ids;
    Texts persons, words;

    void add(const Claimed& event, const StoreMessage& decision) {
        const twilio::InboundMessage& message = decision.message;
        event_ids.push_back(event.id);
        correlation_ids.push_back(event.correlation_id);
        tenants.push_back(event.tenant);
        sids.push_back(message.message_sid);
        from.push_back(message.from);
        to.push_back(message.to);
        bodies.push_back(message.body);
        media_urls.push_back(message.media.empty() ? std::nullopt
                                                   : nullable(message.media.front().url));
        media.push_back(media_json(message.media));
        profile_names.push_back(nullable(message.profile_name));
        details.push_back(nullable(message.details_json));
        types.push_back(nullable(to_text(decision.type)));
        for (const std::string& person : decision.persons) {
            word_event_ids.push_back(event.id);
            persons.push_back(person);
            words.push_back(name_of(decision.opt_word));
        }
    }
    pg::Params params() const {
        return pg::Params{event_ids, correlation_ids, tenants,        sids,    from,
                          to,        bodies,          media_urls,     media,   profile_names,
                          details,   types,           word_event_ids, persons, words};
    }
};

/// The columns of hand_over.sql.
struct Updates {
    std::vector<std::int64_t> event_ids, said_at;
    Texts correlation_ids, sids, statuses;
    NullableTexts tenants, message_ids, error_messages;
    std::vector<std::optional<std::int32_t>> attempts, error_codes;

    void add(const Claimed& event, const HandOver& decision) {
        const twilio::StatusUpdate& update = decision.update;
        event_ids.push_back(event.id);
        correlation_ids.push_back(event.correlation_id);
        tenants.push_back(event.tenant);
        said_at.push_back(event.said_at);
        sids.push_back(update.message_sid);
        message_ids.push_back(nullable(update.outbound_id));
        attempts.push_back(update.outbound_attempt);
        statuses.push_back(update.status);
        error_codes.push_back(update.error_code);
        error_messages.push_back(nullable(update.error_message));
    }
    pg::Params params() const {
        return pg::Params{event_ids,   correlation_ids, tenants,  said_at,     sids,
                          message_ids, attempts,        statuses, error_codes, error_messages};
    }
};

/// The columns of record.sql.
struct Others {
    std::vector<std::int64_t> event_ids;
    Texts correlation_ids;

    void add(const Claimed& event) {
        event_ids.push_back(event.id);
        correlation_ids.push_back(event.correlation_id);
    }
    pg::Params params() const { return pg::Params{event_ids, correlation_ids}; }
};

twilio::EventKind kind_of(std::string_view text) {
    if (const auto kind = twilio::event_kind(text)) return *kind;
    throw std::logic_error{"webhook_events.kind is none that we know"};
}

/// The rows are binary, so that raw is as it came.
Claimed claimed_of(const pg::Row& row) {
    return {.id = row.int64(0),
            .kind = kind_of(row.text(1)),
            .format = row.text(2) == "json" ? twilio::BodyFormat::json : twilio::BodyFormat::form,
            .raw = row.text(3),
            .query = row.text(4),
            .said_at = row.microseconds(5),
            .correlation_id = row.text(6),
            .age = std::chrono::microseconds{std::max<std::int64_t>(
                row.microseconds(10) - row.microseconds(9), 0)},
            .tenant = row.is_null(7) ? std::nullopt : std::optional{row.text(7)},
            .is_seller = row.boolean(8)};
}

/// One statement with the plan that stays right.
pg::Rows run(pg::Connection& db, const pg::Statement& statement, pg::Params params = {}) {
    std::vector<pg::Rows> rows = db.transact(
        std::array{pg::Call{sql::router::plan}, pg::Call{statement, std::move(params)}});
    return std::move(rows.back());
}

std::optional<Attempt> attempt_of(const pg::Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return Attempt{rows[0].int64(0), static_cast<int>(rows[0].int64(1))};
}

}  // namespace

Claim::Claim(pg::Connection& db, std::int64_t mark, std::size_t limit)
    : Claim{db, pg::Call{sql::router::claim, pg::Params{mark, limit}}} {}

Claim Claim::of_one(pg::Connection& db, std::int64_t event_id) {
    return {db, pg::Call{sql::router::claim_one, pg::Params{event_id}}};
}

Claim::Claim(pg::Connection& db, const pg::Call& claim)
    : transaction_{db, std::array{pg::Call{sql::router::plan}, claim}, rows_} {
    const pg::Rows& rows = rows_.back();
    events_.reserve(static_cast<std::size_t>(rows.size()));
    for (const pg::Row row : rows) events_.push_back(claimed_of(row));
    std::ranges::sort(events_, {}, &Claimed::id);
}

std::vector<std::int64_t> Claim::settle(std::span<const Decision> decisions) {
    if (decisions.size() != events_.size()) throw std::logic_error{"a decision is missing"};
    Messages messages;
    Updates updates;
    Others others;
    std::vector<std::int64_t> postponed, waits;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        if (const auto* message = std::get_if<StoreMessage>(&decisions[i])) {
            messages.add(events_[i], *message);
        } else if (const auto* update = std::get_if<HandOver>(&decisions[i])) {
            updates.add(events_[i], *update);
        } else if (std::holds_alternative<RecordOnly>(decisions[i])) {
            others.add(events_[i]);
        } else if (const auto* postpone = std::get_if<Postpone>(&decisions[i])) {
            postponed.push_back(events_[i].id);
            waits.push_back(postpone->wait.count());
        }
    }

    std::vector<pg::Call> calls;
    Texts channels;
    if (!messages.event_ids.empty()) {
        calls.push_back({sql::router::store_messages, messages.params()});
        channels.push_back("messages_in");
    }
    if (!updates.event_ids.empty()) {
        calls.push_back({sql::router::hand_over, updates.params()});
        channels.push_back("delivery_events");
    }
    if (!others.event_ids.empty()) calls.push_back({sql::router::record, others.params()});
    if (!postponed.empty()) calls.push_back({sql::router::postpone, pg::Params{postponed, waits}});
    if (!channels.empty()) calls.push_back({sql::router::wake, pg::Params{channels}});
    const std::vector<pg::Rows> rows = transaction_.commit(calls);

    std::vector<std::int64_t> repeated;
    if (!messages.event_ids.empty()) {
        for (const pg::Row row : rows.front()) repeated.push_back(row.int64(0));
    }
    return repeated;
}

std::vector<std::int64_t> waiting(pg::Connection& db, std::int64_t mark, std::size_t limit) {
    std::vector<std::int64_t> ids;
    const pg::Rows rows = run(db, sql::router::waiting, pg::Params{mark, limit});
    for (const pg::Row row : rows) ids.push_back(row.int64(0));
    return ids;
}

std::optional<Attempt> begin_attempt(pg::Connection& db, std::int64_t event_id) {
    return attempt_of(run(db, sql::router::begin_attempt, pg::Params{event_id}));
}

std::optional<Attempt> begin_due_attempt(pg::Connection& db) {
    return attempt_of(run(db, sql::router::begin_due_attempt));
}

std::chrono::seconds pause_after(int number) {
    return std::chrono::seconds{1 << std::clamp(number, 0, 6)};
}

std::size_t return_postponed(pg::Connection& db) {
    return static_cast<std::size_t>(run(db, sql::router::return_postponed)[0].int64(0));
}

void give_back(pg::Connection& db, const Attempt& attempt) {
    run(db, sql::router::give_back_attempt, pg::Params{attempt.event_id, attempt.number, 0, false});
}

void postpone(pg::Connection& db, const Attempt& attempt, std::chrono::milliseconds wait) {
    run(db, sql::router::give_back_attempt,
        pg::Params{attempt.event_id, attempt.number, wait.count(), true});
}

void dead_letter(pg::Connection& db, std::int64_t event_id, std::string_view reason, int attempts) {
    run(db, sql::router::dead_letter, pg::Params{event_id, reason, attempts});
}

}  // namespace pgcourier::router
