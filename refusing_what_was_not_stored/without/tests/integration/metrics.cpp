// What /metrics counts is what happened: compared with SQL after a mixed run.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/scraped.hpp"
#include "support/tcp_proxy.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <optional>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kSeller = "+33612345678";
constexpr const char* kNobodysNumber = "+33700000009";

// Some 10,000 messages both ways.
constexpr int kClients = 3000;
constexpr int kSellers = 1500;
constexpr int kStrangers = 500;  // to a number that no tenant has
constexpr int kTwice = 1000;
constexpr int kForged = 15;
constexpr int kSent = 4400;
constexpr int kUndeliverable = 400;  // Twilio takes them and fails later
constexpr int kRefused = 200;        // for good
constexpr int kRetried = 5;          // refused once

struct System {
    std::uint16_t port = free_port();
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.step = std::chrono::milliseconds{5}}}};
    std::string tenant = db.add_tenant("Shop", kShop);

    System() {
        BOOST_REQUIRE(twilio.start());
        db.add_seller(tenant, kSeller);
    }
    Variables variables() const {
        Variables all = service_variables(db.url(), port, twilio.base_url());
        all["OUTBOX_RATE_PER_SENDER"] = "0";
        all["OUTBOX_POLL_INTERVAL_MS"] = "500";
        all["OUTBOX_BACKOFF_MAX_MS"] = "500";
        return all;
    }
    std::string url() const { return fmt::format("http://127.0.0.1:{}/webhooks/twilio", port); }
};

void start(const Process& process) {
    BOOST_REQUIRE_MESSAGE(
        const_cast<Process&>(process).wait_for_output("Worker started successfully"),
        process.output());
}

/// Waits until no scrape differs: what is counted is counted a moment after its COMMIT.
bool agrees(std::uint16_t port, const std::function<bool(const Scraped&)>& agree) {
    return eventually([&] { return agree(scrape(port)); }, std::chrono::seconds{60});
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(after_a_mixed_run_the_metrics_agree_with_sql, System) {
    db.warm_up("credentials:none");
    twilio.script().add({.body_prefix = "refused",
                         .then = {.answer = sim::Answer::error, .status = 400, .code = 21211}});
    twilio.script().add({.body_prefix = "retried",
                         .times = kRetried,
                         .then = {.answer = sim::Answer::error, .status = 400, .code = 63010}});
    twilio.script().add({.body_prefix = "undeliverable",
                         .then = {.progress = {.last = "undelivered", .error_code = 63016}}});
    const Process service{{"serve"}, variables()};
    start(service);

    const auto write = [&](int count, const char* prefix, int first) {
        db.exec(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body)
               SELECT '{}', '+336' || lpad(g::text, 8, '0'), '{}' FROM generate_series({}, {}) AS g)",
            tenant, prefix, first, first + count - 1));
    };
    write(kSent, "sent", 1);
    write(kUndeliverable, "undeliverable", 1001);
    write(kRefused, "refused", 2001);
    write(kRetried, "retried", 3001);

    std::vector<twilio::Params> forms;
    std::uint64_t number = 0;
    const auto receive = [&](int count, const char* from, const char* to) {
        for (int i = 0; i < count; ++i) forms.push_back(inbound_form(++number, from, to, "hello"));
    };
    receive(kClients, "+33698765432", kShop);
    receive(kSellers, kSeller, kShop);
    receive(kStrangers, "+33698765432", kNobodysNumber);
    for (const int status : post_all({url()}, forms, 16)) BOOST_TEST(status == 200);
    forms.resize(kTwice);
    for (const int status : post_all({url()}, forms, 16)) BOOST_TEST(status == 200);
    for (int i = 0; i < kForged; ++i) {
        BOOST_TEST(post(url(), "Body=forged", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=").status == 401);
    }

    // All is over: each sent message has its two callbacks, and nothing waits.
    const auto sent = kSent + kUndeliverable + kRetried;
    BOOST_REQUIRE(eventually(
        [&] {
            return db.count(
                       "SELECT count(*) FROM messages_out WHERE delivery_status IN "
                       "('delivered', 'undelivered')") == sent &&
                   db.count("SELECT count(*) FROM webhook_queue") == 0 &&
                   db.count("SELECT count(*) FROM delivery_events WHERE settled_at IS NULL") == 0 &&
                   db.count("SELECT count(*) FROM delivery_events") == 2 * sent;
        },
        std::chrono::seconds{120}));
    BOOST_REQUIRE(db.count("SELECT count(*) FROM messages_out WHERE status = 'dead'") == kRefused);

    const auto events = [&](const char* type) {
        return static_cast<double>(
            db.count(fmt::format("SELECT count(*) FROM event_log WHERE event_type = '{}'", type)));
    };
    const auto messages = [&](const char* condition) {
        return static_cast<double>(
            db.count(fmt::format("SELECT count(*) FROM messages_in WHERE {}", condition)));
    };
    struct Pair {
        const char* sample;
        double sql;
    };
    const Pair pairs[] = {
        {R"(pgcourier_webhook_requests_total{result="stored"})",
         static_cast<double>(db.count("SELECT count(*) FROM webhook_events"))},
        {R"(pgcourier_webhook_requests_total{result="duplicate"})", events("idempotent_ignored")},
        {R"(pgcourier_webhook_requests_total{result="unsigned"})", kForged},
        {R"(pgcourier_inbox_events_total{result="stored"})",
         static_cast<double>(db.count("SELECT count(*) FROM webhook_events"))},
        {R"(pgcourier_inbox_events_total{result="duplicate"})", events("idempotent_ignored")},
        {R"(pgcourier_events_routed_total{type="client"})", messages("message_type = 'client'")},
        {R"(pgcourier_events_routed_total{type="seller"})", messages("message_type = 'seller'")},
        {R"(pgcourier_events_routed_total{type="no_tenant"})", messages("tenant_id IS NULL")},
        {R"(pgcourier_events_routed_total{type="status"})",
         static_cast<double>(
             db.count("SELECT count(*) FROM webhook_events WHERE kind = 'status'"))},
        {"pgcourier_event_processing_seconds_count",
         static_cast<double>(db.count("SELECT count(*) FROM webhook_events"))},
        {R"(pgcourier_send_attempts_total{outcome="sent",code="none"})", events("message_sent")},
        {R"(pgcourier_send_attempts_total{outcome="failed",code="63010"})",
         events("message_failed")},
        {R"(pgcourier_send_attempts_total{outcome="dead",code="21211"})", kRefused},
        {R"(pgcourier_messages_dead_lettered_total{by="attempt"})", kRefused},
        {R"(pgcourier_messages_dead_lettered_total{by="callback"})", kUndeliverable},
        {"pgcourier_send_call_seconds_count",
         events("message_sent") + events("message_failed") + kRefused},
        {R"(pgcourier_dead_letters{job_type="message_out"})",
         static_cast<double>(db.count("SELECT count(*) FROM ops.dead_letters"))},
        {R"(pgcourier_queue_depth{queue="messages_out"})", 0},
        {R"(pgcourier_queue_depth{queue="webhook-processing"})", 0},
        {R"(pgcourier_instances{state="running"})", 1},
        {"pgcourier_database_up", 1},
    };
    for (const Pair& pair : pairs) {
        BOOST_TEST(agrees(port, [&](const Scraped& s) { return s.value(pair.sample) == pair.sql; }),
                   pair.sample << " is " << scrape(port).value(pair.sample) << ", SQL counts "
                               << pair.sql);
    }
    // One that overtook the answer to its call settles the message, the others merge into it.
    const auto callbacks = static_cast<double>(db.count("SELECT count(*) FROM delivery_events"));
    BOOST_TEST(agrees(port, [&](const Scraped& s) {
        return s.value(R"(pgcourier_delivery_callbacks_total{verdict="merges"})") +
                   s.value(R"(pgcourier_delivery_callbacks_total{verdict="settles"})") ==
               callbacks;
    }));
    BOOST_TEST(messages("message_type = 'client'") == kClients);
    BOOST_TEST(messages("message_type = 'seller'") == kSellers);
    BOOST_TEST(events("idempotent_ignored") == kTwice);
    BOOST_TEST(events("message_sent") == sent);
    BOOST_TEST(events("message_failed") == kRetried);
    // Each role has its connections, and nobody met an error.
    const Scraped last = scrape(port);
    BOOST_TEST(last.value(R"(pgcourier_database_connections{role="router"})") == 2);
    const double senders = last.value(R"(pgcourier_database_connections{role="sender"})");
    BOOST_TEST((senders == 1 || senders == 2));  // the second is for backlogs
    BOOST_TEST(last.sum("pgcourier_database_errors_total") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_scrape_is_answered_while_the_database_is_gone, System) {
    const std::string text = db.url().reveal();
    const auto real = static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
    std::optional<TcpProxy> between{real};
    Variables all = variables();
    all["DATABASE_URL"] = fmt::format("{}:{}{}", text.substr(0, text.rfind(':')), between->port(),
                                      text.substr(text.rfind('/')));
    const Process service{{"serve"}, all};
    start(service);
    BOOST_TEST(agrees(port, [](const Scraped& s) {
        return s.value("pgcourier_database_up") == 1 &&
               s.has(R"(pgcourier_queue_depth{queue="messages_out"})");
    }));
    between.reset();
    BOOST_TEST(agrees(port, [](const Scraped& s) {
        return s.value("pgcourier_database_up") == 0 &&
               !s.has(R"(pgcourier_queue_depth{queue="messages_out"})") &&
               s.value(R"(pgcourier_database_errors_total{role="maintenance",kind="lost"})") >= 1;
    }));
}

// What a label holds is known beforehand: no customer, no shop, no number.
BOOST_FIXTURE_TEST_CASE(no_tenant_and_no_number_is_in_a_scrape, System) {
    twilio.script().add({.then = {.answer = sim::Answer::error, .status = 400, .code = 63007}});
    const Process service{{"serve"}, variables()};
    start(service);
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', "
                    "'+33698765432', 'canary')",
                    tenant));
    BOOST_TEST(post_signed(url(), inbound_form(1, kSeller, kShop, "canary")).status == 200);
    BOOST_TEST(agrees(port, [](const Scraped& s) {
        return s.value(R"(pgcourier_breakers_open{scope="sender"})") == 1 &&
               s.value(R"(pgcourier_breaker_openings_total{scope="sender"})") == 1 &&
               s.value(R"(pgcourier_events_routed_total{type="seller"})") == 1;
    }));
    const std::string all = get(fmt::format("http://127.0.0.1:{}/metrics", port)).body;
    for (const std::string& canary :
         {tenant, std::string{"canary"}, std::string{"33612345678"}, std::string{"33698765432"},
          std::string{"33700000001"}, std::string{"…"}}) {
        BOOST_TEST(all.find(canary) == std::string::npos, canary);
    }
}

}  // namespace pgcourier
