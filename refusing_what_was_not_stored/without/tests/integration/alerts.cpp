// Alerts of ops.health: each change is told once, by one instance.
#include "ops/alerts.hpp"

#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/fake_clock.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/process.hpp"
#include "support/receiver.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <thread>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kFlood = "INSERT INTO webhook_queue (id) SELECT generate_series(1, 150)";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// What ops.health advises about events that wait.
std::string advice(const TestDatabase& db, const std::string& figure = "events waiting") {
    return db.query_value("SELECT advice FROM ops.health WHERE figure = '" + figure + "'");
}

/// An instance that looks at ops.health, as one of several or after a restart.
struct Watching {
    enum class Receiver { takes, refuses, hangs, none };
    pg::Connection connection;
    std::vector<std::string> posted;
    Receiver receiver;
    std::vector<std::function<void(bool)>> hanging;
    ops::Alerts alerts;

    Watching(const TestDatabase& db, const Clock& clock, std::chrono::milliseconds interval = 1ms,
             Receiver there = Receiver::takes)
        : connection{db.connect()},
          receiver{there},
          alerts{"pgcourier (test)", interval,
                 there == Receiver::none
                     ? ops::Alerts::Post{}
                     : [this](const std::string& text,
                              std::function<void(bool)> ended) { post(text, std::move(ended)); },
                 clock} {}
    void post(const std::string& text, std::function<void(bool)> ended) {
        posted.push_back(text);
        if (receiver == Receiver::hangs) return hanging.push_back(std::move(ended));
        ended(receiver == Receiver::takes);
    }
    void look() { alerts.look(connection); }
};

struct Watched {
    TestDatabase db;
    FakeClock clock;
    void pass() {
        clock.advance(1s);
        // The database's own clock keeps the interval too.
        const std::string then = db.query_value("SELECT clock_timestamp() + interval '2 ms'");
        BOOST_REQUIRE(test::eventually(
            [&] { return db.query_value("SELECT clock_timestamp() >= '" + then + "'") == "t"; }));
    }
    /// As after some minutes: what is being posted may be posted by others.
    void end_leases() const { db.exec("UPDATE alert_posts SET leased_until = '-infinity'"); }
    std::int64_t to_post() const { return db.count("SELECT count(*) FROM alert_posts"); }
    std::int64_t events(const char* type) const {
        return db.count(
            fmt::format("SELECT count(*) FROM event_log WHERE event_type = '{}'", type));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_figure_that_turns_to_alert_and_back_is_told_once_each, Watched) {
    Watching one{db, clock};
    pg::Connection listening = connect_directly(db, "listening");
    listening.exec_script("LISTEN ops_alert");
    const LogCapture log;
    one.look();
    BOOST_TEST(one.posted.empty());

    db.exec(kFlood);
    for (int i = 0; i < 3; ++i) {
        pass();
        one.look();
    }
    BOOST_REQUIRE(one.posted.size() == 1);
    BOOST_TEST(one.posted[0] == "pgcourier (test): ALERT: events waiting: 150. " + advice(db));
    BOOST_TEST(db.query_value("SELECT string_agg(entity_type || ' ' || entity_id || ' ' || "
                              "(payload ->> 'value'), ',') FROM event_log WHERE event_type = "
                              "'alert_raised'") == "health events waiting 150");

    db.exec("DELETE FROM webhook_queue");
    for (int i = 0; i < 3; ++i) {
        pass();
        one.look();
    }
    BOOST_REQUIRE(one.posted.size() == 2);
    BOOST_TEST(one.posted[1].starts_with("pgcourier (test): over: events waiting: 0, after "));
    BOOST_TEST(events("alert_ended") == 1);
    BOOST_TEST(db.count("SELECT count(DISTINCT correlation_id) FROM event_log WHERE event_type IN "
                        "('alert_raised', 'alert_ended')") == 1);
    BOOST_TEST(has(log.text(), "Health alert {"));
    BOOST_TEST(has(log.text(), "Health alert is over {"));

    int notifications = 0;
    listening.exec_script("SELECT 1");
    while (PGnotify* notification = PQnotifies(listening.raw())) {
        ++notifications;
        PQfreemem(notification);
    }
    BOOST_TEST(notifications == 2);
}

BOOST_FIXTURE_TEST_CASE(a_figure_that_swings_around_its_threshold_is_told_once, Watched) {
    Watching one{db, clock};
    for (int i = 0; i < 3; ++i) {
        db.exec("DELETE FROM webhook_queue; " + std::string{kFlood});
        pass();
        one.look();
        db.exec("DELETE FROM webhook_queue WHERE id > 50");  // a warning
        pass();
        one.look();
    }
    BOOST_TEST(one.posted.size() == 1);
    db.exec("DELETE FROM webhook_queue");
    pass();
    one.look();
    BOOST_TEST(one.posted.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_restart_repeats_nothing_and_knows_what_is_open, Watched) {
    db.exec(kFlood);
    {
        Watching before{db, clock};
        before.look();
        pass();
        before.look();
        BOOST_TEST(before.posted.size() == 1);
    }
    pass();
    Watching restarted{db, clock};
    restarted.look();
    BOOST_TEST(restarted.posted.empty());
    BOOST_TEST(events("alert_raised") == 1);
    db.exec("DELETE FROM webhook_queue");
    pass();
    restarted.look();
    BOOST_TEST(restarted.posted.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(of_many_instances_one_tells, Watched) {
    db.exec(kFlood);
    std::list<Watching> all;
    for (int i = 0; i < 8; ++i) all.emplace_back(db, system_clock());
    {
        std::vector<std::jthread> threads;
        for (Watching& one : all) {
            threads.emplace_back([&one] {
                for (int look = 0; look < 20; ++look) {
                    one.look();
                    std::this_thread::sleep_for(2ms);
                }
            });
        }
    }
    std::size_t told = 0;
    for (const Watching& one : all) told += one.posted.size();
    BOOST_TEST(told == 1);
    BOOST_TEST(events("alert_raised") == 1);
}

BOOST_FIXTURE_TEST_CASE(all_instances_together_look_once_in_an_interval, Watched) {
    Watching one{db, clock, 1h};
    Watching two{db, clock, 1h};
    one.look();
    db.exec(kFlood);
    two.look();
    BOOST_TEST(two.posted.empty());
}

BOOST_FIXTURE_TEST_CASE(when_the_database_s_clock_went_back_it_is_looked_at_once, Watched) {
    Watching one{db, clock, 1h};
    db.exec("UPDATE alert_watch SET looked_at = now() + interval '3 h'");
    db.exec(kFlood);
    one.look();
    BOOST_TEST(one.posted.size() == 1);
    BOOST_TEST(db.query_value("SELECT looked_at <= clock_timestamp() FROM alert_watch") == "t");
    Watching two{db, clock, 1h};
    db.exec("DELETE FROM webhook_queue");
    two.look();
    BOOST_TEST(two.posted.empty());  // once
}

BOOST_FIXTURE_TEST_CASE(an_alert_on_a_figure_that_is_gone_ends, Watched) {
    db.exec("INSERT INTO alerts_open (figure, correlation_id) VALUES ('of another version', 'c')");
    Watching one{db, clock};
    one.look();
    BOOST_REQUIRE(one.posted.size() == 1);
    BOOST_TEST(has(one.posted[0], "of another version: no longer measured"));
    BOOST_TEST(db.count("SELECT count(*) FROM alerts_open") == 0);
}

BOOST_FIXTURE_TEST_CASE(that_health_cannot_be_read_is_an_alert_itself_until_it_can, Watched) {
    Watching one{db, clock};
    Watching other{db, clock};
    one.look();
    db.exec("ALTER VIEW ops.health RENAME COLUMN advice TO other");
    db.exec("UPDATE alert_watch SET looked_at = now() - interval '1 min'");
    for (int i = 0; i < 2; ++i) {
        pass();
        one.look();
    }
    BOOST_TEST(one.posted.empty());  // perhaps it is just being made anew
    for (int i = 0; i < 3; ++i) {
        pass();
        one.look();
        other.look();
    }
    BOOST_REQUIRE(one.posted.size() + other.posted.size() == 1);
    BOOST_TEST(one.posted[0].starts_with(
        "pgcourier (test): ALERT: ops.health unreadable: SQLSTATE 42703. No other alert is told "));
    BOOST_TEST(events("alert_raised") == 1);

    db.exec("ALTER VIEW ops.health RENAME COLUMN other TO advice");
    pass();
    one.look();
    BOOST_REQUIRE(one.posted.size() == 2);
    BOOST_TEST(one.posted[1].starts_with(
        "pgcourier (test): over: ops.health unreadable: it can be read again, after "));
}

BOOST_FIXTURE_TEST_CASE(that_health_cannot_be_read_is_told_when_the_database_s_clock_went_back,
                        Watched) {
    Watching one{db, clock};
    db.exec("ALTER VIEW ops.health RENAME COLUMN advice TO other");
    db.exec("UPDATE alert_watch SET looked_at = now() + interval '3 h'");
    for (int i = 0; i < 4; ++i) {
        pass();
        one.look();
    }
    BOOST_TEST(one.posted.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(while_another_can_read_health_it_is_no_alert_that_one_cannot, Watched) {
    Watching one{db, clock};
    db.exec("ALTER VIEW ops.health RENAME COLUMN advice TO other");
    for (int i = 0; i < 5; ++i) {
        db.exec("UPDATE alert_watch SET looked_at = now() + interval '1 s'");  // the other one
        pass();
        one.look();
    }
    BOOST_TEST(one.posted.empty());
}

BOOST_FIXTURE_TEST_CASE(an_alert_that_was_not_taken_is_posted_again_until_it_is, Watched) {
    db.exec(kFlood);
    Watching one{db, clock, 1ms, Watching::Receiver::refuses};
    one.look();
    pass();
    one.look();
    BOOST_TEST(one.posted.size() == 1);  // not at once
    BOOST_TEST(to_post() == 1);

    one.receiver = Watching::Receiver::takes;
    end_leases();
    pass();
    one.look();
    BOOST_REQUIRE(one.posted.size() == 2);
    BOOST_TEST(one.posted[1] == one.posted[0]);
    end_leases();
    pass();
    one.look();
    BOOST_TEST(one.posted.size() == 2);
    BOOST_TEST(to_post() == 0);
    BOOST_TEST(events("alert_raised") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_post_s_lease_ends_when_the_database_s_clock_went_back, Watched) {
    db.exec(kFlood);
    Watching one{db, clock, 1ms, Watching::Receiver::refuses};
    one.look();
    BOOST_TEST(one.posted.size() == 1);
    pass();
    one.look();
    BOOST_TEST(one.posted.size() == 1);  // it lasts 2 minutes
    db.exec("UPDATE alert_posts SET leased_until = leased_until + interval '1 h'");
    pass();
    one.look();
    BOOST_TEST(one.posted.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(what_a_process_ended_with_is_posted_by_another_in_the_right_order,
                        Watched) {
    db.exec(kFlood);
    Watching ended{db, clock, 1ms, Watching::Receiver::hangs};
    ended.look();
    BOOST_TEST(ended.posted.size() == 1);
    db.exec("DELETE FROM webhook_queue");
    pass();
    Watching other{db, clock};
    other.look();
    BOOST_TEST(other.posted.empty());  // its end waits for its beginning

    db.exec(
        "UPDATE alert_posts SET leased_until = '-infinity', turned_at = turned_at - interval '5 "
        "min'");
    for (int i = 0; i < 3; ++i) {
        pass();
        other.look();
    }
    BOOST_REQUIRE(other.posted.size() == 2);
    BOOST_TEST(
        other.posted[0].starts_with("pgcourier (test): ALERT (5 min ago): events waiting: 150. "));
    BOOST_TEST(
        other.posted[1].starts_with("pgcourier (test): over (5 min ago): events waiting: 0"));
    pass();
    other.look();
    BOOST_TEST(to_post() == 0);
}

BOOST_FIXTURE_TEST_CASE(an_instance_that_has_nobody_to_tell_leaves_it_to_one_that_has, Watched) {
    db.exec(kFlood);
    Watching silent{db, clock, 1ms, Watching::Receiver::none};
    silent.look();
    BOOST_TEST(events("alert_raised") == 1);
    pass();
    Watching speaking{db, clock};
    speaking.look();
    BOOST_TEST(speaking.posted.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(what_nobody_could_be_told_for_an_hour_is_given_up, Watched) {
    db.exec(kFlood);
    Watching silent{db, clock, 1ms, Watching::Receiver::none};
    silent.look();
    BOOST_TEST(to_post() == 1);
    db.exec("UPDATE alert_posts SET turned_at = turned_at - interval '61 min'");
    pass();
    Watching speaking{db, clock};
    speaking.look();
    BOOST_TEST(speaking.posted.empty());
    BOOST_TEST(to_post() == 0);
}

BOOST_FIXTURE_TEST_CASE(while_a_post_goes_on_no_other_is_begun, Watched) {
    Watching one{db, clock, 1ms, Watching::Receiver::hangs};
    db.exec(kFlood);
    one.look();
    db.exec("DELETE FROM webhook_queue");
    end_leases();
    pass();
    one.look();
    BOOST_TEST(one.posted.size() == 1);
    one.hanging[0](true);
    one.look();  // asked for by whoever posts
    BOOST_TEST(one.posted.size() == 2);
}

// The whole of it, with two instances and a receiver as Slack is one.
BOOST_AUTO_TEST_CASE(the_service_posts_an_alert_once_and_works_on_while_the_receiver_hangs) {
    const TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    BOOST_REQUIRE(twilio.start());
    const std::string tenant = db.add_tenant("Shop", "+33700000001");
    Receiver slack;
    const auto variables = [&](std::uint16_t port) {
        Variables all = service_variables(db.url(), port, twilio.base_url());
        all["OUTBOX_POLL_INTERVAL_MS"] = "200";
        all["ALERT_WEBHOOK_URL"] =
            fmt::format("http://127.0.0.1:{}/services/T0/B0/secret?x=1", slack.port());
        return all;
    };
    const std::uint16_t port = free_port();
    Process one{{"serve"}, variables(port)};
    Process two{{"serve"}, variables(free_port())};
    BOOST_REQUIRE(one.wait_for_output("Worker started successfully"));
    BOOST_REQUIRE(two.wait_for_output("Worker started successfully"));

    // Of a number that nobody sends from.
    db.exec(
        "INSERT INTO outbox_scopes (scope, opened_at, probe_at) VALUES ('sender:+33799999999', "
        "now(), now() + interval '1 h')");
    BOOST_REQUIRE(eventually([&] { return slack.requests().size() == 1; }, 60s));
    const http::Request alert = slack.requests()[0];
    BOOST_TEST(alert.target == "/services/T0/B0/secret?x=1");
    BOOST_TEST(alert.header("Content-Type") == "application/json");
    BOOST_TEST(alert.body ==
               ops::slack_message("pgcourier (production): ALERT: open breakers: 1. " +
                                  advice(db, "open breakers")));

    slack.hang();
    db.exec("DELETE FROM outbox_scopes WHERE scope = 'sender:+33799999999'");
    BOOST_REQUIRE(eventually([&] { return slack.requests().size() == 2; }, 60s));
    BOOST_TEST(has(slack.requests()[1].body, "over: open breakers: 0"));
    // It hangs; messages go in and out.
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', "
                    "'+33698765432', 'x')",
                    tenant));
    BOOST_TEST(post_signed(fmt::format("http://127.0.0.1:{}/webhooks/twilio", port),
                           inbound_form(1, "+33698765432", "+33700000001", "x"))
                   .status == 200);
    BOOST_TEST(eventually([&] {
        return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1 &&
               db.count("SELECT count(*) FROM messages_in") == 1;
    }));
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'alert_raised'") == 1);
    BOOST_TEST(!has(one.output() + two.output(), "secret?x=1"));
}

}  // namespace pgcourier
