// links: router outbox
// STOP and START against each other, and against messages that are about to be sent (G11).
#include "base/wake.hpp"
#include "outbox/exchange.hpp"
#include "router/worker.hpp"
#include "support/routing.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::an_inbound;
using test::receive;

namespace {

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33612345678";
constexpr const char* kUserId = "FR.1349";

struct OptOut {
    test::TestDatabase db;
    Wake wake;
    std::string shop = db.add_tenant("shop", kShop);
    pg::Connection connection = db.connect();
    outbox::Exchange exchange{
        {.scopes = {.credentials = "credentials:test"}, .instance_id = "test"}};
    int tokens = 0;
    int number = 0;

    OptOut() { db.warm_up("credentials:test"); }

    /// The client says a word at a time of 2026-02-08, from this address.
    void say(const std::string& word, const std::string& time, const std::string& from = kClient,
             twilio::Params further = {}) {
        further.emplace_back("Body", word);
        receive(db, an_inbound(++number, from, kShop, further), "", "2026-02-08 " + time + "+00");
    }
    void route() {
        router::Worker worker{db.options("router"), wake, {}, system_clock(), 1};
        while (worker.run_once() > 0) {
        }
    }
    std::string add(const std::string& to) const {
        return db.query_value(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) "
                        "VALUES ('{}', '{}', 'x') RETURNING id",
                        shop, to));
    }
    std::string status(const std::string& id) const {
        return db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'");
    }
    std::string opted_out() const {
        return db.query_value(
            "SELECT coalesce(string_agg(phone_number, ' ' ORDER BY phone_number COLLATE \"C\"), "
            "'') FROM opt_outs");
    }
    outbox::Claim claim() {
        return exchange.run(connection, {}, 10, {fmt::format("token-{}", ++tokens)}).claim;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(two_workers_that_route_a_persons_words_at_once_keep_the_newest, OptOut) {
    // Every other person says START last; who routes which word when is up to the threads.
    constexpr int kPeople = 60;
    for (int i = 0; i < kPeople; ++i) {
        const std::string from = fmt::format("+3361234{:04}", i);
        const twilio::Params known{{"ExternalUserId", fmt::format("whatsapp:FR.{}", i)}};
        const bool is_stop_last = i % 2 == 0;
        say("STOP", is_stop_last ? "12:00:02" : "12:00:01", from, known);
        say("START", is_stop_last ? "12:00:01" : "12:00:02", from, known);
    }
    {
        std::vector<std::jthread> workers;
        for (int i = 0; i < 2; ++i) {
            workers.emplace_back([&] {
                router::Worker one{
                    db.options("router"), wake, {.batch_size = 1, .threads = 2}, system_clock(), 1};
                while (one.run_once() > 0) {
                }
            });
        }
    }
    route();
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_out_history") == 4 * kPeople);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs") == kPeople);
    BOOST_TEST(db.count("SELECT count(*) FROM opt_outs WHERE right(phone_number, 1) IN ('1', '3', "
                        "'5', '7', '9')") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_stop_that_was_fetched_after_a_newer_start_changes_nothing, OptOut) {
    const std::string id = add(kClient);
    say("START", "12:00:02");
    route();
    say("STOP", "12:00:01");
    db.exec("UPDATE webhook_events SET source = 'backfill' WHERE payload ->> 'Body' = 'STOP'");
    route();
    BOOST_TEST(opted_out() == "");
    BOOST_TEST(status(id) == "pending");
    BOOST_TEST(db.query_value("SELECT string_agg(word || ' ' || source, ', ' ORDER BY occurred_at) "
                              "FROM opt_out_history") == "stop backfill, start webhook");
    say("STOP", "12:00:03");
    route();
    BOOST_TEST(opted_out() == kClient);
    BOOST_TEST(status(id) == "blocked");
}

BOOST_FIXTURE_TEST_CASE(a_start_takes_back_no_later_stop_that_the_shop_wrote_itself, OptOut) {
    db.exec(
        fmt::format("INSERT INTO opt_outs (tenant_id, phone_number, opted_out_at) VALUES "
                    "('{}', '{}', '2026-02-08 12:00:02')",
                    shop, kClient));
    say("START", "12:00:01");
    route();
    BOOST_TEST(opted_out() == kClient);
    say("STOP", "12:00:01");  // older: its time stays
    route();
    BOOST_TEST(db.query_value("SELECT opted_out_at FROM opt_outs") == "2026-02-08 12:00:02");
    say("START", "12:00:03");
    route();
    BOOST_TEST(opted_out() == "");
}

BOOST_FIXTURE_TEST_CASE(a_person_is_known_by_number_and_by_user_id, OptOut) {
    const std::string by_number = add(kClient);
    const std::string by_id = add(kUserId);
    say("STOP", "12:00:01", kClient, {{"ExternalUserId", "whatsapp:FR.1349"}});
    route();
    BOOST_TEST(opted_out() == "+33612345678 FR.1349");
    BOOST_TEST(status(by_number) + status(by_id) == "blockedblocked");

    // The number is hidden from now on.
    say("START", "12:00:02", kUserId);
    route();
    BOOST_TEST(opted_out() == "");

    const std::string next = add(kClient);
    say("STOP", "12:00:03", kUserId);
    route();
    BOOST_TEST(opted_out() == "+33612345678 FR.1349");
    BOOST_TEST(status(next) == "blocked");

    say("START", "12:00:02", kClient);  // older than the stop
    route();
    BOOST_TEST(opted_out() == "+33612345678 FR.1349");
    say("START", "12:00:04", kClient);
    route();
    BOOST_TEST(opted_out() == "");
}

BOOST_FIXTURE_TEST_CASE(a_word_reads_no_more_when_its_person_has_said_thousands, OptOut) {
    const auto pages_of_a_stop = [&](const std::string& person) {
        for (const std::string& line : db.query_rows(
                 fmt::format("EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off) "
                             "SELECT pgcourier_record_opt_word('{}', '{}', 'stop', now(), "
                             "'operator', NULL, NULL)",
                             shop, person))) {
            constexpr std::string_view kHits = "Buffers: shared hit=";
            if (const std::size_t at = line.find(kHits); at != std::string::npos)
                return std::stoi(line.substr(at + kHits.size()));
        }
        return 0;
    };
    db.exec(
        fmt::format("INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, "
                    "source, event_id) SELECT '{}', a.address, 'stop', now() - w.n * interval "
                    "'1 s', 'webhook', w.n FROM generate_series(1, 20000) AS w (n), "
                    "(VALUES ('{}'), ('{}')) AS a (address)",
                    shop, kClient, kUserId));
    db.exec("ANALYZE opt_out_history");
    const int of_others = pages_of_a_stop("+33612345679");
    BOOST_REQUIRE(of_others > 0);
    BOOST_TEST(pages_of_a_stop(kClient) < of_others + 1'000);
    BOOST_TEST(opted_out() == "+33612345678 +33612345679 FR.1349");
}

BOOST_FIXTURE_TEST_CASE(two_shops_and_two_people_have_their_own_words, OptOut) {
    const std::string other = db.add_tenant("other", "+33700000002");
    receive(db, an_inbound(900, kClient, "+33700000002", {{"Body", "STOP"}}));
    say("STOP", "12:00:01", "+33612345679");
    route();
    BOOST_TEST(db.query_rows("SELECT phone_number, tenant_id = '" + other +
                             "' FROM opt_outs ORDER BY phone_number") ==
                   (std::vector<std::string>{"+33612345678|t", "+33612345679|f"}),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_stop_routed_a_moment_before_the_claim_is_heard, OptOut) {
    const std::string to_number = add(kClient);
    // Put back after a failure: it is not in the queue while the stop is routed.
    const outbox::Claim first = claim();
    BOOST_REQUIRE(first.messages.size() == 1);
    const std::string later = add(kClient);
    say("STOP", "12:00:01");
    route();
    BOOST_TEST(status(to_number) == "sending");
    BOOST_TEST(status(later) == "blocked");

    const outbox::Claimed& m = first.messages[0];
    const outbox::Settlement failed{.id = m.id,
                                    .seq = m.seq,
                                    .lease = {m.tenant_id, m.to, m.token},
                                    .status = outbox::Settled::failed,
                                    .attempts = 1};
    outbox::settle(connection, {&failed, 1});
    const outbox::Claim second = claim();
    BOOST_TEST(second.messages.empty());
    BOOST_TEST(status(to_number) == "blocked");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = "
                        "'message_blocked_optout'") == 2);
    BOOST_TEST(db.count("SELECT (SELECT count(*) FROM outbox_queue) + (SELECT count(*) FROM "
                        "outbox_leases)") == 0);
    const std::string after = add(kClient);
    BOOST_TEST(claim().messages.empty());
    BOOST_TEST(status(after) == "blocked");
    say("START", "12:00:02");
    route();
    add(kClient);
    BOOST_TEST(claim().messages.size() == 1);
}
