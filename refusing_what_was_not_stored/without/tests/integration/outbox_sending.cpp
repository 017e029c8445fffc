// links: outbox sim maintenance
#include "maintenance/tick.hpp"
#include "pg/listener.hpp"
#include "support/pooler.hpp"
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;
using test::RunningSender;
using test::Sending;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33612345679";

sim::Rule answer(const char* to, int status, int code, std::uint64_t times = 0) {
    return {.to = to,
            .times = times,
            .then = {.answer = sim::Answer::error, .status = status, .code = code}};
}

struct OneSender : Sending {
    Wake wake;
    outbox::Sender sender{db.options("sender"), settings(), wake, system_clock(), 1};

    /// Until nothing is due any more.
    void send_all() {
        while (sender.run_once() > 0) {
        }
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_accepted_message_is_sent_from_its_shops_number_and_recorded, OneSender) {
    const std::string id = add(kAnna, "Bonjour");
    BOOST_TEST(sender.run_once() == 1);

    BOOST_TEST(twilio.ledger().accepted() == 1);
    const auto entry = twilio.ledger().entries().front();
    BOOST_TEST(entry.to == "whatsapp:+33612345678");
    BOOST_TEST(entry.from == "whatsapp:+33700000001");
    BOOST_TEST(entry.body == "Bonjour");
    BOOST_TEST(db.query_value("SELECT status || '|' || attempts || '|' || provider_message_id || "
                              "'|' || sent_from FROM "
                              "messages_out WHERE sent_at IS NOT NULL AND lease_token IS NULL AND "
                              "last_error IS NULL") == "sent|1|" + entry.sid + "|+33700000001");
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(is_idle());
    BOOST_TEST(sender.run_once() == 0);
}

BOOST_FIXTURE_TEST_CASE(media_and_templates_are_sent, OneSender) {
    db.exec("INSERT INTO messages_out (tenant_id, \"to\", media_url) VALUES ('" + shop +
            "', '+33612345678', 'https://shop.example.test/a.jpg')");
    db.exec(
        "INSERT INTO messages_out (tenant_id, \"to\", content_sid, content_variables) VALUES ('" +
        shop + "', '+33612345679', 'HX0123456789abcdef0123456789abcdef', '{\"1\":\"Anna\"}')");
    BOOST_TEST(sender.run_once() == 2);
    const auto entries = twilio.ledger().entries();
    BOOST_REQUIRE(entries.size() == 2);
    BOOST_TEST(entries[0].accepted);
    BOOST_TEST(entries[1].accepted);
    BOOST_TEST(entries[0].media_url + entries[1].media_url == "https://shop.example.test/a.jpg");
    BOOST_TEST(entries[0].content_sid + entries[1].content_sid ==
               "HX0123456789abcdef0123456789abcdef");
}

BOOST_AUTO_TEST_CASE(
    what_is_surely_not_sent_is_tried_five_times_at_growing_waits_and_then_a_dead_letter) {
    Sending s;
    s.twilio.script().add(answer(kAnna, 503, 20503));
    const std::string id = s.add(kAnna, "never");
    const std::string other = s.add(kBert, "at once");
    {
        RunningSender sender{s.db.options("sender"), s.settings()};
        BOOST_TEST(eventually([&] { return s.status(other) == "sent"; }));
        BOOST_TEST(eventually([&] { return s.status(id) == "dead"; }));
        std::this_thread::sleep_for(1s);  // nothing more happens to it
    }
    std::vector<WallTime> times;
    for (const auto& e : s.twilio.ledger().entries()) {
        if (e.to == "whatsapp:+33612345678") times.push_back(e.time);
    }
    BOOST_REQUIRE(times.size() == 5);
    const std::int64_t waits[] = {50, 100, 200, 400};
    for (std::size_t i = 0; i < 4; ++i) {
        const auto waited = (times[i + 1] - times[i]).count();
        BOOST_TEST(waited >= waits[i]);
        BOOST_TEST(waited < waits[i] + 2000);  // far from the polls that would find it anyhow
    }
    BOOST_TEST(s.column(id, "attempts") == "5");
    BOOST_TEST(s.column(id, "error_code") == "20503");
    BOOST_TEST(s.events(id, "message_failed") == 4);
    BOOST_TEST(s.events(id, "message_dead_lettered") == 1);
    const auto letters = s.db.query_rows(
        "SELECT job_type, payload::text, attempts, error_message LIKE 'twilio 20503%', "
        "resolved_at FROM dead_letter_jobs");
    BOOST_REQUIRE(letters.size() == 1);
    BOOST_TEST(letters[0] == "message_out|{\"message_out_id\": \"" + id + "\"}|5|t|");
    BOOST_TEST(s.is_idle());
}

BOOST_FIXTURE_TEST_CASE(a_message_waits_as_long_as_its_row_says, OneSender) {
    twilio.script().add(answer(kAnna, 503, 20503));
    const std::string id = add(kAnna, "later");
    sender.run_once();
    BOOST_TEST(status(id) == "failed");
    BOOST_TEST(column(id, "round(extract(epoch FROM next_attempt_at - updated_at) * 1000)::int") ==
               "50");
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue AS q JOIN messages_out AS m USING (seq) "
                        "WHERE q.is_retry AND q.due_at::timestamp(3) = m.next_attempt_at") == 1);
}

// Between its claim and its turn.
BOOST_AUTO_TEST_CASE(a_message_whose_time_ends_before_its_turn_is_not_sent) {
    Sending s;
    outbox::SenderSettings settings = s.settings();
    settings.rate = 2;
    RunningSender sender{s.db.options("sender"), settings};
    for (int round = 0; round < 3; ++round) {
        s.db.exec(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body, expires_at)
               VALUES ('{0}', '+3361000000{1}', 'in time', now() + interval '1 h'),
                      ('{0}', '+3362000000{1}', 'too late', now() + interval '300 ms'))",
            s.shop, round));
        sender.wake().notify();
        BOOST_TEST(eventually([&] { return s.is_idle(); }));
        std::this_thread::sleep_for(1s);  // its first start is not late
    }
    BOOST_TEST(s.db.count("SELECT count(*) FROM messages_out WHERE status = 'expired' AND body = "
                          "'too late'") == 3);
    BOOST_TEST(s.twilio.ledger().accepted() == 3);
}

BOOST_FIXTURE_TEST_CASE(what_may_have_been_sent_is_put_aside_and_never_sent_again, OneSender) {
    twilio.script().add(
        {.to = kAnna, .then = {.answer = sim::Answer::error, .processes = true, .status = 500}});
    const std::string id = add(kAnna, "once");
    const std::string next = add(kAnna, "waits");
    const std::string other = add(kBert, "goes");
    send_all();
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(status(next) == "pending");
    BOOST_TEST(status(other) == "sent");
    BOOST_TEST(events(id, "message_outcome_unknown") == 1);
    BOOST_TEST(db.query_value(
                   "SELECT message_id FROM outbox_leases WHERE unknown_since IS NOT NULL") == id);

    db.exec("UPDATE outbox_leases SET expires_at = now() - interval '1 h'");
    db.exec("UPDATE outbox_queue SET due_at = now()");
    auto connection = db.connect();
    BOOST_TEST(outbox::sweep(connection) == 0);
    send_all();
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(twilio.ledger().attempts_to(kAnna) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_permanent_refusal_is_one_dead_letter_at_once_and_lets_the_next_message_go,
                        OneSender) {
    twilio.script().add(answer(kAnna, 400, 21211, 1));
    const std::string id = add(kAnna, "refused");
    const std::string next = add(kAnna, "goes");
    send_all();
    BOOST_TEST(status(id) == "dead");
    BOOST_TEST(column(id, "attempts") == "1");
    BOOST_TEST(column(id, "last_error LIKE 'twilio 21211: %'") == "t");
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 1);
    BOOST_TEST(events(id, "message_failed") == 0);
    BOOST_TEST(status(next) == "sent");
}

BOOST_FIXTURE_TEST_CASE(bad_credentials_use_no_attempt_and_empty_no_queue, OneSender) {
    twilio.script().add({.then = {.answer = sim::Answer::error, .status = 401, .code = 20003}});
    const std::string id = add(kAnna, "waits");
    sender.run_once();
    BOOST_TEST(status(id) == "pending");
    BOOST_TEST(column(id, "attempts") == "0");
    BOOST_TEST(db.query_value("SELECT round(extract(epoch FROM probe_at - now())) BETWEEN 50 AND "
                              "60 FROM outbox_scopes WHERE opened_at IS NOT NULL") == "t");
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
    BOOST_TEST(sender.run_once() == 0);
}

BOOST_FIXTURE_TEST_CASE(twilios_own_wait_is_honoured, OneSender) {
    twilio.script().add(
        {.to = kAnna,
         .then = {.answer = sim::Answer::error, .status = 429, .code = 20429, .retry_after = 7}});
    const std::string id = add(kAnna, "slower");
    sender.run_once();
    BOOST_TEST(column(id, "round(extract(epoch FROM next_attempt_at - updated_at))::int") == "7");
}

BOOST_FIXTURE_TEST_CASE(an_opted_out_person_gets_nothing, OneSender) {
    const std::string id = add(kAnna, "no");
    const std::string next = add(kAnna, "nor this");
    const std::string other = add(kBert, "yes");
    db.exec("INSERT INTO opt_outs (tenant_id, phone_number) VALUES ('" + shop +
            "', '+33612345678')");
    send_all();
    db.exec(
        "UPDATE outbox_queue SET due_at = now()");  // the minute after which it is looked at again
    send_all();
    BOOST_TEST(status(id) == "blocked");
    BOOST_TEST(status(next) == "blocked");
    BOOST_TEST(events(id, "message_blocked_optout") == 1);
    BOOST_TEST(column(id, "attempts") == "0");
    BOOST_TEST(status(other) == "sent");
    BOOST_TEST(twilio.ledger().attempts_to(kAnna) == 0);
    BOOST_TEST(is_idle());
}

BOOST_AUTO_TEST_CASE(
    a_tenant_without_a_number_sends_from_the_default_and_without_one_gets_a_dead_letter) {
    Sending s;
    s.db.exec("UPDATE tenants SET whatsapp_phone_number = NULL");
    Wake wake;
    const std::string id = s.add(kAnna, "from where?");
    BOOST_TEST((outbox::Sender{s.db.options(), s.settings(), wake, system_clock(), 1}.run_once()) ==
               1);
    BOOST_TEST(s.status(id) == "dead");
    BOOST_TEST(s.column(id, "last_error") ==
               "the tenant has no whatsapp_phone_number, and TWILIO_WHATSAPP_NUMBER is not set");

    outbox::SenderSettings settings = s.settings();
    settings.default_sender = "+33700000099";
    const std::string second = s.add(kAnna, "from the default");
    BOOST_TEST((outbox::Sender{s.db.options(), settings, wake, system_clock(), 1}.run_once()) == 1);
    BOOST_TEST(s.column(second, "status || sent_from") == "sent+33700000099");
}

BOOST_AUTO_TEST_CASE(each_conversation_keeps_its_order_whatever_fails) {
    Sending s;
    s.twilio.script().add(
        {.probability = 0.2, .then = {.answer = sim::Answer::error, .status = 400, .code = 63010}});
    s.db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '" + s.shop +
              "', '+336000000' || lpad((g % 20)::text, 2, '0'), 'n' || g FROM generate_series(1, "
              "400) AS g");
    outbox::SenderSettings settings = s.settings();
    settings.policy.base = 5ms;
    settings.policy.max_attempts = 20;
    RunningSender first{s.db.options(), settings};
    RunningSender second{s.db.options(), settings};
    BOOST_TEST(eventually([&] { return s.is_idle(); }, 60s));
    BOOST_TEST(s.twilio.ledger().accepted() == 400);
    for (int c = 0; c < 20; ++c) {
        const auto bodies = s.taken(fmt::format("+336000000{:02}", c));
        BOOST_REQUIRE(bodies.size() == 20);
        for (std::size_t i = 1; i < bodies.size(); ++i) {
            BOOST_TEST(std::stoi(bodies[i - 1].substr(1)) < std::stoi(bodies[i].substr(1)));
        }
    }
}

BOOST_AUTO_TEST_CASE(senders_that_race_send_each_message_once) {
    Sending s;
    s.db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '" + s.shop +
              "', '+33600000' || lpad((g % 300)::text, 3, '0'), 'n' || g FROM generate_series(1, "
              "1500) AS g");
    {
        RunningSender a{s.db.options(), s.settings()};
        RunningSender b{s.db.options(), s.settings()};
        RunningSender c{s.db.options(), s.settings()};
        // Less than the minute after which a message put behind another one is looked at anyhow.
        BOOST_TEST(eventually([&] { return s.is_idle(); }, 50s));
    }
    BOOST_TEST(s.twilio.ledger().accepted() == 1500);
    BOOST_TEST(
        s.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent' AND attempts = 1") ==
        1500);
    BOOST_TEST(s.db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") ==
               1500);
}

BOOST_AUTO_TEST_CASE(hand_typed_inserts_are_sent_at_once_in_any_time_zone) {
    Sending s;
    RunningSender sender{s.db.options(), s.settings()};
    pg::Listener listener{test::direct_options(s.db, "listener"),
                          {{"messages_out", [&] { sender.wake().notify(); }}}};
    std::jthread listening{[&](std::stop_token stop) { listener.run(std::move(stop)); }};
    BOOST_TEST(eventually([&] { return listener.is_working(); }));
    int number = 10;
    for (const char* zone : {"UTC", "America/New_York", "Asia/Tokyo"}) {
        const std::string to = fmt::format("+336999999{}", number++);
        s.db.exec(fmt::format(
            R"(SET TIME ZONE '{}';
               INSERT INTO messages_out (id, tenant_id, "to", body, status, attempts, correlation_id, created_at, updated_at)
               VALUES (gen_random_uuid()::text, '{}', '{}', 'Test message', 'pending', 0, gen_random_uuid()::text, NOW(), NOW());)",
            zone, s.shop, to));
        BOOST_TEST(eventually([&] { return s.twilio.ledger().accepted_to(to) == 1; }, 4s));
    }
    // The sleeping sender was woken each time: not one of its looks was a poll.
    BOOST_TEST(eventually([&] { return s.is_idle(); }));
    BOOST_TEST(s.db.count("SELECT count(*) FROM messages_out WHERE created_at BETWEEN (now() AT "
                          "TIME ZONE 'UTC') - "
                          "interval '1 min' AND (now() AT TIME ZONE 'UTC') + interval '1 s'") == 3);
}

BOOST_AUTO_TEST_CASE(without_listen_the_tick_brings_messages_in) {
    Sending s;
    RunningSender sender{s.db.options(), s.settings()};
    std::this_thread::sleep_for(1500ms);  // its first looks are over: it sleeps
    maintenance::Tick tick{s.db.options("tick"),
                           maintenance::this_instance("test", "sender", {}),
                           200ms,
                           {.messages_due = [&] { sender.wake().notify(); }}};
    std::jthread ticking{[&](std::stop_token stop) { tick.run(std::move(stop)); }};
    const std::string id = s.add(kAnna, "polled");
    BOOST_TEST(eventually([&] { return s.status(id) == "sent"; }, 3s));
}

BOOST_AUTO_TEST_CASE(stopping_waits_for_calls_in_flight_and_settles_them) {
    Sending s;
    s.twilio.script().add({.then = {.delay = 2s}});
    const std::string id = s.add(kAnna, "slow");
    RunningSender sender{s.db.options(), s.settings()};
    BOOST_TEST(eventually([&] { return s.status(id) == "sending"; }));
    sender.request_stop();
    std::this_thread::sleep_for(300ms);  // a claim that had begun is over
    const std::string late = s.add(kBert, "not started");
    sender.stop();
    BOOST_TEST(s.status(id) == "sent");
    BOOST_TEST(s.status(late) == "pending");
    BOOST_TEST(s.db.count("SELECT count(*) FROM outbox_leases") == 0);
}

// All calls at once are to people whose messages the shop has locked: while it has, and when it is
// told to stop.
BOOST_AUTO_TEST_CASE(outcomes_that_wait_for_a_lock_are_written_however_many) {
    Sending s;
    s.twilio.script().add({.then = {.delay = 500ms}});
    outbox::SenderSettings settings = s.settings();
    settings.concurrency = 2;
    RunningSender sender{s.db.options("sender"), settings};
    pg::Connection shop = s.db.connect("shop");
    for (const bool is_stopped : {false, true}) {
        const std::string a = s.add(kAnna, "one");
        const std::string b = s.add(kBert, "two");
        sender.wake().notify();
        BOOST_REQUIRE(eventually([&] { return s.status(b) == "sending"; }));
        {
            const pg::Transaction transaction{shop};
            shop.exec_script("SELECT FROM messages_out FOR UPDATE");
            std::this_thread::sleep_for(1s);
            BOOST_TEST(s.status(a) == "sending");
            if (is_stopped) sender.request_stop();
            std::this_thread::sleep_for(300ms);
            BOOST_TEST(s.status(b) == "sending");
        }
        BOOST_TEST(eventually([&] { return s.status(a) == "sent" && s.status(b) == "sent"; }));
    }
    sender.stop();
    BOOST_TEST(s.twilio.ledger().accepted() == 4);
    BOOST_TEST(s.is_idle());
}

BOOST_AUTO_TEST_CASE(results_are_kept_while_the_database_is_away_and_settled_when_it_is_back) {
    Sending s;
    s.twilio.script().add({.to = kAnna, .then = {.delay = 500ms}});
    const std::string id = s.add(kAnna, "slow");
    RunningSender sender{s.db.options(), s.settings()};
    BOOST_TEST(eventually([&] { return s.status(id) == "sending"; }));
    s.db.server().stop(pg::PrivatePostgres::StopMode::immediate);
    BOOST_TEST(eventually([&] { return s.twilio.ledger().accepted() == 1; }));
    std::this_thread::sleep_for(800ms);  // the answer has arrived meanwhile
    BOOST_REQUIRE(s.db.server().restart());
    BOOST_TEST(eventually([&] { return s.status(id) == "sent"; }, 5s));
    BOOST_TEST(s.events(id, "message_sent") == 1);
    const std::string next = s.add(kAnna, "and on it goes");
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return s.status(next) == "sent"; }));
    BOOST_TEST(s.twilio.ledger().accepted() == 2);
}

// Two senders of one process, the second for backlogs.
struct SharedOut : Sending {
    std::vector<outbox::SenderSettings> shares;
    std::optional<RunningSender> second;
    std::optional<RunningSender> first;

    void run(std::size_t concurrency) {
        outbox::SenderSettings all = settings();
        all.concurrency = concurrency;
        shares = outbox::shared_out(all, 2);
        shares[1].instance_id = "second";
        second.emplace(db.options("second"), shares[1]);
        shares[0].on_backlog = [this] { second->wake().notify(); };
        first.emplace(db.options("first"), shares[0]);
    }
    std::int64_t connections(const std::string& role) const {
        return db.count(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = "
            "current_database() AND application_name LIKE '%" +
            role + "'");
    }
    void add_many(int count) const {
        db.exec(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '{}', "
                        "'+33600000' || lpad(g::text, 3, '0'), 'n' || g FROM "
                        "generate_series(1, {}) AS g",
                        shop, count));
    }
    std::int64_t sent_at_once() const {
        return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent' AND attempts = 1");
    }
};

BOOST_FIXTURE_TEST_CASE(a_backlog_wakes_the_next_sender_which_has_no_connection_before, SharedOut) {
    run(9);
    BOOST_TEST(shares[0].concurrency == 5U);
    BOOST_TEST(shares[1].concurrency == 4U);
    const std::string id = add(kAnna, "alone");
    first->wake().notify();
    BOOST_TEST(eventually([&] { return status(id) == "sent"; }));
    BOOST_TEST(connections("first") == 1);
    BOOST_TEST(connections("second") == 0);

    twilio.script().add({.times = 9, .then = {.delay = 2s}});
    add_many(200);
    first->wake().notify();
    BOOST_TEST(eventually([&] {
        return db.count("SELECT count(*) FROM outbox_leases WHERE instance_id = 'second'") == 4;
    }));
    BOOST_TEST(eventually([&] { return is_idle(); }, 30s));
    BOOST_TEST(twilio.ledger().accepted() == 201);
    BOOST_TEST(sent_at_once() == 201);
}

BOOST_FIXTURE_TEST_CASE(what_comes_while_all_calls_of_the_first_are_busy_is_sent_by_the_next,
                        SharedOut) {
    twilio.script().add({.to = kAnna, .then = {.delay = 8s}});
    run(2);
    const std::string slow = add(kAnna, "slow");
    first->wake().notify();
    BOOST_TEST(eventually([&] { return status(slow) == "sending"; }));
    std::this_thread::sleep_for(2s);  // the second's looks are over: it sleeps
    const std::string quick = add(kBert, "quick");
    first->wake().notify();
    BOOST_TEST(eventually([&] { return status(quick) == "sent"; }, 4s));
    BOOST_TEST(status(slow) == "sending");
}

// While calls end quickly, messages are claimed for those that will have ended.
BOOST_FIXTURE_TEST_CASE(what_waits_for_a_call_that_does_not_end_goes_back, SharedOut) {
    twilio.script().add({.times = 450, .then = {.delay = 10ms}});
    twilio.script().add({.then = {.delay = 8s}});
    outbox::SenderSettings alone = settings();
    alone.concurrency = 8;
    add_many(600);
    const auto in_hand = [&] {
        return db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'");
    };
    RunningSender sender{db.options(), alone};
    BOOST_TEST(eventually([&] { return in_hand() > 8; }, 30s));
    BOOST_TEST(eventually([&] { return twilio.ledger().accepted() >= 450; }, 30s));
    BOOST_TEST(eventually([&] { return in_hand() == 8; }, 6s));
    twilio.script().clear();
    BOOST_TEST(eventually([&] { return is_idle(); }, 60s));
    BOOST_TEST(twilio.ledger().accepted() == 600);
    BOOST_TEST(sent_at_once() == 600);
}

BOOST_FIXTURE_TEST_CASE(no_connection_to_the_provider_is_surely_not_sent, OneSender) {
    twilio.stop();
    const std::string id = add(kAnna, "unreachable");
    sender.run_once();
    BOOST_TEST(status(id) == "failed");
    BOOST_TEST(column(id, "last_error LIKE 'not sent: %'") == "t");
    BOOST_REQUIRE(twilio.start());
    BOOST_TEST(eventually([&] { return sender.run_once() == 1; }));
    BOOST_TEST(status(id) == "sent");
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_never_comes_is_an_unknown_outcome, OneSender) {
    outbox::SenderSettings impatient = settings();
    impatient.provider.timeout = 300ms;
    twilio.script().add({.to = kAnna, .times = 1, .then = {.answer = sim::Answer::hang}});
    twilio.script().add({.to = kBert, .times = 1, .then = {.answer = sim::Answer::reset}});
    const std::string hung = add(kAnna, "hangs");
    const std::string reset = add(kBert, "is reset");
    outbox::Sender{db.options(), impatient, wake, system_clock(), 1}.run_once();
    BOOST_TEST(status(hung) == "unknown");
    BOOST_TEST(status(reset) == "unknown");
    BOOST_TEST(twilio.ledger().attempts_to(kAnna) == 1);
    BOOST_TEST(twilio.ledger().attempts_to(kBert) == 1);
}
