// `pgcourier doctor`: each check seen well and seen ill, on a real PostgreSQL that commits as in
// production, and a simulated Twilio.
#include "doctor/examine.hpp"
#include "doctor/webhook_url.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/process.hpp"
#include "support/tcp_proxy.hpp"
#include "support/test_database.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;
using doctor::Finding;
using doctor::State;

constexpr const char* kShop = "+33700000001";
constexpr const char* kPublic = "https://shop.example.test";
constexpr const char* kAccount = "AC00000000000000000000000000005151";
constexpr const char* kToken = "51510000000000000000000000005151";
constexpr const char* kForeign = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
constexpr const char* kPassword = "canary-of-the-database";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// No figure that a slow machine makes worse decides a test.
doctor::Limits patient() {
    doctor::Limits limits;
    limits.connect_timeout = 60s;
    limits.answer_timeout = 60s;
    limits.notification_wait = 60s;
    limits.round_trip_warn = 60s;
    limits.round_trip_fail = 120s;
    limits.clock_warn = 30s;
    return limits;
}

struct Examined {
    std::vector<Finding> all;

    /// The one finding of this check.
    const Finding& of(const std::string& part, const std::string& check) const {
        const Finding* found = nullptr;
        for (const Finding& one : all) {
            if (one.part != part || one.check != check) continue;
            BOOST_TEST(found == nullptr, part << ": " << check << " was told twice");
            found = &one;
        }
        BOOST_REQUIRE_MESSAGE(found != nullptr, part << ": " << check << " was not told");
        return *found;
    }
    const Finding& of(const std::string& check) const { return of("database", check); }
    std::string state(const std::string& part, const std::string& check) const {
        return std::string{to_text(of(part, check).state)};
    }
    std::string state(const std::string& check) const { return state("database", check); }
    std::string text() const {
        std::string text;
        for (const Finding& one : all)
            text += fmt::format("{}: {} {} {} -> {}\n", one.part, one.check, to_text(one.state),
                                one.found, one.advice);
        return text;
    }
};

sim::SimulatorOptions well_configured() {
    return {.api_keys = {{"SK00000000000000000000000000000001", Secret{"key-secret"}}},
            .senders = {{.number = kShop, .callback_url = doctor::webhook_url(kPublic)}}};
}

/// A shop on a durable server, run by a member of pgcourier_service, and its Twilio.
struct Ward {
    TestDatabase db;
    sim::Simulator twilio;
    doctor::Limits limits = patient();
    std::string role = "doctor_" + db.name();
    Variables variables;
    doctor::Subject subject{.environment = {}};

    explicit Ward(sim::SimulatorOptions options = well_configured()) : twilio{std::move(options)} {
        BOOST_REQUIRE(twilio.start());
        db.add_tenant("Shop", kShop);
        db.exec(fmt::format("CREATE ROLE {} LOGIN IN ROLE pgcourier_service", role));
        variables = {{"DATABASE_URL", url_of(role)},
                     {"WEBHOOK_PUBLIC_URL", kPublic},
                     {"TWILIO_API_BASE_URL", twilio.base_url()},
                     {"TWILIO_ACCOUNT_SID", kAccount},
                     {"TWILIO_AUTH_TOKEN", kToken},
                     {"PGCOURIER_ENV", "development"}};  // with its simulated Twilio
    }
    ~Ward() {
        try {
            if (is_altered_) {
                pg::Connection admin = db.connect("test-admin");
                admin.exec_script("ALTER SYSTEM RESET ALL");
                reload(admin);
            }
            db.exec(fmt::format("DROP OWNED BY {0}; DROP ROLE {0}", role));
        } catch (const pg::Error& e) {
            BOOST_TEST_MESSAGE("left behind: " << e.what());
        }
    }

    /// A URL with a password, which the server does not ask for.
    std::string url_of(const std::string& user, const std::string& database = {}) const {
        return fmt::format("{}:{}@127.0.0.1:{}/{}", "postgresql://" + user, kPassword, port(),
                           database.empty() ? db.name() : database);
    }
    std::string url_through(const TcpProxy& proxy) const {
        return fmt::format("postgresql://{}:{}@127.0.0.1:{}/{}?sslmode=disable", role, kPassword,
                           proxy.port(), db.name());
    }
    std::uint16_t port() const {
        const std::string url = direct_url(db).reveal();
        const std::size_t colon = url.rfind(':');
        return static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
    }

    Examined examine(const Clock& clock = system_clock()) {
        subject.environment = [this](const char* name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional{found->second};
        };
        Examined examined;
        doctor::examine(subject, limits, clock,
                        [&](const Finding& finding) { examined.all.push_back(finding); });
        const std::string text = examined.text();
        for (const char* secret : {kToken, kForeign, kPassword, "key-secret", kShop})
            BOOST_TEST(!has(text, secret), "a secret is shown: " << text);
        return examined;
    }
    /// The server's settings until the end of the case.
    void alter_system(const std::string& setting, const std::string& value) {
        is_altered_ = true;
        pg::Connection admin = db.connect("test-admin");
        admin.exec_script(fmt::format("ALTER SYSTEM SET {} = {}", setting, value).c_str());
        reload(admin);
        if (db.query_value("SELECT context FROM pg_settings WHERE name = '" + setting + "'") ==
            "postmaster") {
            db.server().stop();
            BOOST_REQUIRE(db.server().restart());
        }
        BOOST_REQUIRE(eventually([&] { return db.query_value("SHOW " + setting) == value; }));
    }

  private:
    static void reload(pg::Connection& admin) { admin.exec_script("SELECT pg_reload_conf()"); }
    bool is_altered_ = false;
};

struct Durable {
    Durable() { use_durable_server(); }
};

/// What a server says, message by message, from the first one after the connect was let in.
void for_each_message(std::string& piece,
                      const std::function<bool(char type, std::string& message)>& keep) {
    std::string kept;
    for (std::size_t at = 0; at + 5 <= piece.size();) {
        std::size_t length = 0;
        for (std::size_t i = at + 1; i < at + 5; ++i)
            length = length * 256 + static_cast<unsigned char>(piece[i]);
        std::string message = piece.substr(at, length + 1);
        at += length + 1;
        if (keep(message[0], message)) kept += message;
    }
    piece = kept;
}

}  // namespace

BOOST_GLOBAL_FIXTURE(Durable);

BOOST_FIXTURE_TEST_CASE(a_healthy_system_is_ok_in_all_and_no_check_is_left_out, Ward) {
    const Examined examined = examine();
    std::string checks;
    for (const Finding& one : examined.all) {
        BOOST_TEST((one.state == State::ok), one.part << ": " << one.check << ": " << one.found);
        checks += one.part + ": " + one.check + "\n";
    }
    BOOST_TEST(
        checks ==
        "configuration: values\ndatabase: connection\ndatabase: version\n"
        "database: round trip\ndatabase: clock\ndatabase: durability\n"
        "database: recovery mode\ndatabase: pooler\ndatabase: notifications\n"
        "database: schema\ndatabase: permissions\ndatabase: long snapshots\n"
        "database: prepared transactions\ntwilio: account\ntwilio: clock\n"
        "twilio: sending\ntwilio: senders\ntwilio: webhook at Twilio\npublic url: candidates\n"
        "webhook: url\nwebhook: fallback url\nwebhook: status callbacks\n");
    BOOST_TEST(examined.of("webhook", "url").found ==
               "https://shop.example.test/webhooks/twilio#rc=5&rp=ct,rt,5xx");
    BOOST_TEST(examined.of("webhook", "fallback url").found ==
               "https://shop.example.test/api/webhooks/twilio#rc=5&rp=ct,rt,5xx");
    BOOST_TEST(examined.of("public url", "candidates").found ==
               "https://shop.example.test/webhooks/twilio, "
               "https://shop.example.test:443/webhooks/twilio");
    BOOST_TEST(twilio.ledger().count(
                   [](const sim::LedgerEntry& entry) { return entry.kind == "create"; }) == 0U);
}

BOOST_FIXTURE_TEST_CASE(the_command_prints_it_and_its_exit_code_says_whether_something_fails,
                        Ward) {
    const Ran ran = run_program({"doctor", "--json"}, variables);
    rapidjson::Document document;
    document.Parse(ran.output);
    BOOST_REQUIRE_MESSAGE(!document.HasParseError() && document.IsArray(), ran.output);
    bool fails = false;
    for (const auto& one : document.GetArray()) {
        fails = fails || std::string{one["state"].GetString()} == "fail";
        // A machine may be slow just now.
        if (std::string{one["check"].GetString()} == "round trip") continue;
        BOOST_TEST(std::string{one["state"].GetString()} == "ok", one["check"].GetString());
    }
    BOOST_TEST(ran.exit_code == (fails ? 1 : 0));

    variables["TWILIO_AUTH_TOKEN"] = kForeign;
    const Ran failing = run_program({"doctor"}, variables);
    BOOST_TEST(failing.exit_code == 1, failing.output);
    BOOST_TEST(has(failing.output,
                   "\ntwilio\n  fail  account                Twilio refuses "
                   "TWILIO_AUTH_TOKEN for AC"),
               failing.output);
    BOOST_TEST(has(failing.output, "                               -> Copy the account SID"),
               failing.output);
    BOOST_TEST(has(failing.output, "checks fail, "), failing.output);
    for (const char* secret : {kForeign, kPassword})
        BOOST_TEST(!has(failing.output + ran.output, secret));

    BOOST_TEST(run_program({"doctor", "--request", "/nowhere"}, variables).exit_code == 2);
    BOOST_TEST(run_program({"doctor", "--url", "https://x"}, variables).exit_code == 2);
}

// ---- configuration -------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(what_serve_misses_is_told_and_the_rest_is_looked_at, Ward) {
    variables.erase("TWILIO_AUTH_TOKEN");
    const Examined examined = examine();
    BOOST_TEST(examined.state("configuration", "values") == "fail");
    BOOST_TEST(has(examined.of("configuration", "values").found, "TWILIO_AUTH_TOKEN"));
    BOOST_TEST(examined.state("schema") == "ok");
    BOOST_TEST(examined.state("twilio", "account") == "skip");
    BOOST_TEST(examined.state("twilio", "sending") == "skip");
    BOOST_TEST(examined.of("twilio", "senders").found ==
               "not looked at: the credentials of the sender are not set");

    variables.erase("TWILIO_ACCOUNT_SID");
    const Examined neither = examine();
    BOOST_TEST(neither.of("twilio", "account").found ==
               "not looked at: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not set");
    for (const char* variable : {"TWILIO_AUTH_TOKEN: found", "TWILIO_ACCOUNT_SID: found"})
        BOOST_TEST(has(neither.text(), variable), neither.text());
}

BOOST_FIXTURE_TEST_CASE(what_is_set_is_not_said_to_be_missing_where_another_value_is_wrong, Ward) {
    variables["PORT"] = "99999";
    const Examined examined = examine();
    BOOST_TEST(has(examined.of("configuration", "values").found, "PORT: found \"99999\""));
    for (const char* check : {"url", "fallback url", "status callbacks"})
        BOOST_TEST(examined.of("webhook", check).found ==
                   "not looked at: the configuration cannot be read");
    BOOST_TEST(!has(examined.text(), "WEBHOOK_PUBLIC_URL is not set"), examined.text());
}

BOOST_FIXTURE_TEST_CASE(without_a_readable_configuration_every_check_says_so, Ward) {
    const std::size_t checks = examine().all.size();
    variables.erase("DATABASE_URL");
    const Examined examined = examine();
    BOOST_TEST(examined.state("configuration", "values") == "fail");
    BOOST_TEST(examined.all.size() == checks);
    BOOST_TEST(examined.state("connection") == "skip");
    BOOST_TEST(examined.of("prepared transactions").found ==
               "not looked at: the configuration cannot be read");
    BOOST_TEST(examined.state("twilio", "account") == "skip");
    BOOST_TEST(examined.state("public url", "candidates") == "skip");
    BOOST_TEST(run_program({"doctor"}, variables).exit_code == 1);

    variables["DATABASE_URL"] = "mysql://" + std::string{kPassword} + "@x/y";
    BOOST_TEST(examine().state("configuration", "values") == "fail");
}

// ---- database ------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_database_that_is_not_there_skips_what_needs_it_and_nothing_else, Ward) {
    variables["DATABASE_URL"] =
        fmt::format("postgresql://x:{}@127.0.0.1:{}/y", kPassword, free_port());
    const Examined examined = examine();
    BOOST_TEST(examined.state("connection") == "fail");
    for (const char* check :
         {"version", "round trip", "clock", "durability", "recovery mode", "pooler",
          "notifications", "schema", "permissions", "long snapshots", "prepared transactions"}) {
        BOOST_TEST(examined.of(check).found ==
                   "not looked at: there is no connection to the database");
        BOOST_TEST(examined.state(check) == "skip");
    }
    BOOST_TEST(examined.state("twilio", "account") == "ok");
    BOOST_TEST((examined.of("twilio", "senders").state == State::skip));
    BOOST_TEST(examined.of("twilio", "senders").found ==
               "the tenants' own numbers were not looked at: there is no connection to the "
               "database");
    BOOST_TEST(examined.of("twilio", "webhook at Twilio").found ==
               "not looked at: no number to send from is known");
}

BOOST_FIXTURE_TEST_CASE(a_database_that_says_nothing_is_given_up, Ward) {
    TcpProxy proxy{port()};
    proxy.change_answers([](std::string& piece) { piece.clear(); });
    variables["DATABASE_URL"] = url_through(proxy) + "&connect_timeout=600";
    limits.connect_timeout = 2s;
    BOOST_TEST(examine().state("connection") == "fail");
}

BOOST_FIXTURE_TEST_CASE(a_database_that_stops_answering_is_given_up_where_it_stopped, Ward) {
    TcpProxy proxy{port()};
    // The answer to the first question about the clock never comes.
    std::atomic<bool> is_mute{false};
    proxy.change_answers([&is_mute](std::string& piece) {
        if (has(piece, "fsync")) {
            is_mute = true;  // that one still goes through
        } else if (is_mute) {
            piece.clear();
        }
    });
    variables["DATABASE_URL"] = url_through(proxy);
    limits.answer_timeout = 2s;
    const Examined examined = examine();
    BOOST_TEST(is_mute);
    BOOST_TEST(examined.state("connection") == "ok");
    BOOST_TEST(examined.state("round trip") == "fail");
    BOOST_TEST(examined.of("schema").found == "not looked at: the connection was lost");
}

BOOST_FIXTURE_TEST_CASE(a_far_database_is_slow, Ward) {
    TcpProxy proxy{port()};
    proxy.change_answers([](std::string&) { std::this_thread::sleep_for(30ms); });
    variables["DATABASE_URL"] = url_through(proxy);
    limits.round_trip_warn = 25ms;
    BOOST_TEST(examine().state("round trip") == "warn");
    limits.round_trip_fail = 26ms;
    BOOST_TEST(examine().state("round trip") == "fail");
}

BOOST_FIXTURE_TEST_CASE(a_clock_that_is_off, Ward) {
    struct Shifted : Clock {
        std::chrono::milliseconds by;
        explicit Shifted(std::chrono::milliseconds shift) : by{shift} {}
        WallTime now() const override { return system_clock().now() + by; }
        SteadyTime steady_now() const override { return system_clock().steady_now(); }
        std::chrono::nanoseconds boottime() const override { return system_clock().boottime(); }
    };
    for (const std::chrono::seconds by : {120s, -120s}) {
        const Examined examined = examine(Shifted{by});
        BOOST_TEST(examined.state("database", "clock") == "warn");
        BOOST_TEST(examined.state("twilio", "clock") == "warn");
    }
    const Examined examined = examine(Shifted{-1h});
    for (const char* part : {"database", "twilio"}) {
        BOOST_TEST(examined.state(part, "clock") == "fail");
        BOOST_TEST(has(examined.of(part, "clock").found, "60 min ahead of this host's"),
                   examined.of(part, "clock").found);
    }
    BOOST_TEST(examine().state("twilio", "clock") == "ok");
}

BOOST_FIXTURE_TEST_CASE(settings_that_lose_what_was_committed, Ward) {
    db.exec(fmt::format("ALTER ROLE {} SET synchronous_commit = off", role));
    BOOST_TEST(examine().state("durability") == "warn");
    db.exec(fmt::format("ALTER ROLE {} RESET ALL", role));
    alter_system("full_page_writes", "off");
    BOOST_TEST(examine().state("durability") == "fail");
    alter_system("full_page_writes", "on");
    alter_system("fsync", "off");
    BOOST_TEST(examine().state("durability") == "fail");
    // As Neon's servers are.
    db.exec(fmt::format("ALTER DATABASE {} SET neon.timeline_id = 'x'", db.name()));
    BOOST_TEST(examine().state("durability") == "ok");
}

BOOST_FIXTURE_TEST_CASE(a_standby_and_a_read_only_primary_take_no_writes, Ward) {
    db.exec(fmt::format("ALTER ROLE {} SET default_transaction_read_only = on", role));
    BOOST_TEST(has(examine().of("recovery mode").found, "read-only"));
    BOOST_TEST(examine().state("recovery mode") == "fail");
    db.exec(fmt::format("ALTER ROLE {} RESET ALL", role));
    BOOST_TEST(examine().state("recovery mode") == "ok");

    const std::string signal = db.server().directory() + "/data/standby.signal";
    db.server().stop();
    std::ofstream{signal}.put('\n');
    std::filesystem::permissions(signal, std::filesystem::perms::all);
    BOOST_REQUIRE(db.server().restart());
    const Examined examined = examine();
    db.server().stop();
    std::filesystem::remove(signal);
    BOOST_REQUIRE(db.server().restart());

    BOOST_TEST(examined.of("recovery mode").found == "a standby: nothing can be written");
    BOOST_TEST(examined.state("recovery mode") == "fail");
    BOOST_TEST(examined.state("notifications") == "skip");
    BOOST_TEST(examined.state("schema") == "ok");
}

BOOST_FIXTURE_TEST_CASE(a_pooler_is_found_by_the_process_that_it_makes_up, Ward) {
    TcpProxy proxy{port()};
    proxy.change_answers([](std::string& piece) {
        if (piece.size() < 5 || piece == "N") return;
        for_each_message(piece, [](char type, std::string& message) {
            if (type == 'K') message[7] = static_cast<char>(message[7] ^ 1);
            return true;
        });
    });
    variables["DATABASE_URL"] = url_through(proxy);
    const Examined alone = examine();
    BOOST_TEST(alone.state("pooler") == "warn");
    BOOST_TEST(has(alone.of("pooler").advice, "DATABASE_DIRECT_URL"));
    variables["DATABASE_DIRECT_URL"] = url_of(role);
    const Examined both = examine();
    BOOST_TEST(both.state("pooler") == "ok");
    BOOST_TEST(both.state("notifications") == "ok");
    BOOST_TEST(has(both.of("notifications").found, "through DATABASE_DIRECT_URL"));
}

BOOST_FIXTURE_TEST_CASE(notifications_that_do_not_arrive_are_noticed, Ward) {
    TcpProxy proxy{port()};
    std::atomic<int> lost{0};
    proxy.change_answers([&lost](std::string& piece) {
        if (piece.size() < 5) return;
        for_each_message(piece, [&lost](char type, std::string&) {
            if (type == 'A') ++lost;
            return type != 'A';
        });
    });
    variables["DATABASE_URL"] = url_through(proxy);
    variables["OUTBOX_POLL_INTERVAL_MS"] = "1234";
    limits.notification_wait = 1s;
    const Examined examined = examine();
    BOOST_TEST(examined.state("notifications") == "warn");
    BOOST_TEST(has(examined.of("notifications").found, "looks every 1234 ms instead"),
               examined.of("notifications").found);
    BOOST_TEST(lost > 0);
}

BOOST_FIXTURE_TEST_CASE(a_direct_url_that_leads_elsewhere, Ward) {
    const TestDatabase other{TestDatabase::Content::empty};
    variables["DATABASE_DIRECT_URL"] = url_of("postgres", other.name());
    limits.notification_wait = 3s;
    const Examined examined = examine();
    BOOST_TEST(examined.state("notifications") == "fail");
    BOOST_TEST(has(examined.of("notifications").found, "is another database than DATABASE_URL"),
               examined.of("notifications").found);
    variables["DATABASE_DIRECT_URL"] = fmt::format("postgresql://x@127.0.0.1:{}/y", free_port());
    BOOST_TEST(examine().state("notifications") == "fail");
}

BOOST_AUTO_TEST_CASE(a_schema_that_is_not_this_programs) {
    Ward ward;
    const std::string newest = ward.db.query_value("SELECT max(name) FROM pgcourier_migrations");
    ward.db.exec(
        "INSERT INTO pgcourier_migrations (name, checksum, origin) VALUES ('99991231000000_later', "
        "'x', 'pgcourier')");
    BOOST_TEST(ward.examine().state("schema") == "warn");
    ward.db.exec("DELETE FROM pgcourier_migrations WHERE name LIKE '9999%'");
    ward.db.exec("COMMENT ON SCHEMA ops IS 'of another version'");
    BOOST_TEST(ward.examine().state("schema") == "warn");
    ward.db.exec("UPDATE pgcourier_migrations SET checksum = 'x' WHERE name = '" + newest + "'");
    BOOST_TEST(has(ward.examine().of("schema").found, "changed since: " + newest));
    ward.db.exec("DELETE FROM pgcourier_migrations WHERE name = '" + newest + "'");
    const Examined pending = ward.examine();
    BOOST_TEST(pending.state("schema") == "fail");
    BOOST_TEST(has(pending.of("schema").found, "1 pending: " + newest), pending.of("schema").found);
    BOOST_TEST(pending.of("schema").advice ==
               "Run: pgcourier migrate up, as the owner of the tables");
}

BOOST_AUTO_TEST_CASE(a_database_that_nobody_migrated) {
    Ward ward;
    const TestDatabase empty{TestDatabase::Content::empty};
    ward.variables["DATABASE_URL"] = ward.url_of("postgres", empty.name());
    const Examined examined = ward.examine();
    BOOST_TEST(examined.state("schema") == "fail");
    BOOST_TEST(examined.of("permissions").found == "not looked at: there are no tables yet");
}

BOOST_FIXTURE_TEST_CASE(a_role_that_may_too_little_or_too_much, Ward) {
    db.exec("REVOKE DELETE, UPDATE ON messages_in FROM pgcourier_service");
    const Examined little = examine();
    BOOST_TEST(little.state("permissions") == "fail");
    BOOST_TEST(has(little.of("permissions").found, "has no DELETE, UPDATE on table messages_in"),
               little.of("permissions").found);
    db.exec("GRANT DELETE, UPDATE ON messages_in TO pgcourier_service");
    BOOST_TEST(examine().state("permissions") == "ok");

    db.exec(fmt::format("REVOKE pgcourier_service FROM {}", role));
    const Examined none = examine();
    BOOST_TEST(none.state("permissions") == "fail");
    BOOST_TEST(has(none.of("permissions").found, "USAGE on schema ops"),
               none.of("permissions").found);
    BOOST_TEST(has(none.of("permissions").advice, "GRANT pgcourier_service TO " + role));
    BOOST_TEST(none.state("schema") == "fail");

    variables["DATABASE_URL"] = url_of("postgres");
    BOOST_TEST(examine().state("permissions") == "warn");
}

BOOST_FIXTURE_TEST_CASE(tables_that_the_role_does_not_find, Ward) {
    db.exec(fmt::format("ALTER ROLE {} SET search_path = elsewhere", role));
    const Examined examined = examine();
    BOOST_TEST(examined.state("schema") == "fail");
    BOOST_TEST(has(examined.of("schema").found, "in the schema public, which is not in"),
               examined.of("schema").found);
}

BOOST_FIXTURE_TEST_CASE(what_keeps_dead_rows, Ward) {
    limits.snapshot_warn = 0s;
    db.exec(fmt::format("GRANT pg_read_all_stats TO {}", role));
    {
        pg::Connection holder = db.connect("holder");
        holder.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        const Examined examined = examine();
        BOOST_TEST(examined.state("long snapshots") == "warn");
        BOOST_TEST(has(examined.of("long snapshots").found, "pgcourier/holder"),
                   examined.of("long snapshots").found);
        limits.snapshot_fail = 0s;
        BOOST_TEST(examine().state("long snapshots") == "fail");
        db.exec(fmt::format("REVOKE pg_read_all_stats FROM {}", role));
        // One, or two while a worker of autovacuum is at work, which looks the same to this role.
        BOOST_TEST(has(examine().of("long snapshots").found, "hidden sessions of others: "));
    }
    BOOST_REQUIRE(eventually([&] { return examine().state("long snapshots") == "ok"; }, 60s));
}

BOOST_FIXTURE_TEST_CASE(a_prepared_transaction_that_nobody_ends, Ward) {
    alter_system("max_prepared_transactions", "2");
    db.exec("BEGIN; SELECT 1; PREPARE TRANSACTION 'left-behind'");
    BOOST_TEST(examine().state("prepared transactions") == "ok");
    BOOST_TEST(has(examine().of("prepared transactions").found, "1, the oldest is"));
    limits.snapshot_warn = 0s;
    const Examined examined = examine();
    BOOST_TEST(examined.state("prepared transactions") == "warn");
    BOOST_TEST(has(examined.of("prepared transactions").advice, "'left-behind'"));
    limits.snapshot_fail = 0s;
    BOOST_TEST(examine().state("prepared transactions") == "fail");
    db.exec("ROLLBACK PREPARED 'left-behind'");
    BOOST_TEST(examine().of("prepared transactions").found == "none");
}

// ---- Twilio --------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_wrong_token_is_told_apart_from_a_wrong_key, Ward) {
    variables["TWILIO_AUTH_TOKEN"] = kForeign;
    const Examined token = examine();
    BOOST_TEST(token.state("twilio", "account") == "fail");
    BOOST_TEST(token.state("twilio", "sending") == "fail");
    BOOST_TEST(token.of("twilio", "senders").found ==
               "not looked at: Twilio refuses the credentials");
    BOOST_TEST(token.state("twilio", "webhook at Twilio") == "skip");

    variables["TWILIO_API_KEY_SID"] = "SK00000000000000000000000000000001";
    variables["TWILIO_API_KEY_SECRET"] = "key-secret";
    const Examined key = examine();
    BOOST_TEST(key.state("twilio", "account") == "fail");
    BOOST_TEST(key.state("twilio", "sending") == "ok");
    BOOST_TEST(key.state("twilio", "senders") == "ok");

    variables["TWILIO_AUTH_TOKEN"] = kToken;
    variables["TWILIO_API_KEY_SECRET"] = kForeign;
    const Examined secret = examine();
    BOOST_TEST(secret.state("twilio", "account") == "ok");
    BOOST_TEST(secret.state("twilio", "sending") == "fail");
    BOOST_TEST(has(secret.of("twilio", "sending").found, "TWILIO_API_KEY_SECRET"));
}

BOOST_FIXTURE_TEST_CASE(another_host_than_twilios_is_told_in_production, Ward) {
    variables["PGCOURIER_ENV"] = "production";
    const Examined examined = examine();
    BOOST_TEST(examined.state("twilio", "api") == "warn");
    BOOST_TEST(has(examined.of("twilio", "api").found, twilio.base_url() + " is not Twilio's"));
    BOOST_TEST(has(examined.of("twilio", "api").advice, "TWILIO_API_BASE_URL"));
    BOOST_TEST(examined.state("twilio", "account") == "ok");
}

// U+202E turns the direction of what follows, U+009B begins a terminal's commands.
BOOST_AUTO_TEST_CASE(what_twilio_says_moves_nobodys_terminal) {
    sim::SimulatorOptions options = well_configured();
    options.account_status = "sus\u202E\u009Bpended";
    const Ran ran = run_program({"doctor"}, Ward{options}.variables);
    BOOST_TEST(has(ran.output, " is sus  pended ("), ran.output);
}

BOOST_FIXTURE_TEST_CASE(a_second_token_is_tried_too, Ward) {
    variables["TWILIO_AUTH_TOKEN_SECONDARY"] = kForeign;
    BOOST_TEST(examine().state("twilio", "secondary token") == "warn");
    variables["TWILIO_AUTH_TOKEN_SECONDARY"] = kToken;
    BOOST_TEST(examine().state("twilio", "secondary token") == "ok");
}

BOOST_AUTO_TEST_CASE(an_account_that_may_not_send) {
    sim::SimulatorOptions options = well_configured();
    options.account_status = "suspended";
    BOOST_TEST(Ward{options}.examine().state("twilio", "account") == "fail");
    options.account_status = "active";
    options.account_type = "Trial";
    BOOST_TEST(Ward{options}.examine().state("twilio", "account") == "warn");
}

BOOST_FIXTURE_TEST_CASE(a_twilio_that_says_nothing_is_asked_once, Ward) {
    twilio.script().add({.call = std::nullopt, .then = {.answer = sim::Answer::hang}});
    limits.answer_timeout = 2s;
    const Examined hanging = examine();
    BOOST_TEST(hanging.state("twilio", "account") == "fail");
    BOOST_TEST(has(hanging.of("twilio", "account").found, "no answer from http://127.0.0.1"),
               hanging.of("twilio", "account").found);
    for (const char* check : {"sending", "senders", "webhook at Twilio"})
        BOOST_TEST(hanging.of("twilio", check).found == "not looked at: Twilio did not answer");
    twilio.stop();
    BOOST_TEST(examine().state("twilio", "account") == "fail");
}

BOOST_FIXTURE_TEST_CASE(a_twilio_that_is_ill_or_is_none, Ward) {
    twilio.script().add({.call = sim::ApiCall::account,
                         .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    twilio.script().add({.call = sim::ApiCall::senders,
                         .then = {.answer = sim::Answer::error, .status = 403, .code = 20003}});
    const Examined examined = examine();
    BOOST_TEST(examined.state("twilio", "account") == "fail");
    BOOST_TEST(examined.state("twilio", "sending") == "ok");
    BOOST_TEST(examined.state("twilio", "senders") == "warn");
    BOOST_TEST(examined.state("twilio", "webhook at Twilio") == "skip");
    twilio.script().clear();
    twilio.script().add({.call = std::nullopt, .then = {.answer = sim::Answer::invalid}});
    const Examined strange = examine();
    BOOST_TEST(strange.of("twilio", "account").found == "the account is no JSON object");
    BOOST_TEST(strange.state("twilio", "senders") == "warn");
}

BOOST_AUTO_TEST_CASE(numbers_that_are_no_senders) {
    sim::SimulatorOptions options = well_configured();
    options.senders[0].status = "OFFLINE";
    Ward ward{options};
    BOOST_TEST(ward.examine().of("twilio", "senders").found == "the sender +337…01 is OFFLINE");
    BOOST_TEST(ward.examine().state("twilio", "senders") == "fail");
    options.senders = {{.number = "+33700000009"}};
    Ward unknown{options};
    BOOST_TEST(unknown.examine().state("twilio", "senders") == "fail");
    BOOST_TEST(unknown.examine().state("twilio", "webhook at Twilio") == "skip");
    unknown.db.exec("UPDATE tenants SET whatsapp_phone_number = NULL");
    BOOST_TEST(unknown.examine().state("twilio", "senders") == "warn");
    unknown.variables["TWILIO_WHATSAPP_NUMBER"] = "+33700000009";
    BOOST_TEST(unknown.examine().state("twilio", "senders") == "ok");
}

BOOST_AUTO_TEST_CASE(a_webhook_that_leads_elsewhere_or_is_not_repeated) {
    sim::SimulatorOptions options = well_configured();
    const auto finding = [&options](const std::string& url) {
        options.senders[0].callback_url = url;
        return Ward{options}.examine().of("twilio", "webhook at Twilio");
    };
    const Finding other = finding("http://shop.example.test:8080/webhooks/twilio/");
    BOOST_TEST((other.state == State::fail));
    BOOST_TEST(has(other.found,
                   "scheme http instead of https, port 8080 instead of 443, a slash "
                   "at the end of the path"),
               other.found);
    BOOST_TEST((finding("https://shop.example.test/webhooks/twilio").state == State::warn));
    BOOST_TEST((finding("").state == State::warn));
}

// ---- public URL ----------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_public_url_that_is_missing_or_will_not_do, Ward) {
    variables["WEBHOOK_PUBLIC_URL"] = "http://shop.example.test";
    BOOST_TEST(examine().state("public url", "candidates") == "warn");
    variables["WEBHOOK_PUBLIC_URL"] = "https://127.0.0.1:8080";
    BOOST_TEST(examine().state("public url", "candidates") == "warn");
    variables.erase("WEBHOOK_PUBLIC_URL");
    const Examined examined = examine();
    BOOST_TEST(examined.of("public url", "candidates").found ==
               "https://<the request's Host>/webhooks/twilio, "
               "https://<the request's Host>:443/webhooks/twilio, "
               "http://<the request's Host>/webhooks/twilio, "
               "http://<the request's Host>:80/webhooks/twilio");
    BOOST_TEST(examined.state("public url", "candidates") == "warn");
    BOOST_TEST(examined.of("webhook", "url").found ==
               "https://<your host>/webhooks/twilio#rc=5&rp=ct,rt,5xx");
    BOOST_TEST(examined.state("webhook", "url") == "warn");
    BOOST_TEST(examined.state("webhook", "status callbacks") == "warn");
    BOOST_TEST(examined.state("twilio", "webhook at Twilio") == "skip");
}

namespace {

/// A webhook in a file, signed for `url`, as it came to /webhooks/twilio behind a proxy.
std::string saved_request(const std::string& url, const std::string& key = kToken) {
    const twilio::Params form{
        {"AccountSid", kAccount}, {"Body", "Où ? +1"}, {"From", "whatsapp:+33698765432"}};
    const std::string body = twilio::encode_form(form);
    const std::string path = scratch_directory() + "/request.txt";
    std::ofstream{path} << "POST /webhooks/twilio HTTP/1.1\r\nHost: inside:8080\r\n"
                        << "X-Forwarded-Host: shop.example.test\r\nX-Forwarded-Proto: https\r\n"
                        << "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
                        << "X-Twilio-Signature: " << twilio::sign(Secret{key}, url, form)
                        << "\r\nContent-Length: " << body.size() << "\r\n\r\n"
                        << body << "\n";
    return path;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_saved_request_is_found_to_fit_or_why_it_does_not, Ward) {
    const auto run = [this](const std::string& path, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"doctor", "--request", path};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const Ran ran = run_program(arguments, variables);
        BOOST_TEST(!has(ran.output, kToken));
        BOOST_TEST(!has(ran.output, "33698765432"));
        return ran.output;
    };
    const std::string fits = run(saved_request("https://shop.example.test/webhooks/twilio"));
    BOOST_TEST(has(fits,
                   "ok    signature              fits "
                   "https://shop.example.test/webhooks/twilio with TWILIO_AUTH_TOKEN"),
               fits);

    const std::string scheme = run(saved_request("http://shop.example.test/webhooks/twilio"));
    BOOST_TEST(has(scheme, "fail  signature"), scheme);
    BOOST_TEST(has(scheme, "scheme http instead of https"), scheme);
    BOOST_TEST(has(scheme, "Set WEBHOOK_PUBLIC_URL=http://shop.example.test"), scheme);

    const std::string slash = run(saved_request("https://shop.example.test/webhooks/twilio/"));
    BOOST_TEST(has(slash, "a slash at the end of the path"), slash);

    const std::string token =
        run(saved_request("https://shop.example.test/webhooks/twilio", kForeign));
    BOOST_TEST(has(token, "no URL fits with TWILIO_AUTH_TOKEN"), token);

    const std::string tunnel = saved_request("https://tunnel.example/webhooks/twilio");
    BOOST_TEST(has(run(tunnel), "no URL fits"));
    BOOST_TEST(has(run(tunnel, {"--url", "https://tunnel.example/webhooks/twilio"}),
                   "host tunnel.example instead of shop.example.test"));
    variables.erase("TWILIO_AUTH_TOKEN");
    BOOST_TEST(has(run(tunnel), "not looked at: TWILIO_AUTH_TOKEN is not set"));
}

BOOST_AUTO_TEST_CASE(what_twilio_has_as_webhook_is_a_hint_at_what_it_signed) {
    sim::SimulatorOptions options = well_configured();
    options.senders[0].callback_url = "https://old.example/hook";
    Ward ward{options};
    std::ifstream file{saved_request("https://old.example/hook")};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    auto saved = doctor::read_request_file(text);
    BOOST_REQUIRE(saved);
    ward.subject.request = std::move(*saved);
    const Examined examined = ward.examine();
    BOOST_TEST(examined.state("public url", "signature") == "fail");
    BOOST_TEST(
        has(examined.of("public url", "signature").found, "Twilio signed https://old.example/hook"),
        examined.of("public url", "signature").found);
}

}  // namespace pgcourier
