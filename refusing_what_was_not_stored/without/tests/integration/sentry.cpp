// Incidents as a receiver of Sentry's envelopes sees them, from the program as its users run it.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/receiver.hpp"
#include "support/tcp_proxy.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <optional>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kClient = "+33698765432";
constexpr const char* kShop = "+33700000001";

/// The event of an envelope, after its form was checked as Relay does.
rapidjson::Document event_of(const http::Request& request) {
    BOOST_TEST(request.method == "POST");
    BOOST_TEST(request.target == "/api/42/envelope/");
    BOOST_TEST(request.header("Content-Type") == "application/x-sentry-envelope");
    BOOST_TEST(request.header("X-Sentry-Auth")
                   .starts_with("Sentry sentry_version=7, sentry_client=pgcourier/"));
    BOOST_TEST(request.header("X-Sentry-Auth").ends_with(", sentry_key=5e917e4f"));

    // Headers \n item headers \n payload of the length that they tell \n, and nothing behind it.
    const std::size_t first = request.body.find('\n');
    const std::size_t second = request.body.find('\n', first + 1);
    BOOST_REQUIRE(second != std::string::npos);
    rapidjson::Document headers;
    headers.Parse(request.body.substr(0, first));
    rapidjson::Document item;
    item.Parse(request.body.substr(first + 1, second - first - 1));
    BOOST_REQUIRE((headers.IsObject() && item.IsObject()));
    BOOST_TEST(item["type"].GetString() == std::string{"event"});
    const std::size_t length = item["length"].GetUint64();
    BOOST_REQUIRE(request.body.size() == second + 1 + length + 1);
    BOOST_TEST(request.body.back() == '\n');
    rapidjson::Document event;
    event.Parse(request.body.substr(second + 1, length));
    BOOST_REQUIRE(event.IsObject());

    const std::string id = event["event_id"].GetString();
    BOOST_TEST(id.size() == 32);
    BOOST_TEST(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    BOOST_TEST(headers["event_id"].GetString() == id);
    BOOST_TEST(std::string{headers["dsn"].GetString()}.starts_with("http://5e917e4f@127.0.0.1:"));
    BOOST_TEST(std::string{headers["sent_at"].GetString()}.ends_with("Z"));
    BOOST_TEST(event["environment"].GetString() == std::string{"production"});
    BOOST_TEST(std::string{event["release"].GetString()}.starts_with("pgcourier@"));
    return event;
}

struct System {
    TestDatabase db;
    Receiver sentry;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);
    std::uint16_t port = free_port();

    System() { BOOST_REQUIRE(twilio.start()); }
    Variables variables() const {
        Variables all = service_variables(db.url(), port, twilio.base_url());
        all["SENTRY_DSN"] = fmt::format("http://5e917e4f@127.0.0.1:{}/42", sentry.port());
        all["OUTBOX_POLL_INTERVAL_MS"] = "500";
        all["OUTBOX_RATE_PER_SENDER"] = "0";
        return all;
    }
    void write(int messages) const {
        db.exec(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body)
               SELECT '{}', '+336' || lpad(g::text, 8, '0'), 'canary body' FROM generate_series(1, {}) AS g)",
            tenant, messages));
    }
    /// The event of a kind, once there is one.
    std::optional<rapidjson::Document> find(const std::string& kind) const {
        std::optional<rapidjson::Document> found;
        for (const http::Request& request : sentry.requests()) {
            rapidjson::Document event = event_of(request);
            if (event["tags"]["kind"].GetString() == kind) found = std::move(event);
        }
        return found;
    }
    rapidjson::Document wait_for(const std::string& kind) const {
        BOOST_REQUIRE(eventually([&] { return find(kind).has_value(); }, 60s));
        return std::move(*find(kind));
    }
    void check_that_nothing_personal_left() const {
        for (const http::Request& request : sentry.requests()) {
            for (const char* canary : {"canary", "33600000", "33700000001", "33698765432",
                                       "51510000000000000000000000005151"}) {
                BOOST_TEST(request.body.find(canary) == std::string::npos, request.body);
            }
        }
    }
};

void start(Process& process) {
    BOOST_REQUIRE_MESSAGE(process.wait_for_output("Worker started successfully"), process.output());
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_breaker_that_opens_is_reported_once, System) {
    twilio.script().add({.then = {.answer = sim::Answer::error,
                                  .status = 401,
                                  .code = 20003,
                                  .message = "canary of Twilio +33698765432"}});
    Process service{{"serve"}, variables()};
    start(service);
    write(5);
    const rapidjson::Document event = wait_for("breaker_open");
    BOOST_TEST(event["tags"]["component"].GetString() == std::string{"Worker"});
    BOOST_TEST(std::string{event["message"].GetString()}.starts_with(
        "Sending paused (credentials): twilio 20003: "));
    BOOST_TEST(event["level"].GetString() == std::string{"error"});
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
    BOOST_TEST(sentry.requests().size() == 1);
    check_that_nothing_personal_left();
}

BOOST_FIXTURE_TEST_CASE(many_dead_letters_are_one_report_with_the_id_of_one_of_them, System) {
    db.warm_up("credentials:none");
    twilio.script().add({.then = {.answer = sim::Answer::error, .status = 400, .code = 21211}});
    Process service{{"serve"}, variables()};
    start(service);
    write(25);
    const rapidjson::Document event = wait_for("dead_letter_spike");
    BOOST_TEST(db.count(fmt::format("SELECT count(*) FROM messages_out WHERE correlation_id = '{}'",
                                    event["tags"]["correlationId"].GetString())) == 1);
    BOOST_REQUIRE(eventually(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'dead'") == 25; }));
    BOOST_TEST(sentry.requests().size() == 1);
    check_that_nothing_personal_left();
}

BOOST_FIXTURE_TEST_CASE(a_database_that_is_gone_is_reported, System) {
    const std::string text = db.url().reveal();
    const auto real = static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
    std::optional<TcpProxy> between{real};
    Variables all = variables();
    all["DATABASE_URL"] = fmt::format("{}:{}{}", text.substr(0, text.rfind(':')), between->port(),
                                      text.substr(text.rfind('/')));
    Process service{{"serve"}, all};
    start(service);
    between.reset();
    const rapidjson::Document event = wait_for("database_gone");
    BOOST_TEST(event["level"].GetString() == std::string{"fatal"});
    BOOST_TEST(event["tags"]["component"].GetString() == std::string{"Maintenance"});
    check_that_nothing_personal_left();
}

BOOST_FIXTURE_TEST_CASE(without_a_key_for_signatures_it_does_not_start_and_says_so, System) {
    Variables all = variables();
    all.erase("TWILIO_AUTH_TOKEN");
    BOOST_TEST(run_program({"serve"}, all).exit_code == 2);
    BOOST_REQUIRE(sentry.requests().size() == 1);
    const rapidjson::Document event = event_of(sentry.requests()[0]);
    BOOST_TEST(event["tags"]["kind"].GetString() == std::string{"signing_key_missing"});
    BOOST_TEST(
        std::string{event["message"].GetString()}.starts_with("TWILIO_AUTH_TOKEN: found nothing"));
    BOOST_TEST(event["tags"]["component"].GetString() == std::string{"Start"});
}

BOOST_FIXTURE_TEST_CASE(a_start_that_fails_is_reported_before_the_program_ends, System) {
    const TestDatabase empty{TestDatabase::Content::empty};
    Variables all = variables();
    all["DATABASE_URL"] = empty.url().reveal();
    BOOST_TEST(run_program({"serve"}, all).exit_code == 1);
    BOOST_REQUIRE(sentry.requests().size() == 1);
    const rapidjson::Document event = event_of(sentry.requests()[0]);
    BOOST_TEST(event["tags"]["kind"].GetString() == std::string{"start_failed"});
    BOOST_TEST(std::string{event["message"].GetString()}.find("pgcourier migrate up") !=
               std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_start_that_waits_for_its_database_reports_that_once, System) {
    Variables all = variables();
    all["DATABASE_URL"] =
        fmt::format("postgresql://canary:canary@127.0.0.1:{}/canary", free_port());
    Process service{{"serve"}, all};
    const rapidjson::Document event = wait_for("database_gone");
    BOOST_TEST(std::string{event["message"].GetString()}.starts_with(
        "The database has not answered for "));
    service.signal(SIGTERM);
    service.wait();
    BOOST_TEST(sentry.requests().size() == 1);
    check_that_nothing_personal_left();
}

BOOST_FIXTURE_TEST_CASE(what_postgresql_says_at_a_start_stays_in_the_house, System) {
    db.exec(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'canary +33698765432'; END$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON instances FOR EACH ROW EXECUTE FUNCTION refuse()");
    BOOST_TEST(run_program({"serve"}, variables()).exit_code == 1);
    BOOST_REQUIRE(sentry.requests().size() == 1);
    const rapidjson::Document event = event_of(sentry.requests()[0]);
    BOOST_TEST(event["message"].GetString() ==
               std::string{"The database did not do what a start needs: SQLSTATE P0001"});
    check_that_nothing_personal_left();
}

BOOST_FIXTURE_TEST_CASE(a_wrong_configuration_is_told_to_whoever_starts_it_and_to_nobody_else,
                        System) {
    Variables all = variables();
    all["PORT"] = "canary";
    BOOST_TEST(run_program({"serve"}, all).exit_code == 2);
    BOOST_TEST(sentry.requests().empty());
}

BOOST_FIXTURE_TEST_CASE(a_process_that_was_killed_is_reported_by_the_next_one, System) {
    {
        Process killed{{"serve"}, variables()};
        start(killed);
        killed.kill();
    }
    Process next{{"serve"}, variables()};
    start(next);
    wait_for("crashed");
}

BOOST_FIXTURE_TEST_CASE(what_the_last_call_finds_out_while_it_stops_is_still_reported, System) {
    twilio.script().add(
        {.then = {.answer = sim::Answer::error, .status = 401, .code = 20003, .delay = 4s}});
    Process service{{"serve"}, variables()};
    start(service);
    write(1);
    BOOST_REQUIRE(eventually([&] {
        return db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'") == 1 &&
               twilio.ledger().attempts_to("+33600000001") == 1;
    }));
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
    BOOST_TEST(find("breaker_open").has_value());
}

BOOST_FIXTURE_TEST_CASE(a_sentry_that_hangs_holds_nothing_up_and_the_end_is_clean, System) {
    sentry.hang();
    twilio.script().add(
        {.to = kClient, .then = {.answer = sim::Answer::error, .status = 400, .code = 63007}});
    Process service{{"serve"}, variables()};
    start(service);
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', "
                    "'x')",
                    tenant, kClient));
    BOOST_REQUIRE(eventually([&] { return sentry.requests().size() == 1; }, 60s));
    BOOST_TEST(post_signed(fmt::format("http://127.0.0.1:{}/webhooks/twilio", port),
                           inbound_form(1, kClient, kShop, "x"))
                   .status == 200);
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM messages_in") == 1; }));
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
}

}  // namespace pgcourier
