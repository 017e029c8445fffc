// links: maintenance
#include "maintenance/instance.hpp"
#include "maintenance/tick.hpp"
#include "support/eventually.hpp"
#include "support/fake_clock.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <utility>

namespace pgcourier::maintenance {
namespace {

using namespace test;

struct Found {
    int events = 0;
    int messages = 0;
    int leases = 0;
    int deliveries = 0;
    int looks = 0;
    int expired = 0;
    int old_keys = 0;
    std::optional<Answer> answered;

    TickActions actions() {
        return {.events_due = [this] { ++events; },
                .messages_due = [this] { ++messages; },
                .leases_expired = [this](pg::Connection&) { ++leases; },
                .deliveries_due = [this] { ++deliveries; },
                .looks_due = [this] { ++looks; },
                .messages_expired = [this](pg::Connection&) { ++expired; },
                .dedupe_keys_old = [this](pg::Connection&) { ++old_keys; },
                .answered = [this](Answer answer) { answered = answer; }};
    }
};

const Instance kSelf{
    .id = "self", .host = "here", .pid = 1, .version = "1", .roles = "webhook,router,sender"};

}  // namespace

BOOST_AUTO_TEST_CASE(a_tick_on_a_quiet_database_finds_nothing_and_is_heard) {
    const TestDatabase db;
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    tick.run_once();
    BOOST_TEST((found.answered == Answer::works));
    BOOST_TEST(found.events + found.messages + found.leases + found.deliveries + found.looks == 0);
    BOOST_TEST(found.expired + found.old_keys == 0);
    BOOST_TEST(db.query_value("SELECT id FROM instances") == "self");
}

// Somebody's snapshot keeps what was sent in the indexes.
BOOST_AUTO_TEST_CASE(where_reading_the_outbox_from_the_start_is_slow_ticks_do_so_seldom) {
    const TestDatabase db;
    const std::string shop = db.add_tenant("shop", "+33700000001");
    Found found;
    test::FakeClock clock;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions(), clock};
    tick.run_once();
    pg::Connection holder = test::connect_directly(db);
    holder.exec_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    db.exec(fmt::format(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at) SELECT -g, "
        "'gone', '{}', 'gone', now() - interval '1 h' FROM generate_series(1, 500000) AS g; DELETE "
        "FROM outbox_queue WHERE seq < 0",
        shop));
    const auto due = [&](int seq, const std::string& since) {
        db.exec(
            fmt::format("INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, "
                        "due_at) VALUES ({}, 'm', '{}', 'anna', now() - interval '{}')",
                        seq, shop, since));
    };
    tick.run_once();  // finds out
    due(1, "2 h");
    tick.run_once();
    BOOST_TEST(found.messages == 0);
    due(2, "1 s");
    tick.run_once();
    BOOST_TEST(found.messages == 1);
    db.exec("DELETE FROM outbox_queue WHERE seq = 2");
    tick.run_once();
    BOOST_TEST(found.messages == 1);
    clock.advance(std::chrono::minutes{1});
    tick.run_once();
    BOOST_TEST(found.messages == 2);
}

BOOST_AUTO_TEST_CASE(a_tick_says_by_the_way_that_webhooks_are_received_where_that_is_no_gap) {
    const TestDatabase db;
    int asked_to_say = 0;
    std::optional<std::chrono::milliseconds> silence = std::chrono::milliseconds{15'000};
    TickActions actions;
    actions.receives_within = [&] { return silence; };
    actions.receiving = [&](pg::Connection&) { ++asked_to_say; };
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, std::move(actions)};
    const auto last_said = [&](const std::string& ago) {
        db.exec("UPDATE receiving SET last_receiving_at = clock_timestamp() - interval '" + ago +
                "'");
    };
    const auto is_said_now = [&] {
        return db.query_value(
                   "SELECT abs(extract(epoch FROM clock_timestamp() - "
                   "last_receiving_at)) < 1 FROM receiving") == "t";
    };

    tick.run_once();  // nobody ever received
    BOOST_TEST(asked_to_say == 1);
    db.exec("INSERT INTO receiving VALUES (true, now())");

    last_said("5 s");
    tick.run_once();
    BOOST_TEST(is_said_now());
    BOOST_TEST(asked_to_say == 1);

    last_said("16 s");  // a gap
    tick.run_once();
    BOOST_TEST(!is_said_now());
    BOOST_TEST(asked_to_say == 2);

    last_said("-3 s");  // the clock went back
    tick.run_once();
    BOOST_TEST(!is_said_now());
    BOOST_TEST(asked_to_say == 3);

    last_said("5 s");
    silence.reset();  // there is more to say
    tick.run_once();
    BOOST_TEST(!is_said_now());
    BOOST_TEST(asked_to_say == 4);
}

// Whoever has locked it may be the session that stands still, which a tick has to find.
BOOST_AUTO_TEST_CASE(a_tick_does_not_wait_for_who_is_just_saying_that_it_receives) {
    const TestDatabase db;
    db.exec("INSERT INTO receiving VALUES (true, now())");
    pg::Connection other = db.connect("other");
    other.exec_script("BEGIN; SELECT FROM receiving FOR UPDATE");
    int asked_to_say = 0;
    TickActions actions;
    actions.receives_within = [] { return std::chrono::milliseconds{15'000}; };
    actions.receiving = [&](pg::Connection&) { ++asked_to_say; };
    pg::ConnectOptions options = db.options();
    options.answer_timeout = std::chrono::milliseconds{3'000};
    Tick tick{options, kSelf, std::chrono::milliseconds{5000}, std::move(actions)};
    tick.run_once();
    BOOST_TEST(asked_to_say == 1);
}

BOOST_AUTO_TEST_CASE(a_tick_finds_what_fell_due_and_leaves_what_is_due_later) {
    const TestDatabase db;
    const std::string tenant = db.add_tenant("Shop", "+33700000001");
    db.exec(
        "INSERT INTO outbox_queue VALUES (1, 'm', 't', '+33612345678', now() + interval '1 h');"
        "INSERT INTO webhook_queue (id, due_at) VALUES (1, now() + interval '1 h');"
        "INSERT INTO outbox_leases VALUES ('t', '+33612345678', 1, 'm', 'token', 1, 'self', now(), "
        "now() + interval '1 h')");
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    tick.run_once();
    BOOST_TEST(found.events + found.messages + found.leases == 0);
    db.exec(
        "UPDATE outbox_queue SET due_at = now(); UPDATE webhook_queue SET due_at = now(); UPDATE "
        "outbox_leases SET expires_at = now()");
    tick.run_once();
    BOOST_TEST(found.events == 1);
    BOOST_TEST(found.messages == 1);
    BOOST_TEST(found.leases == 1);
    BOOST_TEST(found.looks == 0);
}

// So that one can see afterwards for how long messages were late.
BOOST_AUTO_TEST_CASE(a_tick_notes_since_when_a_message_is_due_that_nobody_has_paused) {
    const TestDatabase db;
    const std::string tenant = db.add_tenant("Shop", "+33700000001");
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    const auto waits = [&] {
        return db.query_value(
            "SELECT string_agg(round(extract(epoch FROM looked_at - due_at))::text, ' ') FROM "
            "outbox_waits");
    };
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', "
                    "'+33612345678', 'x'), ('{}', '+33612345679', 'y')",
                    tenant, tenant));
    tick.run_once();
    BOOST_TEST(waits() == "");  // it is not late yet
    db.exec(
        "UPDATE outbox_queue SET due_at = now() - interval '40 s';"
        "SELECT ops.pause_sending('sender', '+33700000001', 'test');"
        "INSERT INTO outbox_waits VALUES (now() - interval '3 hours', now(), now())");
    tick.run_once();
    BOOST_TEST(waits() == "");
    db.exec("SELECT ops.resume_sending('sender', '+33700000001')");
    tick.run_once();
    BOOST_TEST((waits() == "40" || waits() == "41"), waits());
    db.exec("UPDATE outbox_queue SET due_at = now() - interval '20 s'");
    tick.run_once();
    BOOST_TEST((waits() == "40" || waits() == "41" || waits() == "40 20"), waits());
    BOOST_TEST(db.query_value("SELECT max(oldest_due_seconds) >= 40 FROM ops.throughput") == "t");
}

BOOST_AUTO_TEST_CASE(a_tick_finds_what_is_to_be_looked_up_but_not_what_a_person_decides) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
        "instance_id, claimed_at, expires_at, unknown_since) VALUES ('t', '+33612345678', 1, 'm', "
        "'token', 1, 'self', now(), now(), now())");
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    tick.run_once();
    BOOST_TEST(found.looks == 1);
    db.exec("UPDATE outbox_leases SET look_at = now() + interval '1 min'");
    tick.run_once();
    db.exec("UPDATE outbox_leases SET look_at = 'infinity'");
    tick.run_once();
    BOOST_TEST(found.looks == 1);
    db.exec("UPDATE outbox_leases SET look_at = now()");
    tick.run_once();
    BOOST_TEST(found.looks == 2);
}

BOOST_AUTO_TEST_CASE(a_tick_finds_what_only_time_has_changed) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at) "
        "VALUES (1, 'm', 't', '+33612345678', now() + interval '2 h', now() + interval '1 h');"
        "INSERT INTO outbox_dedupe_keys VALUES ('t', 'k', 'm', now() - interval '23 h');"
        "INSERT INTO delivery_events (provider_message_id, status, event_id, correlation_id, "
        "received_at, look_again_at) VALUES ('SM1', 'sent', 1, 'c', now(), now() + interval '5 "
        "s')");
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    tick.run_once();
    BOOST_TEST(found.expired + found.old_keys + found.deliveries == 0);
    db.exec(
        "UPDATE outbox_queue SET expires_at = now(); UPDATE outbox_dedupe_keys SET taken_at = "
        "now() - interval '24 h'; UPDATE delivery_events SET look_again_at = now()");
    tick.run_once();
    BOOST_TEST(found.expired == 1);
    BOOST_TEST(found.old_keys == 1);
    BOOST_TEST(found.deliveries == 1);
}

BOOST_AUTO_TEST_CASE(a_message_stored_while_its_tenant_was_being_made_is_queued_again) {
    const TestDatabase db;
    // The tenant's trigger looked before the router had committed: the row stands without a tenant
    // although there is one.
    db.exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id) VALUES "
        "('msg:1', 'inbound', 'form', '', '{}', 'c')");
    db.add_tenant("Shop", "+33700000001");
    db.exec(
        "INSERT INTO messages_in (provider_message_id, \"from\", \"to\", body, correlation_id, "
        "event_id) "
        "SELECT 'SM1', '+33612345678', '+33700000001', 'x', 'c', id FROM webhook_events");
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    tick.run_once();
    BOOST_TEST(found.events == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 1);
}

BOOST_AUTO_TEST_CASE(a_message_whose_attribution_became_a_dead_letter_is_not_queued_again) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id) VALUES "
        "('msg:1', 'inbound', 'form', '', '{}', 'c')");
    db.add_tenant("Shop", "+33700000001");
    db.exec(
        "INSERT INTO messages_in (provider_message_id, \"from\", \"to\", body, correlation_id, "
        "event_id) SELECT 'SM1', '+33612345678', '+33700000001', 'x', 'c', id FROM webhook_events;"
        "INSERT INTO dead_letter_jobs (job_type, payload, error_message) "
        "SELECT 'webhook_event', jsonb_build_object('webhook_event_id', id), 'x' FROM "
        "webhook_events");
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, found.actions()};
    tick.run_once();
    BOOST_TEST(found.events == 0);
    db.exec("SELECT ops.discard_dead_letter(id) FROM dead_letter_jobs");
    tick.run_once();
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
}

BOOST_AUTO_TEST_CASE(a_killed_process_that_received_webhooks_says_since_when_they_may_be_missing) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles, heartbeat_at) VALUES "
        "('one', 'there', 1, '1', 'router,sender', now() - interval '10 min'), "
        "('two', 'there', 2, '1', 'webhook,router', now() - interval '5 min'), "
        "('three', 'there', 3, '1', 'webhook', now() - interval '2 min')");
    pg::Connection connection = db.connect();
    const auto missing_for = register_instance(connection, kSelf).missing_for;
    BOOST_REQUIRE(missing_for.has_value());
    BOOST_TEST((*missing_for >= std::chrono::minutes{5}));
    BOOST_TEST((*missing_for < std::chrono::minutes{9}));
}

// Its heart beat all the while, and others received: nothing else tells of it.
BOOST_AUTO_TEST_CASE(a_killed_process_that_refused_webhooks_says_since_when) {
    const TestDatabase db;
    std::optional<std::chrono::milliseconds> refuses = std::chrono::minutes{20};
    TickActions actions;
    actions.refuses_for = [&] { return refuses; };
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, std::move(actions)};
    Instance next = kSelf;
    next.id = "next";
    pg::Connection connection = db.connect();
    const auto missing_for = [&] {
        tick.run_once();
        const auto found = register_instance(connection, next).missing_for;
        remove_instances(connection, {next.id});
        return found.value_or(std::chrono::hours{1});
    };
    BOOST_TEST((missing_for() >= std::chrono::minutes{20}));
    refuses.reset();  // written down as a gap
    BOOST_TEST((missing_for() < std::chrono::minutes{5}));
}

// Whoever sends to it may not have noticed yet when it is told first.
BOOST_AUTO_TEST_CASE(a_silent_receiver_is_to_be_told_twice_and_of_a_sender_nothing) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles) VALUES "
        "('receiver', 'there', 1, '1', 'webhook'), ('sender', 'there', 2, '1', 'sender')");
    pg::Connection connection = db.connect();
    int told = 0;
    TickActions actions;
    actions.receivers_gone = [&](pg::Connection& tick_db) {
        const Crashed gone = silent_receivers(tick_db, kSelf);
        BOOST_TEST(gone.ids == std::vector<std::string>{"receiver"},
                   boost::test_tools::per_element());
        BOOST_TEST(gone.missing_for.has_value());
        tell_of_instances(tick_db, gone.ids);
        ++told;
    };
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, std::move(actions)};
    const auto told_when_silent_for = [&](const char* silent) {
        db.exec(
            fmt::format("UPDATE instances SET heartbeat_at = heartbeat_at - interval '{0}', "
                        "told_at = told_at - interval '{0}' WHERE id <> 'self'",
                        silent));
        tick.run_once();
        tick.run_once();
        return std::exchange(told, 0);
    };
    BOOST_TEST(told_when_silent_for("20 s") == 0);
    BOOST_TEST(told_when_silent_for("20 s") == 1);
    BOOST_TEST(told_when_silent_for("50 min") == 0);
    // What came since is for whoever takes its row away.
    const auto missing_for = [&](const char* id) {
        Instance next = kSelf;
        next.id = id;
        next.host = "elsewhere";
        const auto found = register_instance(connection, next).missing_for;
        remove_instances(connection, {next.id});
        return found;
    };
    BOOST_TEST((missing_for("next") > std::chrono::minutes{49}));
    BOOST_TEST(told_when_silent_for("20 min") == 1);
    BOOST_TEST(told_when_silent_for("1 day") == 0);
    BOOST_TEST(!missing_for("last").has_value());
}

// Its container's successor was there before it was silent, and found nothing to take away.
BOOST_AUTO_TEST_CASE(a_row_goes_after_an_hour_once_all_is_told_and_another_does_what_it_did) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles, heartbeat_at, told_at) "
        "SELECT id, 'there', 1, '1', roles, now() - silent, now() - silent + told "
        "FROM (VALUES "
        "('quiet sender', 'sender', interval '59 min', NULL::interval), "
        "('sender', 'sender', interval '61 min', NULL), "
        "('told', 'webhook,router', interval '61 min', interval '1 hour'), "
        "('told once', 'webhook', interval '61 min', interval '40 s'), "
        "('not told', 'webhook', interval '1 day', NULL)) AS t (id, roles, silent, told)");
    const auto left = [&] {
        return db.query_value("SELECT string_agg(id, ', ' ORDER BY id) FROM instances");
    };
    Instance receiver = kSelf;
    receiver.roles = "webhook,router";
    // Nobody sends: that the sender is gone must be seen.
    Tick{db.options(), receiver, std::chrono::milliseconds{5000}, {}}.run_once();
    Tick{db.options(), receiver, std::chrono::milliseconds{5000}, {}}.run_once();
    BOOST_TEST(left() == "not told, quiet sender, self, sender, told once");
    TickActions actions;
    actions.receivers_gone = [&](pg::Connection& tick_db) {
        const Crashed gone = silent_receivers(tick_db, kSelf);
        BOOST_TEST(gone.ids == (std::vector<std::string>{"not told", "told once"}),
                   boost::test_tools::per_element());
        BOOST_TEST((gone.missing_for >= std::chrono::hours{24}));
        tell_of_instances(tick_db, gone.ids);
    };
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{5000}, std::move(actions)};
    db.exec("UPDATE instances SET roles = 'webhook,router,sender' WHERE id = 'self'");
    tick.run_once();
    BOOST_TEST(left() == "not told, quiet sender, self, told once");
    tick.run_once();
    BOOST_TEST(left() == "quiet sender, self");
}

BOOST_AUTO_TEST_CASE(a_row_of_a_killed_process_is_noticed_until_it_is_taken_away) {
    const TestDatabase db;
    db.exec(
        "INSERT INTO instances (id, host, pid, version, roles, heartbeat_at) VALUES ('other', "
        "'there', 1, '1', '', now() - interval '1 min')");
    pg::Connection connection = db.connect();
    Instance second = kSelf;
    second.id = "second";
    second.host = "elsewhere";
    // Whoever noticed it first may be killed before all is written down.
    for (const Instance& self : {kSelf, second}) {
        const Crashed crashed = register_instance(connection, self);
        BOOST_TEST(crashed.ids == std::vector<std::string>{"other"},
                   boost::test_tools::per_element());
        BOOST_TEST(!crashed.missing_for.has_value());
    }
    remove_instances(connection, {"other", "second"});
    BOOST_TEST(register_instance(connection, second).ids.empty());
}

BOOST_AUTO_TEST_CASE(a_database_that_answers_with_an_error_is_not_gone) {
    const TestDatabase db;
    db.exec("ALTER TABLE instances RENAME TO other");
    std::atomic<int> fails{0};
    std::atomic<int> gone{0};
    TickActions actions;
    actions.answered = [&](Answer answer) {
        if (answer == Answer::fails) ++fails;
        if (answer == Answer::none) ++gone;
    };
    Tick tick{db.options(), kSelf, std::chrono::milliseconds{50}, std::move(actions)};
    std::jthread thread{[&tick](std::stop_token stop) { tick.run(std::move(stop)); }};
    BOOST_TEST(eventually([&] { return fails >= 2; }));
    BOOST_TEST(gone == 0);
}

BOOST_AUTO_TEST_CASE(one_that_was_never_there_is_gone) {
    pg::ConnectOptions options;
    const auto target =
        pg::parse_url(Secret{fmt::format("postgresql://x@127.0.0.1:{}/x", free_port())});
    BOOST_REQUIRE(target);
    options.target = *target;
    std::atomic<int> gone{0};
    TickActions actions;
    actions.answered = [&](Answer answer) {
        if (answer == Answer::none) ++gone;
    };
    Tick tick{options, kSelf, std::chrono::milliseconds{50}, std::move(actions)};
    std::jthread thread{[&tick](std::stop_token stop) { tick.run(std::move(stop)); }};
    BOOST_TEST(eventually([&] { return gone >= 1; }));
}

BOOST_AUTO_TEST_CASE(a_stop_ends_it_between_two_ticks) {
    const TestDatabase db;
    Found found;
    Tick tick{db.options(), kSelf, std::chrono::hours{1}, found.actions()};
    std::jthread thread{[&tick](std::stop_token stop) { tick.run(stop); }};
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM instances") == 1; }));
    thread.request_stop();
    thread.join();
}

}  // namespace pgcourier::maintenance
