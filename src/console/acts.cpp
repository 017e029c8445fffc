#include "console/acts.hpp"

#include "console/given.hpp"
#include "console/questions.hpp"
#include "console/reply.hpp"
#include "sql/console.hpp"

#include <array>
#include <optional>
#include <utility>

namespace pgcourier::console {
namespace {

using Wanted = std::variant<Work, http::Response>;

constexpr const char* kWhy = "why: it is kept in event_log";
constexpr const char* kMessageId = "the id of a message";

// As ops.person_meant, which decides: whose number has no country code is nobody's.
bool may_be_person(std::string_view text) {
    return text.find('+') != std::string_view::npos || text.starts_with("00") ||
           text.find('.') != std::string_view::npos;
}

Wanted work_or_problem(const Given& given, const pg::Statement& statement, pg::Params params) {
    if (auto problem = given.problem()) return std::move(*problem);
    return Work{[&statement, params = std::move(params)](pg::Connection& db) {
        // In a transaction like those of the other stages: with timeouts, on disk when it answers.
        const std::array<pg::Call, 1> calls{pg::Call{statement, params}};
        const pg::Rows rows = std::move(db.transact(calls)[0]);
        if (rows.empty() || rows[0].is_null(0))
            return error_reply(404, "not_found", "there is nothing of this id and kind");
        return json_reply(rows[0].string(0));
    }};
}

Wanted scope(std::string_view body, const std::string& by, const pg::Statement& statement) {
    Given given = Given::of_json(body);
    const std::string scope = given.choice("scope", {"all", "tenant", "sender"});
    const auto id = given.text("id");
    if (scope != "all" && !id) given.wrong("id", "the id of what is meant");
    const std::string why = given.needed("why", kWhy, 1000);
    return work_or_problem(given, statement, pg::Params{scope, id, why, by});
}

Wanted pause(std::string_view body, const std::string& by) {
    return scope(body, by, sql::console::pause);
}

Wanted resume(std::string_view body, const std::string& by) {
    return scope(body, by, sql::console::resume);
}

Wanted opt_outs(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const bool adds = given.choice("act", {"add", "remove"}) == "add";
    const std::string tenant = given.needed("tenant", "the id of a tenant");
    const auto person = given.text("person");
    const auto message = given.text("person_of");
    if (person.has_value() == message.has_value())
        given.wrong("person", "a whole number, or person_of with the id of a message");
    if (person && !may_be_person(*person))
        given.wrong("person", "a whole number like +33612345678, or a WhatsApp user id");
    const std::string why = given.needed("why", kWhy, 1000);
    return work_or_problem(given, adds ? sql::console::opt_out_add : sql::console::opt_out_remove,
                           pg::Params{tenant, person, message, why, by});
}

Wanted cancel(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string id = given.needed("id", kMessageId);
    const std::string why = given.needed("why", kWhy, 1000);
    return work_or_problem(given, sql::console::cancel, pg::Params{id, why, by});
}

Wanted release(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string id = given.needed("id", kMessageId);
    return work_or_problem(given, sql::console::release, pg::Params{id, by});
}

Wanted settle(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string id = given.needed("id", kMessageId);
    const auto was_sent = given.flag("was_sent");
    if (!was_sent) given.wrong("was_sent", "true or false");
    return work_or_problem(given, sql::console::settle, pg::Params{id, was_sent, by});
}

Wanted reveal(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string kind = given.choice("kind", {"message_out", "message_in", "webhook_event"});
    const std::string id = given.needed("id", "an id");
    const std::string what = kind == "webhook_event" ? given.choice("what", {"raw"})
                                                     : given.choice("what", {"number", "body"});
    const std::string why = given.needed("why", kWhy, 1000);
    return work_or_problem(given, sql::console::reveal, pg::Params{kind, id, what, by, why});
}

// The letters that are meant: by ids, or by a filter that says at least something.
pg::Params choice_of(Given& given) {
    const auto ids = given.json("ids", '[');
    const auto json = given.json("filter", '{');
    if (ids.has_value() == json.has_value()) given.wrong("filter", "ids or a filter");
    Given filter = Given::of_json(json.value_or("{}"));
    // A misspelt condition, or a script's empty variable, would mean more than was meant.
    filter.nothing_but({"reason", "job_type", "tenant", "code", "since", "until", "everything"},
                       "reason");
    const auto reason = filter.text_or_empty("reason");
    const auto type = filter.text("job_type");
    const auto tenant = filter.text("tenant");
    const auto code = filter.number("code");
    const auto since = filter.time("since");
    const auto until = filter.time("until");
    const bool everything = filter.flag("everything").value_or(false);
    const bool says_something = reason || type || tenant || code || since || until || everything;
    if (json && !says_something)
        given.wrong("filter", "at least one condition, or everything: true");
    if (const auto problem = filter.problem())
        given.wrong("filter", "reason, job_type, tenant, code, since, until as documented");
    return pg::Params{ids, reason, type, tenant, code, since, until};
}

Wanted preview(std::string_view body, const std::string&) {
    Given given = Given::of_json(body);
    pg::Params params = choice_of(given);
    params.add(given.choice("act", {"retry", "discard"}));
    if (auto problem = given.problem()) return std::move(*problem);
    return reading(sql::console::preview, std::move(params));
}

Wanted retry(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    pg::Params params = choice_of(given);
    params.add(given.rate("per_second")).add(by).add(given.needed("why", kWhy, 1000));
    return work_or_problem(given, sql::console::retry, std::move(params));
}

Wanted discard(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    pg::Params params = choice_of(given);
    params.add(by).add(given.needed("why", kWhy, 1000));
    return work_or_problem(given, sql::console::discard, std::move(params));
}

// As a question, but the number stands in no address, which proxies log.
Wanted search(std::string_view body, const std::string&) {
    Given given = Given::of_json(body);
    const std::string words = given.needed("q", "an id, a name or a whole number");
    if (auto problem = given.problem()) return std::move(*problem);
    return reading(sql::console::search, pg::Params{words});
}

}  // namespace

const std::vector<Act>& acts() {
    static const std::vector<Act> all{
        {"search", true, search},
        {"dead-letters/preview", true, preview},
        {"dead-letters/retry", false, retry},
        {"dead-letters/discard", false, discard},
        {"pause", false, pause},
        {"resume", false, resume},
        {"opt-outs", false, opt_outs},
        {"cancel", false, cancel},
        {"release", false, release},
        {"settle", false, settle},
        {"reveal", false, reveal},
    };
    return all;
}

}  // namespace pgcourier::console
