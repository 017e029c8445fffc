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
constexpr std::size_t kWhyBytes = 1000;
constexpr int kMostLetters = 1000;

/// What is told when a statement did nothing.
struct Otherwise {
    const char* no_row = "there is nothing of this id and kind";  // 404
    const char* null = no_row;                                    // 400, when it is another
};

Wanted work_or_problem(const Given& given, const pg::Statement& statement, pg::Params params,
                       Otherwise otherwise = {}) {
    if (auto problem = given.problem()) return std::move(*problem);
    return Work{[&statement, params = std::move(params), otherwise](pg::Connection& db) {
        // In a transaction like those of the other stages: with timeouts, on disk when it answers.
        const std::array<pg::Call, 1> calls{pg::Call{statement, params}};
        const pg::Rows rows = std::move(db.transact(calls)[0]);
        if (!rows.empty() && !rows[0].is_null(0)) return json_reply(rows[0].string(0));
        if (!rows.empty() && otherwise.null != otherwise.no_row)
            return error_reply(400, "bad_request", otherwise.null);
        return error_reply(404, "not_found", otherwise.no_row);
    }};
}

Wanted scope(std::string_view body, const std::string& by, const pg::Statement& statement) {
    Given given = Given::of_json(body);
    const std::string scope = given.choice("scope", {"all", "tenant", "sender"});
    const auto id = given.text("id");
    if (scope != "all" && !id) given.wrong("id", "the id of what is meant");
    const std::string why = given.needed("why", kWhy, kWhyBytes);
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
    const std::string why = given.needed("why", kWhy, kWhyBytes);
    return work_or_problem(
        given, sql::console::opt_out,
        pg::Params{adds ? "stop" : "start", tenant, person, message, why, by},
        {.no_row = "there is no such tenant, or it has no message of this id",
         .null = "person: found something else, expected a whole number like +33612345678, or a "
                 "WhatsApp user id like FR.1349"});
}

Wanted cancel(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string id = given.needed("id", kMessageId);
    const std::string why = given.needed("why", kWhy, kWhyBytes);
    return work_or_problem(given, sql::console::cancel, pg::Params{id, why, by});
}

Wanted release(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string id = given.needed("id", kMessageId);
    const auto why = given.text("why", kWhyBytes);
    return work_or_problem(given, sql::console::release, pg::Params{id, why, by});
}

Wanted settle(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string id = given.needed("id", kMessageId);
    const auto was_sent = given.flag("was_sent");
    if (!was_sent) given.wrong("was_sent", "true or false");
    const auto why = given.text("why", kWhyBytes);
    return work_or_problem(given, sql::console::settle, pg::Params{id, was_sent, why, by});
}

Wanted reveal(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    const std::string kind = given.choice("kind", {"message_out", "message_in", "webhook_event"});
    const std::string id = given.needed("id", "an id");
    const std::string what = kind == "webhook_event" ? given.choice("what", {"raw"})
                                                     : given.choice("what", {"number", "body"});
    const std::string why = given.needed("why", kWhy, kWhyBytes);
    return work_or_problem(given, sql::console::reveal, pg::Params{kind, id, what, by, why});
}

// The letters that are meant, $1 to $8 of the statements: by ids, or by a filter that says at least
// something.
pg::Params choice_of(Given& given) {
    const auto ids = given.texts("ids", kMostLetters);
    auto filter = given.object("filter");
    if (ids.has_value() == filter.has_value()) given.wrong("filter", "ids or a filter");
    const bool has_filter = filter.has_value();
    if (!filter) filter = Given::of_json("{}");
    filter->refuse_blanks("reason");  // an empty one is a group's too
    const auto tenant = filter->text("tenant");
    const auto code = filter->number("code");
    const auto since = filter->time("since");
    const auto until = filter->time("until");
    const auto type = filter->text("job_type");
    const auto reason = filter->text_or_empty("reason");
    const bool everything = filter->flag("everything").value_or(false);
    given.wrong_within("filter", *filter);
    const bool says_something = tenant || code || since || until || type || reason || everything;
    if (has_filter && !says_something)
        given.wrong("filter", "at least one condition, or everything: true");
    const int most = given.number("limit").value_or(kMostLetters);
    if (most < 1 || most > kMostLetters) given.wrong("limit", "a whole number from 1 to 1000");
    return pg::Params{tenant, code, since, until, type, reason, ids, most};
}

Wanted preview(std::string_view body, const std::string&) {
    Given given = Given::of_json(body);
    const std::string act = given.choice("act", {"retry", "discard"});
    pg::Params params = choice_of(given);
    params.add(act == "retry" ? given.rate("per_second") : std::nullopt)
        .add(given.text("why", kWhyBytes))
        .add(act);
    if (auto problem = given.problem()) return std::move(*problem);
    return reading(sql::console::preview, std::move(params));
}

Wanted retry(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    pg::Params params = choice_of(given);
    params.add(given.rate("per_second")).add(given.needed("why", kWhy, kWhyBytes)).add(by);
    return work_or_problem(given, sql::console::retry, std::move(params));
}

Wanted discard(std::string_view body, const std::string& by) {
    Given given = Given::of_json(body);
    pg::Params params = choice_of(given);
    params.add(std::optional<double>{}).add(given.needed("why", kWhy, kWhyBytes)).add(by);
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
