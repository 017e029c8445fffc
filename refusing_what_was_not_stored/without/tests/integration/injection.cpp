// What somebody may put into a field (tests/injection_payloads.txt), through every field that
// reaches SQL and out again through the command line: it comes back byte for byte or is refused in
// words, no other table changes, and nothing that a terminal obeys is printed.
#include "base/utf8.hpp"
#include "base/wake.hpp"
#include "inbox/event.hpp"
#include "inbox/store.hpp"
#include "router/worker.hpp"
#include "support/fake_clock.hpp"
#include "support/payloads.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"
#include "twilio/form.hpp"
#include "twilio/payload.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <map>
#include <set>

namespace pgcourier {
namespace {

using namespace test;
using twilio::pg_text;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33612345678";

/// As text that the database takes: the others are refused by it, which a case of its own shows.
std::vector<std::string> texts() {
    std::vector<std::string> all = injection_payloads();
    std::erase_if(all, [](const std::string& text) { return pg_text(text) != text; });
    return all;
}

/// Several in one, so that fewer processes are started.
std::vector<std::string> joined(std::size_t most_bytes) {
    std::vector<std::string> all{""};
    for (const std::string& text : injection_payloads()) {
        if (text.find('\0') != std::string::npos || text.size() > most_bytes / 2) continue;
        if (all.back().size() + text.size() > most_bytes) all.emplace_back();
        all.back() += text + "|";
    }
    return all;
}

/// Whether something else than a line feed would be obeyed by a terminal; broken UTF-8 counts.
bool is_obeyed(std::string text) {
    std::erase(text, '\n');
    return without_controls(text) != text;
}

/// All tables but these: name, rows and what is in them.
std::map<std::string, std::string> state_of(const TestDatabase& db,
                                            const std::set<std::string>& meant) {
    std::string query;
    for (const std::string& table : db.query_rows(
             "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind "
             "= 'r' ORDER BY 1")) {
        if (meant.contains(table)) continue;
        query += fmt::format(
            "{}SELECT '{}', count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY "
            "t::text)), '') FROM \"{}\" AS t",
            query.empty() ? "" : " UNION ALL ", table, table);
    }
    std::map<std::string, std::string> state;
    for (const std::string& row : db.query_rows(query)) {
        const std::size_t bar = row.find('|');
        state[row.substr(0, bar)] = row.substr(bar + 1);
    }
    BOOST_TEST(state.size() > 10U);
    return state;
}

/// Shows at its end that no other table has changed.
class OnlyIn {
  public:
    OnlyIn(const TestDatabase& db, std::set<std::string> meant)
        : db_{db}, meant_{std::move(meant)}, before_{state_of(db, meant_)} {}
    void check() const {
        for (const auto& [table, state] : state_of(db_, meant_))
            BOOST_TEST(state == before_.at(table), table << " has changed");
    }

  private:
    const TestDatabase& db_;
    std::set<std::string> meant_;
    std::map<std::string, std::string> before_;
};

struct Told {
    std::string payload;
    bool is_refused;
    std::string words;  // the result, or why it was refused
};

std::string trimmed(const std::string& text) {
    constexpr const char* kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

struct Shop {
    TestDatabase db;
    std::string tenant = db.add_tenant("Shop", kShop);

    Shop() {
        // Runs a statement with the payload as $1, on its own: a refusal takes nothing else with
        // it.
        db.exec(
            "CREATE SCHEMA injection; CREATE FUNCTION injection.try(statement text, payload text) "
            "RETURNS text LANGUAGE plpgsql AS $$ DECLARE told text; BEGIN EXECUTE statement USING "
            "payload INTO told; RETURN 'T' || coalesce(told, ''); EXCEPTION WHEN OTHERS THEN "
            "RETURN "
            "'R' || SQLERRM; END $$; CREATE FUNCTION injection.reason_of_a_pause(why text) RETURNS "
            "text LANGUAGE plpgsql AS $$ DECLARE kept text; BEGIN PERFORM ops.pause_sending('all', "
            "NULL, why); SELECT reason INTO kept FROM outbox_pauses; PERFORM ops.resume_sending("
            "'all', NULL, why); RETURN kept; END $$");
    }
    std::vector<Told> try_all(const std::string& statement) const {
        static constexpr pg::Statement kTry{
            "test.injection",
            "SELECT p, injection.try($2, p) FROM unnest($1::text[]) WITH ORDINALITY AS x (p, n) "
            "ORDER BY n"};
        std::vector<Told> all;
        pg::Connection connection = db.connect();
        for (const pg::Row row : connection.exec(kTry, pg::Params{texts(), statement})) {
            const std::string told = row.string(1);
            all.push_back({row.string(0), told[0] == 'R', told.substr(1)});
        }
        BOOST_TEST(all.size() == texts().size());
        return all;
    }
    /// is_trimmed  blanks around it are left out
    /// returns     how many were taken; those came back as they were
    std::size_t expect_same(const std::string& statement, bool is_trimmed = false) const {
        std::size_t taken = 0;
        for (const Told& told : try_all(statement)) {
            if (told.is_refused) {
                BOOST_TEST(told.words.size() > 10U, statement << ": " << told.words);
            } else {
                ++taken;
                BOOST_TEST(told.words == (is_trimmed ? trimmed(told.payload) : told.payload),
                           statement);
            }
        }
        return taken;
    }
    /// returns  how many were refused
    std::size_t refused(const std::string& statement) const {
        const std::vector<Told> all = try_all(statement);
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const Told& told) {
            return told.is_refused && told.words.size() > 10;
        }));
    }
    Ran run(std::vector<std::string> arguments, const Variables& more = {}) const {
        Variables variables{{"DATABASE_URL", db.url().reveal()}};
        for (const auto& [name, value] : more) variables[name] = value;
        return run_program(std::move(arguments), variables);
    }
    /// Whatever is given, a command ends as it should and prints nothing that is obeyed.
    Ran expect_harmless(const std::vector<std::string>& arguments,
                        const Variables& more = {}) const {
        Ran ran = run(arguments, more);
        const std::string words = arguments.empty() ? "" : arguments[0];
        // `status` tells by it how things stand.
        BOOST_TEST((ran.exit_code >= 0 && ran.exit_code <= (words == "status" ? 4 : 2)),
                   words << " ended with " << ran.exit_code);
        BOOST_TEST(!ran.output.empty(), words << " said nothing");
        BOOST_TEST(!is_obeyed(ran.output), words << " printed what a terminal obeys");
        return ran;
    }
};

std::string sid_of(std::size_t number) {
    return fmt::format("SM{:032}", number);
}

}  // namespace

BOOST_AUTO_TEST_CASE(there_are_many_of_each_kind) {
    const std::vector<std::string> all = injection_payloads();
    BOOST_TEST(all.size() >= 500U);
    BOOST_TEST(texts().size() >= 500U);
    BOOST_TEST(std::set<std::string>(all.begin(), all.end()).size() == all.size());
    for (const std::string part : {"'; DROP TABLE", "$(id)", "<script>", "%n", "\r\n", "\x1b[",
                                   "\\copy", "$1", "../..", "\u202e", "\\u0000"}) {
        BOOST_TEST(std::any_of(all.begin(), all.end(),
                               [&](const std::string& one) { return one.find(part) != one.npos; }),
                   part);
    }
}

BOOST_FIXTURE_TEST_CASE(a_webhook_stores_what_was_written_and_touches_nothing_else, Shop) {
    const OnlyIn only{db,
                      {"webhook_events", "webhook_queue", "messages_in", "event_log", "opt_outs",
                       "opt_out_history"}};
    const std::vector<std::string> payloads = injection_payloads();
    std::vector<inbox::NewEvent> events;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const std::string& p = payloads[i];
        twilio::Params form{{"MessageSid", sid_of(i)},
                            {"From", std::string{"whatsapp:"} + kClient},
                            {"To", std::string{"whatsapp:"} + kShop}};
        for (const char* field :
             {"Body", "ProfileName", "WaId", "ExternalUserId", "MediaUrl0", "MediaContentType0",
              "ButtonText", "ButtonPayload", "ListId", "Label", "Address", "ReferralBody",
              "InteractiveData", "OriginalRepliedMessageSender", "MessageType", "NumMedia"}) {
            form.emplace_back(field, p);
        }
        form.emplace_back(p, "a key");
        const std::string query =
            "m=" + twilio::percent_encode(p) + "&" + twilio::percent_encode(p);
        events.push_back(inbox::new_event(inbox::Source::webhook, twilio::BodyFormat::form,
                                          twilio::encode_form(form), query, p));
        // A sender and a receiver that are none, and bytes that are no form: stored, not routed.
        events.push_back(inbox::new_event(
            inbox::Source::webhook, twilio::BodyFormat::form,
            twilio::encode_form(
                {{"MessageSid", "MM" + sid_of(i).substr(2)}, {"From", p}, {"To", p}}),
            query, fmt::format("token-{}", i)));
        events.push_back(inbox::new_event(inbox::Source::webhook, twilio::BodyFormat::json,
                                          fmt::format("{}{}", p, i), "", ""));
    }
    std::vector<const inbox::NewEvent*> pointers;
    for (const inbox::NewEvent& event : events) pointers.push_back(&event);
    pg::Connection connection = db.connect();
    for (const std::int64_t id : inbox::insert_events(connection, pointers)) BOOST_TEST(id != 0);

    FakeClock clock;
    Wake wake;
    router::Worker worker{db.options("router"), wake, {}, clock, 1};
    while (worker.run_once() > 0) {
    }

    static constexpr pg::Statement kStored{
        "test.stored",
        "SELECT m.body, m.profile_name, m.media::jsonb -> 0 ->> 'url', e.raw = $2, e.query = $3, "
        "e.payload ->> 'Body' FROM messages_in AS m JOIN webhook_events AS e ON e.key = 'msg:' || "
        "m.provider_message_id WHERE m.provider_message_id = $1"};
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const inbox::NewEvent& event = events[3 * i];
        pg::Params params{sid_of(i)};
        params.add_bytes(event.raw);
        params.add(event.query);
        const pg::Rows rows = connection.exec(kStored, params);
        BOOST_REQUIRE_MESSAGE(rows.size() == 1, "not stored: " << payloads[i]);
        const std::string expected = pg_text(payloads[i]);
        BOOST_TEST(rows[0].string(0) == expected);
        BOOST_TEST(rows[0].string(1) == expected);
        BOOST_TEST(rows[0].string(2) == expected);
        BOOST_TEST(rows[0].boolean(3));
        BOOST_TEST(rows[0].boolean(4));
        BOOST_TEST(rows[0].string(5) == expected);
    }
    const auto stored = static_cast<std::int64_t>(payloads.size());
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 3 * stored);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
    only.check();
}

BOOST_FIXTURE_TEST_CASE(a_message_to_be_sent_keeps_each_column_or_is_refused_in_words, Shop) {
    const OnlyIn only{db, {"messages_out", "outbox_queue", "event_log", "outbox_dedupe_keys"}};
    const auto insert = [this](const std::string& column) {
        return fmt::format(
            "INSERT INTO messages_out (tenant_id, \"to\", {}{}) VALUES ('{}', '{}', {}$1) "
            "RETURNING "
            "{}",
            column == "body" ? "" : "body, ", column, tenant, kClient,
            column == "body" ? "" : "'text', ", column);
    };
    BOOST_TEST(expect_same(insert("body")) >= 500U);
    BOOST_TEST(expect_same(insert("correlation_id")) >= 500U);
    BOOST_TEST(expect_same(insert("dedupe_key")) >= 500U);
    BOOST_TEST(expect_same(insert("last_error")) >= 500U);
    expect_same(insert("id"));
    expect_same(insert("media_url"), true);
    BOOST_TEST(refused(insert("content_sid")) >= 500U);
    BOOST_TEST(refused(insert("status")) >= 500U);
    BOOST_TEST(
        refused(fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', "
                            "$1, 'text') RETURNING \"to\"",
                            tenant)) >= 500U);
    BOOST_TEST(refused("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ($1, "
                       "'+33612345678', 'text') RETURNING tenant_id") == texts().size());
    BOOST_TEST(refused(fmt::format("INSERT INTO messages_out (tenant_id, \"to\", content_sid, "
                                   "content_variables) VALUES ('{}', '{}', 'HX{:032}', $1) "
                                   "RETURNING content_variables",
                                   tenant, kClient, 1)) >= 500U);
    only.check();
}

BOOST_FIXTURE_TEST_CASE(the_functions_that_act_take_any_reason_and_refuse_any_other_name, Shop) {
    const OnlyIn only{db, {"event_log", "outbox_pauses"}};
    const std::size_t all = texts().size();
    for (const char* act :
         {"ops.retry_dead_letter($1, $1, $1)", "ops.discard_dead_letter($1, $1, $1)",
          "ops.cancel_message($1, $1, $1)", "ops.release_message($1)",
          "ops.settle_unknown($1, true)", "ops.pause_sending($1, $1, $1)",
          "ops.pause_sending('tenant', $1, $1)"}) {
        BOOST_TEST(refused(std::string{"SELECT "} + act) == all, act);
    }
    for (const char* look :
         {"ops.explain($1)", "count(*)::text FROM ops.trace($1)",
          "count(*)::text FROM ops.find($1)", "count(*)::text FROM ops.conversation($1)",
          "count(*)::text FROM ops.log($1, $1, $1)", "ops.shell_word($1)", "ops.sql_word($1)",
          "ops.shell_argument($1)", "ops.shell_option('x', $1)", "ops.cursor($1, $1)"}) {
        for (const Told& told : try_all(std::string{"SELECT "} + look))
            BOOST_TEST(!told.is_refused, look << ": " << told.words);
    }
    // Only who and why are anybody's: they are kept as they were given, numbers masked.
    BOOST_TEST(expect_same("SELECT injection.reason_of_a_pause($1)") == all);
    BOOST_TEST(refused("SELECT ops.log_act('x', 'x', 'x', NULL, 'c', $1, $1)") == 0U);
    BOOST_TEST(expect_same("SELECT max($1) FROM event_log WHERE event_type = 'x' AND payload ->> "
                           "'by' = ops.masked_text($1) AND payload ->> 'reason' = "
                           "ops.masked_text($1) HAVING count(*) > 0") == all);
    only.check();
}

BOOST_FIXTURE_TEST_CASE(what_is_no_text_is_refused_by_the_database_with_words, Shop) {
    std::size_t broken = 0;
    pg::Connection connection = db.connect();
    static constexpr pg::Statement kAdd{"test.add", "INSERT INTO tenants (name) VALUES ($1)"};
    for (const std::string& payload : injection_payloads()) {
        if (pg_text(payload) == payload || payload.find('\0') != std::string::npos) continue;
        ++broken;
        try {
            connection.exec(kAdd, pg::Params{payload});
            BOOST_ERROR("the database took what is no UTF-8");
        } catch (const pg::Error& error) {
            BOOST_TEST(error.sqlstate() == "22021");
        }
    }
    BOOST_TEST(broken >= 15U);
    BOOST_TEST(db.count("SELECT count(*) FROM tenants") == 1);
}

BOOST_FIXTURE_TEST_CASE(the_command_line_prints_nothing_that_a_terminal_obeys, Shop) {
    std::vector<std::string> payloads = texts();
    // A table is as wide as its longest cell: of seven hundred rows, tens of megabytes.
    std::erase_if(payloads, [](const std::string& payload) { return payload.size() > 200; });
    BOOST_TEST(payloads.size() > 500U);
    pg::Connection connection = db.connect();
    static constexpr pg::Statement kTenants{
        "test.tenants", "INSERT INTO tenants (name) SELECT p FROM unnest($1::text[]) AS p"};
    connection.exec(kTenants, pg::Params{payloads});
    static constexpr pg::Statement kLetters{
        "test.letters",
        "INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts) "
        "SELECT "
        "$2, 'message_out', jsonb_build_object('message_out_id', p), p, 1 FROM unnest($1::text[]) "
        "AS "
        "p"};
    connection.exec(kLetters, pg::Params{payloads, tenant});
    static constexpr pg::Statement kLog{
        "test.log",
        "INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, "
        "actor_type, payload) SELECT $2, p, p, p, 'c', 'operator', jsonb_build_object('by', p, "
        "'reason', p) FROM unnest($1::text[]) AS p"};
    connection.exec(kLog, pg::Params{payloads, tenant});
    db.exec(
        fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body, correlation_id, "
                    "last_error) SELECT 'm' || n, '{}', '{}', 'text', 'c', error_message FROM "
                    "(SELECT error_message, row_number() OVER () AS n FROM dead_letter_jobs) AS x",
                    tenant, kClient));
    const OnlyIn only{db, {}};
    for (const std::vector<std::string>& command : {std::vector<std::string>{"tenant", "list"},
                                                    {"dlq", "list", "--limit", "1000"},
                                                    {"outbox", "list", "--limit", "1000"},
                                                    {"outbox", "show", "m20"},
                                                    {"show", "m30"},
                                                    {"events"},
                                                    {"events", "--correlation", "c"},
                                                    {"trace", "c"},
                                                    {"explain", "m7"},
                                                    {"status"}}) {
        std::vector<std::string> arguments = command;
        expect_harmless(arguments);
        arguments.emplace_back("--json");
        expect_harmless(arguments);
    }
    // JSON says each as it is, however it is written.
    const Ran ran = run({"tenant", "list", "--json"});
    rapidjson::Document tenants;
    tenants.Parse(ran.output.c_str());
    BOOST_REQUIRE(!tenants.HasParseError() && tenants.IsArray());
    std::set<std::string> names;
    for (const auto& one : tenants.GetArray())
        names.emplace(one["name"].GetString(), one["name"].GetStringLength());
    for (const std::string& payload : payloads)
        BOOST_TEST(names.contains(payload), "missing in JSON: " << payload);
    only.check();
}

BOOST_FIXTURE_TEST_CASE(the_options_of_commands_are_values_and_nothing_else, Shop) {
    db.exec(
        fmt::format("INSERT INTO messages_out (id, tenant_id, \"to\", body, send_at) VALUES ('m1', "
                    "'{}', '{}', 'text', now() + interval '1 d')",
                    tenant, kClient));
    const OnlyIn only{db, {"tenants", "event_log"}};
    const std::vector<std::string> values = joined(40000);
    BOOST_TEST(values.size() >= 2U);
    for (const std::string& p : values) {
        const bool is_text = pg_text(p) == p;
        const Ran added = expect_harmless({"tenant", "add", "--", p});
        BOOST_TEST((added.exit_code == 0) == is_text);
        if (is_text) {
            static constexpr pg::Statement kFind{"test.find",
                                                 "SELECT count(*) FROM tenants WHERE name = $1"};
            pg::Connection connection = db.connect();
            BOOST_TEST(connection.exec(kFind, pg::Params{p})[0].int64(0) == 1);
        }
        for (const std::vector<std::string>& arguments :
             {std::vector<std::string>{"tenant", "add", "x", "--number=" + p},
              {"seller", "add", "--tenant=" + p, "--", p},
              {"outbox", "add", "--tenant=" + tenant, "--to=" + p, "--body=" + p},
              {"outbox", "list", "--status=" + p},
              {"outbox", "cancel", "--reason=" + p, "--by=" + p, "--", p},
              {"dlq", "retry", "--by=" + p, "--reason=" + p, "--", p},
              {"events", "--correlation=" + p},
              {"show", "--", p},
              {"explain", "--", p},
              {"optout", "add", "--tenant=" + tenant, "--reason=" + p, "--", p},
              {"pause", "--sender=" + p, "--reason=" + p},
              {"erase", "--yes", "--phone=" + p},
              {p},
              {"--" + p}}) {
            const Ran ran = expect_harmless(arguments);
            // A shop of this name is there by now.
            const bool is_there = is_text && arguments[0] == "show";
            BOOST_TEST((ran.exit_code == 0) == is_there, arguments[0] << " took it");
        }
        // As the environment has them.
        for (const char* name :
             {"PORT", "HOST", "WEBHOOK_PUBLIC_URL", "TRUSTED_PROXIES", "LOG_LEVEL", "TLS_CERT_FILE",
              "PGCOURIER_CONFIG_FILE", "DATABASE_URL"}) {
            const Ran ran = expect_harmless({"config"}, {{name, p}});
            BOOST_TEST(ran.exit_code == 2, name << " took it");
        }
    }
    only.check();
}

}  // namespace pgcourier
