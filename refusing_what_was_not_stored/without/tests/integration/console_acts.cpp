// What the operations console does and says that it does: acts mean what was written and nothing
// more, the SQL and the command beside them do the same, and the audit tells it.
#include "base/utf8.hpp"
#include "sql/console.hpp"
#include "support/console.hpp"
#include "support/eventually.hpp"
#include "twilio/json.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace pgcourier {
namespace {

using namespace test;
using Lines = std::vector<std::string>;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698765432";

/// Ends a bracketed paste, begins a line of its own, turns what follows around.
constexpr const char* kHostile = "x'\u001b[201~\n\\! id > /dev/null\n--all \u202Eb\u0085\U000E0041";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// All texts of these keys, wherever they stand.
void collect(const rapidjson::Value& value, const std::string& key, Lines& found) {
    if (value.IsObject()) {
        for (const auto& [name, inner] : value.GetObject()) {
            if (name.GetString() == key && inner.IsString())
                found.emplace_back(inner.GetString(), inner.GetStringLength());
            collect(inner, key, found);
        }
    } else if (value.IsArray()) {
        for (const auto& inner : value.GetArray()) collect(inner, key, found);
    }
}

Lines all_of(const std::string& json, const std::string& key) {
    rapidjson::Document document;
    document.Parse(json.c_str(), json.size());
    Lines found;
    if (!document.HasParseError()) collect(document, key, found);
    return found;
}

struct Desk : ConsoleService {
    std::string tenant = db.add_tenant("Shop", kShop);
    Variables shell{{"DATABASE_URL", db.url().reveal()}};

    Desk() {
        // Nothing of what is written here is sent.
        db.exec("SELECT ops.pause_sending(by => 'test')");
        sign_in(kOperator, "Zoé");
    }
    void add_letter(const std::string& id, const std::string& reason) {
        add(id, reason, "message_out");
    }
    void add(const std::string& id, const std::optional<std::string>& reason,
             const std::string& type) {
        pg::Connection connection = db.connect();
        // inline SQL: a fixture with parameters
        constexpr pg::Statement kAdd{
            "test.letter",
            "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, error_message, "
            "created_at) SELECT $1::text, $2::text, $3::text, '{}', $4::text, timestamp "
            "'2026-01-01' + count(*) * interval '1 s' FROM dead_letter_jobs"};
        connection.exec(kAdd, pg::Params{id, tenant, type, reason});
    }
    std::string add_message(const std::string& id, const std::string& columns = "",
                            const std::string& values = "") {
        pg::Connection connection = db.connect();
        const std::string text = fmt::format(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, correlation_id{}) VALUES "
            "($1::text, $2::text, $3::text, 'Merci', 'c of ' || $1{})",
            columns, values);
        connection.exec(pg::Statement{"test.message", text.c_str()},
                        pg::Params{id, tenant, kClient});
        return id;
    }
    Lines open_letters() const {
        return db.query_rows(
            "SELECT id FROM dead_letter_jobs WHERE resolved_at IS NULL ORDER BY "
            "created_at, id");
    }
    std::string letters(const char* act, const std::string& choice) {
        return post(fmt::format("/ops/api/dead-letters/{}", act),
                    fmt::format("{{{},\"why\":\"test\"}}", choice))
            .body;
    }
    std::string preview(const char* act, const std::string& choice) {
        return this->act("Settled", "/ops/api/dead-letters/preview",
                         fmt::format(R"({{"act":"{}",{}}})", act, choice));
    }
    /// What a shell does with a copied command.
    int run(const std::string& program, std::string command) const {
        BOOST_REQUIRE_MESSAGE(command.starts_with("pgcourier "), command);
        command.replace(0, std::string_view{"pgcourier"}.size(), PGCOURIER_BINARY);
        Process child{{"-c", command + " </dev/null"}, shell, {}, program};
        return child.wait();
    }
    Lines audit(const std::string& type) const {
        return db.query_rows(
            "SELECT entity_id, correlation_id, payload ->> 'by', payload ->> 'reason' FROM "
            "event_log WHERE event_type = '" +
            type + "' ORDER BY created_at, id");
    }
};

#define TEST_LINES(found, ...) \
    BOOST_TEST(found == (Lines{__VA_ARGS__}), boost::test_tools::per_element())

}  // namespace

// ---- Who reads
// -------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(where_everybody_may_create_functions_all_is_still_read, Desk) {
    add_message("m1");
    db.exec("GRANT CREATE ON SCHEMA public TO PUBLIC");
    BOOST_TEST(has(db.query_value("SELECT string_agg(g, ' ') FROM ops.grant_roles() AS g"),
                   "REVOKE CREATE ON SCHEMA public FROM PUBLIC"));
    for (const std::string& path : ConsoleService::gets("m1")) {
        const RawReply reply = get(path);
        BOOST_TEST(reply.status == 200, path << ": " << reply.body);
        BOOST_TEST(!has(reply.body, "98765432"), path);
    }
    preview("retry", R"("filter":{"everything":true})");
    db.exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC; SELECT ops.grant_roles()");
    BOOST_TEST(get("/ops/api/search?q=m1&limit=2").status == 200);
}

BOOST_AUTO_TEST_CASE(from_16_on_a_member_takes_the_readers_role_only_where_it_may) {
    TestDatabase db;
    // As 16 answers to who created the role: a member, who must not take it.
    const auto role_taken = [&](const char* version, const char* may) {
        db.exec(
            fmt::format("DROP SCHEMA IF EXISTS later CASCADE; CREATE SCHEMA later; CREATE FUNCTION "
                        "later.current_setting(text) RETURNS text RETURN '{}'; CREATE FUNCTION "
                        "later.pg_has_role(name, oid, text) RETURNS boolean RETURN $3 = '{}'",
                        version, may));
        pg::Connection connection = db.connect();
        connection.exec_script("SET search_path = later, pg_catalog, public; BEGIN");
        connection.exec(sql::console::as_reader, pg::Params{2000});
        return connection.exec_script("SELECT current_user")[0].string(0) == "pgcourier_ops_reader";
    };
    BOOST_TEST(role_taken("150008", "MEMBER"));
    BOOST_TEST(!role_taken("160004", "MEMBER"));
    BOOST_TEST(role_taken("160004", "SET"));
    BOOST_TEST(!role_taken("150008", "SET"));
}

// ---- What is meant
// -------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_choice_that_says_something_wrong_is_refused_and_does_nothing, Desk) {
    for (const char* id : {"a", "b"}) add_letter(id, "r1");
    const std::string why = R"(,"why":"x"})";
    for (const char* filter :
         {R"("tenant":"")", R"("tenant":null)", R"("tenant":"  ")", R"("reasn":"r1")",
          R"("since":"")", R"("until":null)", R"("code":"")", R"("job_type":"")",
          R"("reason":null)", R"("everything":null)", R"("tenant":["t"])",
          R"("tenant":"t","tenant":"u")", R"("reason":{"a":"b"})"}) {
        for (const char* act : {"retry", "discard"}) {
            const RawReply reply =
                post(fmt::format("/ops/api/dead-letters/{}", act),
                     fmt::format(R"({{"filter":{{"job_type":"message_out",{}}})", filter) + why);
            BOOST_TEST(reply.status == 400, filter << ": " << reply.body);
            BOOST_TEST(has(reply.body, "\"filter."), reply.body);
        }
    }
    std::string many = R"({"ids":["a")";
    for (int i = 0; i < 1000; ++i) many += R"(,"b")";
    for (const std::string& body :
         {std::string{R"({"filter":{"everything":true},"act":"retry")"},
          std::string{R"({"filter":{"everything":true},"tenant":"t")"},
          std::string{R"({"filter":{"everything":true},"ids":["a"])"},
          std::string{R"({"filter":{"everything":false})"},
          std::string{R"({"filter":[{"everything":true}])"}, std::string{R"({"filter":"{}")"},
          std::string{R"({"ids":"[\"a\"]")"}, std::string{R"({"ids":"[x")"},
          std::string{R"({"ids":["a",null])"}, std::string{R"({"ids":{"a":"b"})"},
          std::string{R"({"ids":["a"],"limit":0)"}, std::string{R"({"ids":["a"],"limit":1001)"},
          many + "]"}) {
        const RawReply reply = post("/ops/api/dead-letters/discard", body + why);
        BOOST_TEST(reply.status == 400, body.substr(0, 60) << ": " << reply.body);
    }
    BOOST_TEST(post("/ops/api/pause", R"({"scope":"all","why":"x","tenant":"t"})").status == 400);
    BOOST_TEST(post("/ops/api/cancel", R"({"id":"m","why":"x","force":true})").status == 400);
    TEST_LINES(open_letters(), "a", "b");
}

BOOST_FIXTURE_TEST_CASE(the_sql_beside_a_choice_means_the_same_letters, Desk) {
    add("none1", std::nullopt, "message_out");
    add("none2", std::nullopt, "webhook_event");
    add_letter("r1", "it's \\ 100% +33612345678");
    add_letter("r2", "it's \\ 100x +33698765499");
    add_letter(kHostile, "r3");
    add("none3", std::nullopt, "message_out");
    const std::string hostile = twilio::json_string(kHostile);
    const std::string ids = fmt::format(R"("ids":[{}])", hostile);
    const Lines all{"none1", "none2", "r1", "r2", kHostile, "none3"};
    const auto without = [&](const Lines& gone) {
        Lines left = all;
        for (const std::string& id : gone) std::erase(left, id);
        return left;
    };
    for (const auto& [choice, gone] : std::vector<std::pair<std::string, Lines>>{
             {R"("filter":{"job_type":"message_out","reason":""})", {"none1", "none3"}},
             {R"("filter":{"job_type":"message_out","reason":""},"limit":1)", {"none1"}},
             {R"("filter":{"reason":""})", {"none1", "none2", "none3"}},
             {R"("filter":{"reason":"it's \\ 100% +336…78"})", {"r1"}},
             {R"("filter":{"job_type":"webhook_event"})", {"none2"}},
             {R"("filter":{"since":"2026-01-01 00:00:03","until":"2026-01-01T02:00:05+02:00"})",
              {"r2", kHostile}},
             {fmt::format(R"("filter":{{"tenant":"{}"}},"limit":5)", tenant),
              {"none1", "none2", "r1", "r2", kHostile}},
             {ids, {kHostile}},
             {R"("ids":["r1","r2","no such"])", {"r1", "r2"}},
             {R"("ids":[])", {}},
             {R"("filter":{"everything":true})", all}}) {
        const std::string told = preview("discard", choice);
        BOOST_TEST(has(told, fmt::format(R"("done": {},)", gone.size())), told);
        const std::string sql = text_of(told, "sql");
        BOOST_TEST(sql.empty() == (choice == R"("ids":[])"), sql);
        BOOST_TEST(without_controls(sql) == sql, sql);
        if (!sql.empty()) {
            // In psql's place, with another zone, and taken back.
            pg::Connection connection = db.connect();
            connection.exec_script("SET timezone = 'Asia/Tokyo'; BEGIN");
            connection.exec_script(sql.c_str());
            const pg::Rows rows = connection.exec_script(
                "SELECT id FROM dead_letter_jobs WHERE resolved_at IS NULL ORDER BY created_at");
            Lines left;
            for (const pg::Row row : rows) left.push_back(row.string(0));
            BOOST_TEST(left == without(gone), boost::test_tools::per_element());
            connection.exec_script("ROLLBACK");
        }
        const std::string done = letters("discard", choice);
        BOOST_TEST(open_letters() == without(gone), boost::test_tools::per_element());
        BOOST_TEST(has(done, fmt::format(R"("done": {},)", gone.size())), done);
        BOOST_TEST(text_of(done, "sql").empty() == sql.empty());
        db.exec("UPDATE dead_letter_jobs SET resolved_at = NULL");
    }
    BOOST_TEST(
        has(preview("discard", R"("filter":{"everything":true},"limit":2)"), R"("remaining": 4)"));
    BOOST_TEST(has(text_of(letters("retry", R"("filter":{"reason":"r3"},"per_second":2.5)"), "sql"),
                   "per_second => 2.5, reason => 'test')"));
    BOOST_TEST(has(text_of(letters("discard", R"("filter":{"reason":"r3"})"), "sql"),
                   "reason => 'test')"));
}

BOOST_FIXTURE_TEST_CASE(a_copied_command_takes_no_id_for_an_option, Desk) {
    const auto discard = [&](const char* program, const std::string& id) {
        for (const std::string& letter : {std::string{"a"}, id, std::string{"z"}})
            add_letter(letter, "r1");
        const std::string command = text_of(
            preview("discard", fmt::format(R"("ids":[{}])", twilio::json_string(id))), "command");
        BOOST_TEST(without_controls(command) == command);
        run(program, command);
        const Lines left = open_letters();
        db.exec("DELETE FROM dead_letter_jobs");
        return left;
    };
    TEST_LINES(discard("/bin/sh", "--all"), "a", "z");
    TEST_LINES(discard("/bin/sh", "-h"), "a", "z");
    TEST_LINES(discard("/bin/sh", "$(touch a); 'b' `c`"), "a", "z");
    TEST_LINES(discard("/bin/bash", kHostile), "a", "z");
    // A shell that does not know $'…' looks for another id, and does nothing else.
    const std::string quotes = "\u001b';touch quoted;'\\';touch quoted;'";
    TEST_LINES(discard("/bin/bash", quotes), "a", "z");
    discard("/bin/sh", quotes);
    BOOST_TEST(std::system("test ! -e quoted") == 0);

    for (const char* id : {"a", "--all"}) add_letter(id, "r1");
    BOOST_TEST(run("/bin/sh",
                   text_of(preview("discard", R"("filter":{"until":"2027-01-01"})"), "command") +
                       " --yes") == 0);
    BOOST_TEST(open_letters().empty());
    // What the command line cannot say in the same way, it does not say.
    add_letter("b", "r1");
    add_letter("c", "r1");
    for (const char* choice : {R"("ids":["b","c"])", R"("ids":[])", R"("filter":{"reason":"r1"})",
                               R"("filter":{"everything":true},"limit":1)"})
        BOOST_TEST(text_of(preview("discard", choice), "command") == "", choice);
}

BOOST_FIXTURE_TEST_CASE(what_is_copied_has_nothing_that_a_terminal_obeys, Desk) {
    add_message(kHostile, ", held_reason", ", 'too old'");
    add_letter(kHostile, "r1");
    pg::Connection connection = db.connect();
    // inline SQL: a fixture with parameters
    constexpr pg::Statement kAdd{"test.tenant",
                                 "INSERT INTO tenants (id, name) VALUES ($1::text, $1)"};
    connection.exec(kAdd, pg::Params{kHostile});
    const std::string id = encoded(kHostile);
    const std::string json = twilio::json_string(kHostile);
    std::vector<std::string> answers;
    for (const std::string& path : ConsoleService::gets(id)) answers.push_back(get(path).body);
    for (const char* path : {"dead-letters?tenant=", "dead-letters?reason=", "log?tenant=",
                             "log?correlation_id=", "log?type=", "tenants?id="})
        answers.push_back(get(std::string{"/ops/api/"} + path + id).body);
    for (const auto& [path, body] : std::vector<std::pair<const char*, const char*>>{
             {"pause", R"({{"scope":"tenant","id":{},"why":{}}})"},
             {"resume", R"({{"scope":"tenant","id":{},"why":{}}})"},
             {"opt-outs", R"({{"act":"add","tenant":{},"person":"+33698765432","why":{}}})"},
             {"release", R"({{"id":{},"why":{}}})"},
             {"cancel", R"({{"id":{},"why":{}}})"},
             {"dead-letters/preview", R"({{"act":"retry","ids":[{}],"why":{}}})"}}) {
        const RawReply reply =
            post(std::string{"/ops/api/"} + path, fmt::format(fmt::runtime(body), json, json));
        BOOST_TEST(reply.status == 200, path << ": " << reply.body);
        answers.push_back(reply.body);
    }
    std::size_t found = 0;
    for (const std::string& answer : answers) {
        for (const char* key : {"sql", "command", "sentence", "advice"}) {
            for (const std::string& text : all_of(answer, key)) {
                // A sentence begins with the id as it is, which the page shows by its codes.
                const std::size_t from =
                    std::string_view{key} == "sentence" ? text.find("SELECT") : 0;
                const std::string copied = text.substr(std::min(from, text.size()));
                found += has(copied, "201~");
                BOOST_TEST(without_controls(copied) == copied, key << ": " << copied);
            }
        }
    }
    BOOST_TEST(found >= 20u);
    // And it is still the same id.
    const std::string trace = get("/ops/api/trace?id=" + id).body;
    BOOST_TEST(db.count("SELECT count(*) FROM (" + text_of(trace, "sql") + ") AS t") > 0);
    for (const char* word : {"a", "it's", "\\", "a\\b'c", "\u001b'\\\n", "\u202E\U000E0041"}) {
        const pg::Rows rows = connection.exec(
            pg::Statement{"test.word", "SELECT ops.sql_word($1::text)"}, pg::Params{word});
        BOOST_TEST(db.query_value("SELECT " + rows[0].string(0)) == word);
    }
}

// ---- What is written about it
// -------------------------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(the_audit_says_whose_opt_out_was_changed_and_only_what_was, Desk) {
    const std::string message = add_message("m1");
    const auto opt = [&](const char* act, const std::string& who) {
        return post(
            "/ops/api/opt-outs",
            fmt::format(R"({{"act":"{}","tenant":"{}",{},"why":"asked"}})", act, tenant, who));
    };
    for (const char* who : {"0698765432", "+336987", "Zoé", "+0098765432"}) {
        const RawReply reply = opt("add", fmt::format(R"("person":"{}")", who));
        BOOST_TEST(reply.status == 400, who);
        BOOST_TEST(has(reply.body, "person: found something else, expected a whole number like"));
        BOOST_TEST(!has(reply.body, who));
    }
    BOOST_TEST(opt("add", R"("person_of":"no such")").status == 404);
    BOOST_TEST(post("/ops/api/opt-outs", R"({"act":"add","tenant":"no such","person":)"
                                         R"("+33698765432","why":"asked"})")
                   .status == 404);
    BOOST_TEST(has(opt("remove", R"("person_of":"m1")").body, "they were not opted out"));
    TEST_LINES(audit("opt_out_recorded"));
    TEST_LINES(audit("opt_out_revoked"));
    BOOST_TEST(db.count("SELECT count(*) FROM opt_out_history") == 0);

    BOOST_TEST(has(opt("add", R"("person_of":"m1")").body, "opted out; "));
    TEST_LINES(audit("opt_out_recorded"), "+336…32|c of m1|console: Zoé|asked");
    BOOST_TEST(has(opt("remove", R"("person":"00 33 6 98 76 54 32")").body, "written to again"));
    BOOST_TEST(audit("opt_out_revoked")[0].starts_with("+336…32|"));

    db.exec(
        fmt::format("INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, "
                    "source) VALUES ('{}', '{}', 'start', now() + interval '1 day', 'test')",
                    tenant, kClient));
    BOOST_TEST(has(opt("add", R"("person_of":"m1")").body, "a START of this person"));
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == 0);
    BOOST_TEST(audit("opt_out_recorded").size() == 1u);
    const Ran ran = run_program({"optout", "add", kClient, "--tenant", tenant}, shell);
    BOOST_TEST(audit("opt_out_recorded").size() == 1u, ran.output);
}

BOOST_FIXTURE_TEST_CASE(a_message_is_released_or_settled_and_why_is_kept, Desk) {
    add_message("held", ", held_reason", ", 'too old'");
    add_message("sent");
    add_message("not sent");
    db.exec(
        "ALTER TABLE messages_out DISABLE TRIGGER pgcourier_guard; UPDATE messages_out SET "
        "status = 'unknown' WHERE id LIKE '%sent'; ALTER TABLE messages_out ENABLE TRIGGER "
        "pgcourier_guard");
    const auto done = [&](const char* path, const std::string& body) {
        return act("Done", std::string{"/ops/api/"} + path, body);
    };
    const std::string released = done("release", R"({"id":"held","why":"it is in time"})");
    BOOST_TEST(text_of(released, "words") == "message held is due now");
    BOOST_TEST(text_of(released, "sql") ==
               "SELECT ops.release_message('held', reason => 'it is in time')");
    BOOST_TEST(text_of(released, "command") == "pgcourier outbox release held");
    TEST_LINES(audit("message_released"), "held|c of held|console: Zoé|it is in time");

    const std::string settled = done("settle", R"({"id":"sent","was_sent":true,"why":"seen"})");
    BOOST_TEST(text_of(settled, "sql") ==
               "SELECT ops.settle_unknown('sent', true, reason => 'seen')");
    BOOST_TEST(text_of(settled, "command") == "pgcourier outbox settle --sent sent");
    TEST_LINES(audit("message_sent"), "sent|c of sent|console: Zoé|settled by hand: seen");
    BOOST_TEST(text_of(done("settle", R"({"id":"not sent","was_sent":false})"), "sql") ==
               "SELECT ops.settle_unknown('not sent', false)");
    TEST_LINES(audit("message_failed"), "not sent|c of not sent|console: Zoé|settled by hand");
    TEST_LINES(db.query_rows("SELECT id, status FROM messages_out ORDER BY id"), "held|pending",
               "not sent|failed", "sent|sent");
    const std::string canceled = done("cancel", R"({"id":"held","why":"it's late"})");
    BOOST_TEST(text_of(canceled, "sql") == "SELECT ops.cancel_message('held', 'it''s late')");
    BOOST_TEST(text_of(canceled, "command") ==
               R"(pgcourier outbox cancel --reason 'it'\''s late' held)");
}

BOOST_FIXTURE_TEST_CASE(what_people_write_about_people_is_kept_masked, Desk) {
    add_message("m1");
    receive(1, kClient, kShop, "Bonjour");
    BOOST_REQUIRE(eventually([&] { return db.count("SELECT count(*) FROM messages_in") == 1; }));
    const std::string event = db.query_value("SELECT id FROM webhook_events");
    const std::string why = R"("why":"asked from +33698765432")";
    act("Done", "/ops/api/cancel", fmt::format(R"({{"id":"m1",{}}})", why));
    act("Revealed", "/ops/api/reveal",
        fmt::format(R"({{"kind":"webhook_event","id":"{}","what":"raw",{}}})", event, why));
    TEST_LINES(db.query_rows("SELECT event_type, tenant_id, payload ->> 'reason' FROM event_log "
                             "WHERE actor_type = 'operator' AND payload ->> 'by' LIKE 'console%' "
                             "ORDER BY created_at"),
               fmt::format("message_canceled|{}|asked from +336…32", tenant),
               fmt::format("message_revealed|{}|asked from +336…32", tenant));
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE payload::text LIKE '%98765%'") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_paused_sender_says_who_paused_it_and_can_be_resumed, Desk) {
    db.exec("SELECT ops.resume_sending()");
    const std::string other = db.add_tenant("Other", "+33700000091");  // masked as the shop's
    const std::string scope =
        fmt::format(R"({{"scope":"sender","id":"tenant:{}","why":"moves"}})", tenant);
    act("Done", "/ops/api/pause", scope);
    const std::string row = ask("Tenants", "/ops/api/tenants?id=" + tenant);
    for (const char* part : {R"("scope": "sender")", R"("by": "console: Zoé")",
                             R"("reason": "moves")", R"("since": "20)"})
        BOOST_TEST(has(row, part), row);
    BOOST_TEST(has(ask("Tenants", "/ops/api/tenants?id=" + other), R"("paused": null)"));
    const std::string abnormal = ask("Abnormal", "/ops/api/abnormal");
    BOOST_TEST(text_of(abnormal, "tenant_id") == tenant, abnormal);
    act("Done", "/ops/api/resume",
        fmt::format(R"({{"scope":"sender","id":"tenant:{}","why":"moved"}})", tenant));
    BOOST_TEST(has(abnormal, fmt::format(R"("id": "tenant:{}")", tenant)), abnormal);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_pauses") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_list_says_when_it_has_not_all_of_them, Desk) {
    db.exec(
        "INSERT INTO dead_letter_jobs (job_type, payload, error_message) SELECT 'message_out', "
        "'{}', 'reason ' || i % 200 FROM generate_series(1, 10000) AS i");
    const std::string list = ask("DeadLetters", "/ops/api/dead-letters?limit=1");
    BOOST_TEST(has(list, R"("is_complete": false)"));
    db.exec("DELETE FROM dead_letter_jobs WHERE error_message = 'reason 7'");
    BOOST_TEST(has(ask("DeadLetters", "/ops/api/dead-letters?limit=2"), R"("is_complete": true)"));
    BOOST_TEST(text_of(ask("", "/ops/api/dead-letters?reason=reason+1&code=7"), "sql").empty() ==
               false);
}

}  // namespace pgcourier
