// links: outbox sim
// What limits sending besides the messages themselves: breakers, slow starts, rates, pauses, and
// one tenant's flood (G6, G9).
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
constexpr const char* kOtherNumber = "+33700000002";

sim::Rule fails(int status, int code, std::uint64_t times = 0) {
    return {.times = times, .then = {.answer = sim::Answer::error, .status = status, .code = code}};
}

struct Limits : Sending {
    /// Pending messages to so many people.
    void flood(int messages, const std::string& tenant) const {
        db.exec(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body)
               SELECT '{}', '+336' || lpad(g::text, 8, '0'), 'n' || g FROM generate_series(1, {}) AS g)",
            tenant, messages));
    }
    void all_cold() const { db.exec("DELETE FROM outbox_scopes"); }
    /// As if the wait for the next probe were over.
    void probe_now() const {
        db.exec("UPDATE outbox_scopes SET probe_at = now() WHERE opened_at IS NOT NULL");
    }
    std::int64_t open_scopes() const {
        return db.count("SELECT count(*) FROM outbox_scopes WHERE opened_at IS NOT NULL");
    }
    std::int64_t alerts() const {
        return db.count("SELECT count(*) FROM event_log WHERE event_type = 'sending_paused'");
    }
    std::size_t calls() {
        return twilio.ledger().count([](const sim::LedgerEntry& e) { return e.kind == "create"; });
    }
    /// The times of the calls, as the simulator noted them.
    std::vector<WallTime> call_times() {
        std::vector<WallTime> times;
        for (const auto& e : twilio.ledger().entries()) {
            if (e.kind == "create") times.push_back(e.time);
        }
        std::ranges::sort(times);
        return times;
    }
};

/// How long this machine keeps threads waiting that could run: what the simulator notes is late by
/// as much.
class Stalls {
  public:
    struct Stall {
        WallTime begin;
        WallTime end;
    };
    /// The longest one that touches this time.
    std::chrono::nanoseconds longest(WallTime from, WallTime to) {
        const std::lock_guard lock{mutex_};
        std::chrono::nanoseconds most{0};
        for (const Stall& s : stalls_) {
            if (s.begin <= to && from <= s.end)
                most = std::max<std::chrono::nanoseconds>(most, s.end - s.begin);
        }
        return most;
    }

  private:
    void watch(const std::stop_token& stop) {
        constexpr auto kNap = 2ms;
        while (!stop.stop_requested()) {
            const WallTime begin = system_clock().now();
            std::this_thread::sleep_for(kNap);
            const WallTime end = system_clock().now();
            if (end - begin < kNap + 8ms) continue;
            const std::lock_guard lock{mutex_};
            stalls_.push_back({begin, end});
        }
    }

    std::mutex mutex_;
    std::vector<Stall> stalls_;  // guarded by mutex_
    std::jthread thread_{[this](const std::stop_token& stop) { watch(stop); }};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(wrong_credentials_cost_three_calls_at_most_and_new_ones_are_used_at_once,
                        Limits) {
    all_cold();
    flood(1000, shop);
    {
        outbox::SenderSettings wrong = settings();
        wrong.provider.password = Secret{"00000000000000000000000000000000"};
        std::vector<std::unique_ptr<RunningSender>> senders;
        for (int i = 0; i < 4; ++i)
            senders.push_back(std::make_unique<RunningSender>(db.options(), wrong));
        BOOST_TEST(eventually([&] { return open_scopes() == 1; }));
        for (int i = 0; i < 20; ++i) {
            for (const auto& sender : senders) sender->wake().notify();
            eventually([] { return false; }, 100ms);
        }
    }
    BOOST_TEST(calls() >= 1);
    BOOST_TEST(calls() <= 3);
    BOOST_TEST(alerts() == 1);
    BOOST_TEST(
        db.count("SELECT count(*) FROM messages_out WHERE status = 'pending' AND attempts = 0") ==
        1000);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);

    RunningSender right{db.options(), settings()};
    BOOST_TEST(eventually([&] { return is_idle(); }, 60s));
    BOOST_TEST(twilio.ledger().accepted() == 1000);
    // The old ones stay open until nobody has probed them for ten minutes.
    BOOST_TEST(open_scopes() == 1);
}

BOOST_FIXTURE_TEST_CASE(credentials_that_go_bad_under_load_cost_only_what_was_in_flight, Limits) {
    flood(1000, shop);
    outbox::SenderSettings few = settings();
    few.concurrency = 20;
    RunningSender sender{db.options(), few};
    BOOST_TEST(eventually([&] { return twilio.ledger().accepted() > 100; }));
    twilio.script().add(fails(401, 20003));
    BOOST_TEST(eventually([&] { return open_scopes() == 1; }));
    eventually([] { return false; }, 500ms);
    const std::size_t refused = twilio.ledger().count(
        [](const sim::LedgerEntry& e) { return e.kind == "create" && e.code == 20003; });
    BOOST_TEST(refused >= 1);
    BOOST_TEST(refused <= 20);
    BOOST_TEST(alerts() == 1);
    BOOST_TEST(
        db.count("SELECT count(*) FROM messages_out WHERE status = 'pending' AND attempts > 0") ==
        0);
    twilio.script().clear();
    probe_now();
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return is_idle(); }, 60s));
    BOOST_TEST(twilio.ledger().accepted() == 1000);
}

BOOST_FIXTURE_TEST_CASE(
    an_outage_of_the_provider_dead_letters_nothing_and_each_probe_is_another_message, Limits) {
    flood(300, shop);
    twilio.script().add(fails(503, 20503));
    outbox::SenderSettings s = settings();
    s.concurrency = 10;
    s.policy.base = 1ms;
    RunningSender sender{db.options(), s};
    BOOST_TEST(eventually([&] { return open_scopes() == 1; }));
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM outbox_leases") == 0; }));
    const std::size_t before = calls();
    BOOST_TEST(before <= 13);  // two before it opened, and what was in flight
    for (int probe = 1; probe <= 10; ++probe) {
        probe_now();
        sender.wake().notify();
        BOOST_TEST(eventually([&] { return calls() == before + static_cast<std::size_t>(probe); }));
        BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM outbox_leases") == 0; }));
    }
    std::map<std::string, int> probed;
    const auto entries = twilio.ledger().entries();
    for (std::size_t i = before; i < entries.size(); ++i) ++probed[entries[i].to];
    BOOST_TEST(probed.size() == 10);
    BOOST_TEST(alerts() == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs") == 0);
    BOOST_TEST(db.count("SELECT max(attempts) FROM messages_out") <= 1);

    twilio.script().clear();
    probe_now();
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return is_idle(); }, 60s));
    BOOST_TEST(twilio.ledger().accepted() == 300);
}

BOOST_FIXTURE_TEST_CASE(without_a_connection_nothing_uses_up_its_attempts, Limits) {
    flood(50, shop);
    outbox::SenderSettings s = settings();
    const std::string real = s.provider.base_url;
    s.provider.base_url = "http://127.0.0.1:1";  // nobody listens there
    db.warm_up(outbox::credentials_scope(s.provider));
    s.policy.base = 1ms;
    {
        RunningSender sender{db.options(), s};
        BOOST_TEST(eventually([&] { return open_scopes() == 1; }));
        BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM outbox_leases") == 0; }));
    }
    BOOST_TEST(
        db.count("SELECT count(*) FROM messages_out WHERE status IN ('pending', 'failed')") == 50);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE attempts > 0") <= 2);
    s.provider.base_url = real;
    probe_now();
    RunningSender sender{db.options(), s};
    BOOST_TEST(eventually([&] { return is_idle(); }, 30s));
    BOOST_TEST(twilio.ledger().accepted() == 50);
}

BOOST_FIXTURE_TEST_CASE(a_sender_that_does_not_work_holds_up_nobody_else, Limits) {
    const std::string other = db.add_tenant("other", kOtherNumber);
    db.warm_up("credentials:none");
    sim::Rule no_channel = fails(400, 63007);
    no_channel.from = test::kShopNumber;
    twilio.script().add(no_channel);
    flood(30, shop);
    flood(30, other);
    RunningSender sender{db.options(), settings()};
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 30; }));
    BOOST_TEST(db.query_value("SELECT scope FROM outbox_scopes WHERE opened_at IS NOT NULL") ==
               "sender:+33700000001");
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE tenant_id = '" + shop +
                        "' AND status = 'pending' AND attempts = 0") == 30);
    BOOST_TEST(alerts() == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE payload::text LIKE '%+33700000001%' "
                        "OR entity_id LIKE '%+33700000001%'") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_sender_over_its_rate_waits_as_long_as_twilio_says, Limits) {
    sim::Rule too_fast = fails(429, 63018, 1);
    too_fast.then.retry_after = 2;
    twilio.script().add(too_fast);
    outbox::SenderSettings s = settings();
    RunningSender sender{db.options(), s};
    add(kAnna, "one");
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return open_scopes() == 1; }));
    add(kBert, "two");
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return twilio.ledger().accepted() == 2; }));
    const auto entries = twilio.ledger().entries();
    BOOST_REQUIRE(entries.size() == 3);
    const auto waited = entries[1].time - entries[0].time;
    BOOST_TEST(waited.count() >= 1950);
    BOOST_TEST(waited.count() <= 3500);  // 2.2 s on a machine that does nothing else
}

BOOST_FIXTURE_TEST_CASE(too_many_requests_use_no_attempt, Limits) {
    twilio.script().add(fails(429, 20429, 6));
    const std::string id = add(kAnna, "text");
    outbox::SenderSettings s = settings();
    s.policy.base = 5ms;
    RunningSender sender{db.options(), s};
    BOOST_TEST(eventually([&] { return status(id) == "sent"; }));
    BOOST_TEST(column(id, "attempts") == "1");
    BOOST_TEST(column(id, "deferrals") == "6");
    BOOST_TEST(alerts() == 0);
}

BOOST_FIXTURE_TEST_CASE(two_instances_keep_a_senders_rate_together, Limits) {
    flood(450, shop);
    outbox::SenderSettings s = settings();
    s.rate = 80;
    Stalls stalls;
    {
        RunningSender a{db.options(), s};
        RunningSender b{db.options(), s};
        BOOST_TEST(eventually([&] { return is_idle(); }, 120s));
    }
    BOOST_TEST(twilio.ledger().accepted() == 450);
    const std::vector<WallTime> times = call_times();
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
        while (times[last] - times[first] >= 1s) ++first;
        const std::size_t calls = last - first + 1;
        most = std::max(most, calls);
        const std::chrono::duration<double> stalled =
            stalls.longest(times[first] - 1s, times[last]);
        // What came late by a stall is counted in the second after it. How close to 80 it comes is
        // measured in bench/rate.
        BOOST_REQUIRE(static_cast<double>(calls) <= 84 + 2 * 80 * stalled.count());
    }
    BOOST_TEST_MESSAGE(fmt::format("at most {} in any second", most));
}

BOOST_FIXTURE_TEST_CASE(a_sender_with_a_rate_sends_for_all_its_tenants_however_slow_commits_are,
                        Limits) {
    const std::string other = db.add_tenant("other", kOtherNumber);
    db.exec(R"(
        UPDATE tenants SET whatsapp_phone_number = NULL;
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('test.slept', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
                PERFORM pg_sleep(0.6), set_config('test.slept', pg_current_xact_id()::text, true);
            END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON outbox_leases
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow())");
    flood(400, shop);
    flood(10, other);
    outbox::SenderSettings s = settings();
    s.rate = 80;
    s.default_sender = test::kShopNumber;
    RunningSender sender{db.options(), s};
    // Not only the older messages of the first one.
    BOOST_TEST(eventually(
        [&] {
            return db.count(
                       "SELECT count(*) FROM messages_out WHERE status = 'sent' AND tenant_id "
                       "= '" +
                       other + "'") == 10;
        },
        60s));
    BOOST_TEST(
        db.count("SELECT count(*) FROM messages_out WHERE status = 'sent' AND tenant_id = '" +
                 shop + "'") >= 5);
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") > 0);
}

BOOST_FIXTURE_TEST_CASE(one_tenants_flood_does_not_delay_the_others, Limits) {
    const std::string other = db.add_tenant("other", kOtherNumber);
    db.warm_up("credentials:none");
    flood(50'000, shop);
    RunningSender sender{db.options(), settings()};
    BOOST_TEST(eventually([&] { return twilio.ledger().accepted() > 100; }));
    for (int i = 0; i < 5; ++i) {
        const auto began = std::chrono::steady_clock::now();
        const std::string to = fmt::format("+3369999999{}", i);
        db.exec(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body) VALUES ('{}', '{}', 'x'))", other,
            to));
        BOOST_TEST(eventually([&] { return twilio.ledger().accepted_to(to) == 1; }, 2s));
        BOOST_TEST_MESSAGE(fmt::format(
            "sent after {:.0f} ms",
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
                .count()));
    }
    BOOST_TEST(db.count("SELECT count(*) FROM outbox_queue") > 1000);  // the flood was still there
}

BOOST_FIXTURE_TEST_CASE(what_a_person_pauses_is_not_sent_until_it_is_resumed, Limits) {
    const std::string other = db.add_tenant("other", kOtherNumber);
    db.warm_up("credentials:none");
    const auto count_sent = [&](const std::string& tenant) {
        return db.count(
            "SELECT count(*) FROM messages_out WHERE status = 'sent' AND tenant_id = '" + tenant +
            "'");
    };
    BOOST_TEST(db.query_value("SELECT ops.pause_sending('tenant', '" + shop + "', 'flood')")
                   .starts_with("paused"));
    BOOST_TEST(db.query_value("SELECT ops.pause_sending('tenant', '" + shop + "')")
                   .ends_with(", saying: flood"));
    flood(20, shop);
    flood(20, other);
    RunningSender sender{db.options(), settings()};
    BOOST_TEST(eventually([&] { return count_sent(other) == 20; }));
    BOOST_TEST(count_sent(shop) == 0);
    db.exec("SELECT ops.pause_sending()");
    BOOST_TEST(db.query_value("SELECT ops.resume_sending('tenant', '" + shop + "')") == "resumed");
    sender.wake().notify();
    eventually([] { return false; }, 300ms);
    BOOST_TEST(count_sent(shop) == 0);
    db.exec("SELECT ops.pause_sending('sender', 'whatsapp:+33700000001')");
    db.exec("SELECT ops.resume_sending()");
    flood(20, other);
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return count_sent(other) == 40; }));
    BOOST_TEST(count_sent(shop) == 0);
    db.exec("SELECT ops.resume_sending('sender', '+33700000001')");
    sender.wake().notify();
    BOOST_TEST(eventually([&] { return count_sent(shop) == 20; }));
    BOOST_TEST(
        db.count("SELECT count(*) FROM event_log WHERE event_type = 'sending_paused_by_hand'") ==
        3);
    BOOST_CHECK_THROW(db.exec("SELECT ops.pause_sending('tenant', 'nobody')"), pg::Error);
    BOOST_CHECK_THROW(db.exec("SELECT ops.pause_sending('everything')"), pg::Error);
}

BOOST_FIXTURE_TEST_CASE(tenants_with_nothing_due_hide_nobody, Limits) {
    db.exec(
        "INSERT INTO tenants (id, name, whatsapp_phone_number) SELECT 't' || lpad(g::text, 4, "
        "'0'), "
        "'shop', '+337111' || lpad(g::text, 5, '0') FROM generate_series(1, 200) AS g");
    db.warm_up("credentials:none");
    db.exec(R"(INSERT INTO messages_out (tenant_id, "to", body, send_at)
               SELECT 't' || lpad(g::text, 4, '0'), '+33612345678', 'tomorrow', now() + interval '1 day'
               FROM generate_series(1, 150) AS g)");
    flood(300, "t0180");
    RunningSender sender{db.options(), settings()};
    BOOST_TEST(eventually(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 300; },
        30s));
}

BOOST_FIXTURE_TEST_CASE(tenants_that_share_a_sender_share_its_rate, Limits) {
    outbox::SenderSettings s = settings();
    s.default_sender = "+33700000099";
    s.rate = 80;
    db.exec(
        "INSERT INTO tenants (id, name) SELECT 't' || lpad(g::text, 2, '0'), 'shop' FROM "
        "generate_series(1, 20) AS g");
    db.exec(
        "INSERT INTO outbox_scopes (scope, calls, last_success_at) VALUES ('sender:+33700000099', "
        "1024, now())");
    for (int t = 1; t <= 20; ++t) flood(100, fmt::format("t{:02}", t));
    RunningSender sender{db.options(), s};
    BOOST_TEST(eventually([&] { return twilio.ledger().accepted() >= 200; }, 30s));
    sender.stop();
    // A tenth of a second is dealt at once; nobody is left out and nobody is served twice as much.
    const auto per_tenant = db.query_rows(
        "SELECT count(*) FROM tenants AS t JOIN messages_out AS m ON m.tenant_id = t.id WHERE t.id "
        "<> '" +
        shop + "' AND m.status = 'sent' GROUP BY t.id ORDER BY 1");
    BOOST_REQUIRE(per_tenant.size() == 20);
    BOOST_TEST(std::stoi(per_tenant.front()) >= 7);
    BOOST_TEST(std::stoi(per_tenant.back()) <= 14);
}
