// Secrets, numbers and texts that occur nowhere else are pushed through everything; then they are
// looked for wherever they must not be.
#include "base/clock.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/process.hpp"
#include "support/raw_http.hpp"
#include "support/receiver.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <signal.h>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

// ---- What must not be found
// ---------------------------------------------------------------------------------------

constexpr const char* kToken = "ca9a51ca9a52ca9a53ca9a54ca9a55ca";
constexpr const char* kSecondToken = "ca9a61ca9a62ca9a63ca9a64ca9a65ca";
constexpr const char* kKeySecret = "CanaryKeySecret5151515151515151";
constexpr const char* kOpsToken = "canary-ops-token";
constexpr const char* kDatabasePassword = "canary-database-password";
constexpr const char* kDsnKey = "ca9a71ca9a72ca9a73ca9a74ca9a75ca";
constexpr const char* kHookToken = "CanaryHookToken";

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698715243";
constexpr const char* kSeller = "+33696715243";
constexpr const char* kStranger = "+33694715243";
constexpr const char* kBadNumber = "+33692715243";
constexpr const char* kUserId = "FR.canaryuser1491208655302741918";

const std::vector<std::string>& secrets() {
    static const std::vector<std::string> all{
        kToken, kSecondToken, kKeySecret, kOpsToken, kDatabasePassword, "atabase-passwor",
        kHookToken,
        // `AC…5151:<token>` and `SK…:<secret>` as basic authentication writes them: their middles,
        // which are the same wherever the secret begins.
        "Y2E5YTUxY2E5YTUyY2E5YTUzY2E5YTU0", "NhOWE1MWNhOWE1MmNhOWE1M2NhOWE1NG",
        "jYTlhNTFjYTlhNTJjYTlhNTNjYTlhNT", "Q2FuYXJ5S2V5U2VjcmV0", "NhbmFyeUtleVNlY3JldD",
        "DYW5hcnlLZXlTZWNyZX"};
    return all;
}

/// The ends of numbers: shown masked, they are +336…43.
const std::vector<std::string>& personal() {
    static const std::vector<std::string> all{"98715243",    "96715243",    "94715243", "92715243",
                                              "canaryuser",  "CanaryName",  "CanaryIn", "CanaryOut",
                                              "CanaryMedia", "CanaryTwilio"};
    return all;
}

void look_for(const std::vector<std::string>& canaries, const std::string& text,
              const std::string& where) {
    for (const std::string& canary : canaries) {
        const std::size_t at = text.find(canary);
        BOOST_TEST(at == std::string::npos,
                   where << " has " << canary << ": …"
                         << text.substr(at < 200 || at == std::string::npos ? 0 : at - 200, 400));
    }
}

void check(const std::string& text, const std::string& where) {
    look_for(secrets(), text, where);
    look_for(personal(), text, where);
}

std::string text_of_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// ---- The service with everything
// ----------------------------------------------------------------------------------

struct Canary {
    TestDatabase db;
    Receiver sentry;
    Receiver hook;
    sim::Simulator twilio{
        {.auth_token = Secret{kToken}, .progress = {.step = 10ms, .last = "delivered"}}};
    std::string tenant = db.add_tenant("Shop", kShop);
    std::uint16_t port = free_port();
    std::string login = "canary_" + db.name();

    Canary() {
        BOOST_REQUIRE(twilio.start());
        db.add_seller(tenant, kSeller);
        db.warm_up("credentials:none");
        db.exec(fmt::format(
            "CREATE ROLE {} LOGIN PASSWORD '{}' IN ROLE pgcourier_service; CREATE ROLE {}_reader "
            "LOGIN IN ROLE pgcourier_ops_reader",
            login, kDatabasePassword, login));
    }

    std::string at(const std::string& path) const {
        return fmt::format("http://127.0.0.1:{}{}", port, path);
    }
    static Secret as_user(const Secret& url, const std::string& user) {
        std::string text = url.reveal();
        return Secret{text.replace(text.find("postgres@"), 8, user)};
    }
    Variables variables() const {
        const Secret url = as_user(db.url(), fmt::format("{}:{}", login, kDatabasePassword));
        Variables all = service_variables(url, port, twilio.base_url());
        all["TWILIO_AUTH_TOKEN"] = kToken;
        all["TWILIO_AUTH_TOKEN_SECONDARY"] = kSecondToken;
        all["OPS_TOKEN"] = kOpsToken;
        all["SENTRY_DSN"] = fmt::format("http://{}@127.0.0.1:{}/42", kDsnKey, sentry.port());
        all["ALERT_WEBHOOK_URL"] =
            fmt::format("http://127.0.0.1:{}/services/T0/{}", hook.port(), kHookToken);
        all["LOG_LEVEL"] = "debug";
        all["OUTBOX_POLL_INTERVAL_MS"] = "200";
        all["OUTBOX_MAX_RETRIES"] = "2";
        all["OUTBOX_RATE_PER_SENDER"] = "0";
        return all;
    }
    Variables with(const std::string& name, const std::string& value) const {
        Variables all = variables();
        all[name] = value;
        return all;
    }

    int post_form(const twilio::Params& form, const std::string& path = "/webhooks/twilio") const {
        const std::string url = at(path);
        return post(url, twilio::encode_form(form), twilio::sign(Secret{kToken}, url, form)).status;
    }
    void write(const std::string& to, const std::string& more_columns = "",
               const std::string& more_values = "") const {
        db.exec(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body{}) VALUES ('{}', "
                        "'{}', 'CanaryOut'{})",
                        more_columns, tenant, to, more_values));
    }
    std::int64_t count_status(const std::string& status) const {
        return db.count(
            fmt::format("SELECT count(*) FROM messages_out WHERE status = '{}'", status));
    }

    void receive() const;
    void refuse(Process& service) const;
    void send();
    void deliver_what_was_cut_off();
    void alert() const;
    void check_what_left_the_house() const;
    void check_the_database() const;
    void check_the_reader() const;
};

/// Messages of a client, a seller and a stranger, to us and to nobody; twice; with media; STOP.
void Canary::receive() const {
    std::uint64_t number = 0;
    const auto form = [&](const std::string& from, const std::string& to, const std::string& body) {
        twilio::Params params = inbound_form(++number, from, to, body);
        for (auto& [name, value] : params) {
            if (name == "ProfileName") value = "CanaryName";
        }
        return params;
    };
    BOOST_TEST(post_form(form(kClient, kShop, "CanaryIn")) == 200);
    --number;
    BOOST_TEST(post_form(form(kClient, kShop, "CanaryIn")) == 200);
    BOOST_TEST(post_form(form(kSeller, kShop, "CanaryIn")) == 200);
    BOOST_TEST(post_form(form(kStranger, "+33611111111", "CanaryIn")) == 200);  // of no tenant
    BOOST_TEST(post_form(form(kUserId, kShop, "CanaryIn")) == 200);
    twilio::Params picture = form(kClient, kShop, "CanaryIn");
    picture.emplace_back("MediaUrl0", "https://media.example/CanaryMedia");
    picture.emplace_back("MediaContentType0", "image/jpeg");
    BOOST_TEST(post_form(picture) == 200);
    BOOST_TEST(post_form(form(kStranger, kShop, "STOP")) == 200);
    // Signed, and no message.
    BOOST_TEST(post_form({{"CanaryIn", "CanaryIn"}, {"From", kStranger}}) == 200);
    // Of a message that nobody knows, with Twilio's own words.
    BOOST_TEST(post_form({{"MessageSid", message_sid(99)},
                          {"MessageStatus", "undelivered"},
                          {"ErrorCode", "63016"},
                          {"ErrorMessage", fmt::format("CanaryTwilio {}", kStranger)},
                          {"To", fmt::format("whatsapp:{}", kStranger)},
                          {"From", fmt::format("whatsapp:{}", kShop)}},
                         "/webhooks/twilio/status") == 200);
    BOOST_TEST(eventually(
        [&] {
            return db.count("SELECT count(*) FROM messages_in") == 6 &&
                   db.count("SELECT count(*) FROM opt_outs") == 1 &&
                   db.count("SELECT count(*) FROM webhook_queue") <= 1;
        },
        60s));
}

/// What is answered with an error.
void Canary::refuse(Process& service) const {
    const std::string body = twilio::encode_form(inbound_form(50, kClient, kShop, "CanaryIn"));
    const std::string url = at("/webhooks/twilio?Body=CanaryIn&token=" + std::string{kToken});
    const auto refused = [](const Posted& posted, int status, const char* where) {
        BOOST_TEST(posted.status == status, where);
        check(posted.body, where);
    };
    refused(post(url, body, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), 401, "a wrong signature");
    refused(post(url, body, kToken), 401, "no signature");
    refused(post(at("/webhooks/twilio"), R"({"body": "CanaryIn"})",
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "application/json"),
            415, "JSON");
    refused(post(at("/CanaryIn"), body, kToken), 404, "no such route");
    refused(get(at("/webhooks/twilio?Body=CanaryIn")), 405, "GET");
    refused(post(at("/webhooks/twilio"), std::string(70'000, 'x') + "CanaryIn", kToken), 413,
            "too large");
    check(get(at(fmt::format("/ops?token={}", kOpsToken))).body, "the console");
    for (const std::string& bytes :
         {fmt::format(
              "POST /webhooks/twilio HTTP/1.1\r\nHost: CanaryIn\r\nX: {}\nBody: CanaryIn\r\n"
              "\r\n",
              kToken),
          fmt::format("CanaryIn {} {}\r\n\r\n", kClient, kToken)}) {
        RawHttp raw{port};
        const RawReply reply = raw.exchange(bytes);
        BOOST_TEST(reply.status >= 400);
        check(reply.head + reply.body, "a request that is none");
    }
    BOOST_TEST(service.is_running());
}

/// Its callback settles what its lost answer had left unknown.
void Canary::deliver_what_was_cut_off() {
    const std::vector<sim::LedgerEntry> calls = twilio.ledger().entries();
    const auto cut_off = std::ranges::find(calls, "reset", &sim::LedgerEntry::answer);
    BOOST_REQUIRE(cut_off != calls.end());
    const std::string& url = cut_off->status_callback;
    const twilio::Params form{{"MessageSid", cut_off->sid},
                              {"MessageStatus", "delivered"},
                              {"To", cut_off->to},
                              {"From", cut_off->from}};
    BOOST_TEST(
        post(url, twilio::encode_form(form), twilio::sign(Secret{kToken}, url, form)).status ==
        200);
}

/// Taken, refused for good with words of Twilio's, refused twice with a code that nobody knows, of
/// unknown outcome, blocked, undelivered; at last the breaker.
void Canary::send() {
    const std::string words =
        fmt::format("The number {} of CanaryTwilio is not reachable", kBadNumber);
    twilio.script().add(
        {.to = kBadNumber,
         .times = 1,
         .then = {.answer = sim::Answer::error, .status = 400, .code = 21211, .message = words}});
    twilio.script().add(
        {.to = kBadNumber,
         .times = 2,
         .then = {.answer = sim::Answer::error, .status = 400, .code = 29999, .message = words}});
    twilio.script().add({.to = kBadNumber,
                         .times = 1,
                         .then = {.answer = sim::Answer::reset, .progress = {.callbacks = false}}});
    twilio.script().add(
        {.to = kSeller, .then = {.progress = {.last = "undelivered", .error_code = 63016}}});
    write(kClient, ", media_url", ", 'https://media.example/CanaryMedia'");
    write(kSeller);
    write(kStranger);  // who has opted out
    write(kUserId);
    for (int i = 0; i < 3; ++i) write(kBadNumber);
    const auto is_unknown = [&] {
        return db.count(
                   "SELECT count(*) FROM event_log WHERE event_type = "
                   "'message_outcome_unknown'") == 1;
    };
    BOOST_TEST(eventually(is_unknown, 60s));
    deliver_what_was_cut_off();
    const auto settled = [&] {
        return db.count(
                   "SELECT count(*) FROM messages_out WHERE status IN ('sent', 'dead', "
                   "'blocked')") == 7 &&
               db.count(
                   "SELECT count(*) FROM messages_out WHERE delivery_status IN ('delivered', "
                   "'undelivered')") == 4;
    };
    BOOST_TEST(eventually(settled, 60s));
    BOOST_TEST(count_status("dead") == 2);
    BOOST_TEST(count_status("blocked") == 1);
    twilio.script().clear();
    twilio.script().add(
        {.then = {.answer = sim::Answer::error, .status = 401, .code = 20003, .message = words}});
    write(kClient);
    BOOST_TEST(eventually(
        [&] {
            return db.count("SELECT count(*) FROM outbox_scopes WHERE opened_at IS NOT NULL") > 0;
        },
        60s));
}

/// Nobody routes what is due in an hour. The hook refuses the alert first, which is logged.
void Canary::alert() const {
    db.exec(
        "INSERT INTO webhook_queue (id, due_at) SELECT 900000 + g, now() + interval '1 h' FROM "
        "generate_series(1, 150) AS g");
    BOOST_REQUIRE(eventually([&] { return !hook.requests().empty(); }, 60s));
    BOOST_REQUIRE(eventually([&] { return !sentry.requests().empty(); }, 60s));
}

void Canary::check_what_left_the_house() const {
    for (const http::Request& request : hook.requests()) {
        BOOST_TEST(request.target == fmt::format("/services/T0/{}", kHookToken));
        check(request.body, "an alert");
    }
    for (const http::Request& request : sentry.requests()) {
        check(request.body, "an envelope");
        for (std::size_t i = 0; i < request.headers.size(); ++i)
            check(std::string{request.headers.at(i).second}, "an envelope's head");
    }
}

void Canary::check_the_database() const {
    // By the contract these hold no personal data, whoever reads them.
    for (const char* table :
         {"event_log", "dead_letter_jobs", "instances", "alerts_open", "alert_posts"}) {
        for (const std::string& row :
             db.query_rows(fmt::format("SELECT t::text FROM {} AS t", table)))
            check(row, table);
    }
    for (const std::string& query :
         db.query_rows("SELECT query FROM pg_stat_activity WHERE application_name LIKE "
                       "'pgcourier/%' AND application_name NOT LIKE 'pgcourier/test%'"))
        check(query, "a statement of the program");
    // What the tests themselves write there is another matter: nothing of it failed.
    check(text_of_file(test_server().directory() + "/server.log"), "PostgreSQL's log");
}

/// All that a reader can see: every view, and every function that it may run, of every id there is.
void Canary::check_the_reader() const {
    pg::Connection reader{{.target = *pg::parse_url(as_user(direct_url(db), login + "_reader")),
                           .role = "test-reader"}};
    int rows_seen = 0;
    const auto check_rows = [&](const std::string& query, const std::string& where) {
        for (const pg::Row row : reader.exec_script(query.c_str())) {
            check(row.string(0), where);
            ++rows_seen;
        }
    };
    const std::vector<std::string> views = db.query_rows(fmt::format(
        "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = "
        "c.relnamespace WHERE c.relkind IN ('v', 'm', 'r', 'p', 'f') AND n.nspname NOT IN "
        "('pg_catalog', 'information_schema') AND has_schema_privilege('{0}_reader', n.oid, "
        "'USAGE') AND has_any_column_privilege('{0}_reader', c.oid, 'SELECT')",
        login));
    BOOST_TEST(views.size() >= 14);
    for (const std::string& view : views)
        check_rows(fmt::format("SELECT v::text FROM {} AS v", view), view);
    BOOST_TEST(rows_seen > 50);

    const std::vector<std::string> ids = db.query_rows(
        "SELECT id FROM messages_out UNION SELECT correlation_id FROM messages_out UNION SELECT "
        "provider_message_id FROM messages_out UNION SELECT id FROM messages_in UNION SELECT "
        "correlation_id FROM messages_in UNION SELECT provider_message_id FROM messages_in UNION "
        "SELECT id FROM dead_letter_jobs UNION SELECT id::text FROM webhook_events UNION SELECT "
        "correlation_id FROM webhook_events UNION SELECT correlation_id FROM event_log");
    BOOST_TEST(ids.size() > 30);
    // Those of one text find something by its id; those without a parameter are asked as they are.
    const std::vector<std::string> functions = db.query_rows(fmt::format(
        "SELECT p.oid::regproc::text, CASE WHEN p.pronargs = 0 THEN '' ELSE 'id' END FROM pg_proc "
        "AS p WHERE p.pronamespace = 'ops'::regnamespace AND has_function_privilege('{}_reader', "
        "p.oid, 'EXECUTE') AND p.proname NOT IN ('masked', 'masked_text', 'span', 'moment', "
        "'messages_of', 'utc', 'cursor', 'has_hidden', 'sql_word', 'shell_word', "
        "'shell_argument', 'shell_option', 'letters_told', 'find_dead_letters')",
        login));
    BOOST_TEST(functions.size() == 8);
    for (const char* person : {kClient, kSeller, kStranger, kBadNumber, kUserId})
        check_rows(fmt::format("SELECT f::text FROM ops.messages_of('{}') AS f", person),
                   "ops.messages_of");
    check_rows(
        "SELECT f::text FROM ops.find_dead_letters(NULL, NULL, NULL, NULL, true, NULL, NULL, NULL, "
        "NULL) AS f",
        "ops.find_dead_letters");
    for (const std::string& function : functions) {
        const std::string name = function.substr(0, function.find('|'));
        if (function.ends_with('|')) {
            check_rows(fmt::format("SELECT f::text FROM {}() AS f", name), name);
            continue;
        }
        for (const std::string& id : ids) {
            if (!id.empty())
                check_rows(fmt::format("SELECT f::text FROM {}('{}') AS f", name, id), name);
        }
    }
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(nothing_secret_or_personal_is_where_it_must_not_be, Canary) {
    hook.answer(404);
    Process service{{"serve"}, variables()};
    BOOST_REQUIRE_MESSAGE(service.wait_for_output("Worker started successfully"), service.output());
    receive();
    refuse(service);
    send();
    alert();
    BOOST_TEST(service.wait_for_output("A report could not be delivered"));
    // It went through, and what the log says of it is masked.
    BOOST_TEST(
        db.count(
            "SELECT count(*) FROM webhook_events WHERE position('CanaryIn'::bytea IN raw) > 0") >=
        6);
    BOOST_TEST(has(service.output(), "+336…43"));
    BOOST_TEST(has(service.output(), "Webhook refused: wrong signature"));
    BOOST_TEST(has(service.output(), "Sending paused"));

    check(get(at("/metrics")).body + get(at("/readyz")).body + get(at("/healthz")).body,
          "metrics and probes");
    check(text_of_file(fmt::format("/proc/{}/cmdline", service.pid())), "the process's arguments");
    check_the_reader();
    check_the_database();

    // What the commands show: people masked, of secrets nothing.
    const std::string dead = db.query_value("SELECT id FROM dead_letter_jobs LIMIT 1");
    const std::string sent = db.query_value("SELECT id FROM messages_out WHERE status = 'sent'");
    const std::vector<std::vector<std::string>> commands{{"status"},
                                                         {"outbox", "list"},
                                                         {"outbox", "show", sent},
                                                         {"dlq", "list"},
                                                         {"dlq", "show", dead},
                                                         {"dlq", "retry", dead, "--dry-run"},
                                                         {"events", "--correlation", sent},
                                                         {"trace", sent},
                                                         {"explain", sent},
                                                         {"optout", "list"},
                                                         {"pauses"},
                                                         {"prune", "--dry-run"},
                                                         {"config"},
                                                         {"tenant", "list"}};
    for (std::vector<std::string> words : commands) {
        for (const char* form : {"", "--json"}) {
            if (*form != '\0') words.emplace_back(form);
            const Ran ran = run_program(words, variables());
            const std::string command = fmt::format("{}", fmt::join(words, " "));
            BOOST_TEST(!ran.output.empty(), command);
            check(ran.output, command);
            look_for({kDsnKey}, ran.output, command);
        }
    }
    BOOST_TEST(run_program({"healthcheck"}, variables()).exit_code == 0);

    service.kill();
    Process next{{"serve"}, variables()};  // which tells of the one that was killed
    BOOST_REQUIRE(next.wait_for_output("Worker started successfully"));
    BOOST_TEST(eventually([&] { return sentry.requests().size() >= 2; }, 60s));
    next.signal(SIGHUP);
    BOOST_TEST(next.wait_for_output("SIGHUP"));
    next.signal(SIGTERM);
    BOOST_TEST(next.wait() == 0);
    for (const std::string& log : {service.output(), next.output()}) {
        check(log, "the log");
        look_for({kDsnKey}, log, "the log");
    }
    check_what_left_the_house();
}

// What is wrong is named, and never shown.
BOOST_FIXTURE_TEST_CASE(a_configuration_that_is_wrong_gives_nothing_away, Canary) {
    const std::string password = kDatabasePassword;
    const std::string file = scratch_directory() + "/canary.env";
    std::ofstream{file} << "TWILIO_AUTH_TOKEN: " << kToken << "\n";
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"DATABASE_URL", "redis://:" + password + "@cache:6379"},
        {"DATABASE_URL", "postgresql://u:" + password + "@h:port/d"},
        {"DATABASE_URL", "postgresql://u:new@" + password + "@h:5432/d"},
        {"DATABASE_URL", "postgresql://u:" + password + "/9@h:5432/d"},
        {"DATABASE_URL", "postgresql://u:" + password},
        {"DATABASE_URL", password},
        {"DATABASE_DIRECT_URL", "mysql://u:" + password + "@h/d"},
        {"TWILIO_ACCOUNT_SID", kToken},
        {"TWILIO_API_KEY_SID", kKeySecret},
        {"TWILIO_API_KEY_SECRET", kKeySecret},
        {"TWILIO_API_BASE_URL", fmt::format("https://AC1:{}@api.twilio.com", kToken)},
        {"WEBHOOK_PUBLIC_URL", fmt::format("https://u:{}@shop.example", kToken)},
        {"TWILIO_WHATSAPP_NUMBER", "0698715243"},
        {"TWILIO_WEBHOOK_SECRET", kKeySecret},
        {"SENTRY_DSN", kDsnKey},
        {"SENTRY_DSN", fmt::format("https://{}@", kDsnKey)},
        {"ALERT_WEBHOOK_URL", fmt::format("hooks.example/{}", kHookToken)},
        {"PGCOURIER_CONFIG_FILE", file},
        {"PGCOURIER_ROLES", kToken},
        {"LOG_LEVEL", kToken},
        {"PORT", kToken},
    };
    for (const auto& [name, value] : wrong) {
        if (name == "TWILIO_WEBHOOK_SECRET") continue;  // a notice of the service: below
        const Ran ran = run_program({"serve"}, with(name, value));
        BOOST_TEST(ran.exit_code == 2, name << "=" << value << ": " << ran.output);
        BOOST_TEST(has(ran.output, name.starts_with("TWILIO_API_KEY") ? "TWILIO_API_KEY" : name),
                   ran.output);
        check(ran.output, name);
        look_for({kDsnKey}, ran.output, name);
    }
    // A start that fails later: no schema, no such database, nobody there, a port that is taken.
    const TestDatabase empty{TestDatabase::Content::empty};
    const auto fails = [&](const Variables& variables, const std::vector<std::string>& command) {
        const Ran ran = run_program(command, variables);
        BOOST_TEST(ran.exit_code == 1, ran.output);
        check(ran.output, "a start that fails");
        look_for({kDsnKey}, ran.output, "a start that fails");
    };
    Variables notice = with("TWILIO_WEBHOOK_SECRET", kKeySecret);
    notice["DATABASE_URL"] = empty.url().reveal();
    fails(notice, {"serve"});
    for (const std::string& url :
         {fmt::format("postgresql://{}:{}@127.0.0.1:1/d", login, password),
          as_user(direct_url(db), fmt::format("{}:{}", login, password)).reveal() + "_none"}) {
        fails(with("DATABASE_URL", url), {"status"});
    }
    check_what_left_the_house();
}

}  // namespace pgcourier
