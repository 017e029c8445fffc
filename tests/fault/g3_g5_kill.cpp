// kill -9 of the whole service, at any moment of a burst: every acknowledged event is routed
// exactly once (G1, G3), no message goes out twice or gets stuck (G4, G5).
// runs alone: a burst must be fast enough to be cut off in the middle
#include "base/rng.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"
#include "support/traffic.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kShop = "+33700000001";
constexpr int kInbound = 2000;
constexpr int kOutbound = 500;
constexpr seconds kLease{15};  // the shortest that the program takes

std::string client_number(int index) {
    return fmt::format("+336{:08}", index);
}

void write_messages(const TestDatabase& db, const std::string& tenant, int round) {
    db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '{}', '+336' || "
                    "lpad(i::text, 8, '0'), 'round {} message ' || i "
                    "FROM generate_series(1, {}) AS i",
                    tenant, round, kOutbound));
}

std::vector<twilio::Params> inbound_burst(int first) {
    std::vector<twilio::Params> forms;
    for (int i = 0; i < kInbound; ++i) {
        forms.push_back(inbound_form(static_cast<std::uint64_t>(first + i), client_number(i % 300),
                                     kShop, fmt::format("body {}", i)));
    }
    return forms;
}

}  // namespace

// Fails without its protection: without/answering_after_the_commit.patch.
BOOST_AUTO_TEST_CASE(kill_9_in_a_burst_loses_nothing_and_doubles_nothing) {
    const FaultSettings settings = fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    Rng rng{settings.seed};
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}, .latency = milliseconds{20}}};
    BOOST_REQUIRE(twilio.start());
    const std::string tenant = db.add_tenant("Shop", kShop);
    const std::uint16_t port = free_port();
    Variables variables = service_variables(db.url(), port, twilio.base_url());
    variables["OUTBOX_LEASE_MS"] = std::to_string(milliseconds{kLease}.count());
    variables["OUTBOX_POLL_INTERVAL_MS"] = "1000";
    variables["OUTBOX_RATE_PER_SENDER"] = "0";
    const std::string url = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);

    int kills_under_load = 0;
    std::vector<std::string> acknowledged;
    for (int round = 0; round < 3; ++round) {
        auto service = std::make_unique<Process>(std::vector<std::string>{"serve"}, variables);
        BOOST_REQUIRE_MESSAGE(service->wait_for_output("Worker started successfully"),
                              service->output());
        const std::vector<twilio::Params> forms = inbound_burst(round * kInbound);
        std::vector<int> statuses;
        std::atomic<std::size_t> answered{0};
        std::jthread sending{[&] { statuses = post_all({url}, forms, 32, &answered); }};
        std::jthread writing{[&] { write_messages(db, tenant, round); }};
        // Not after a time: how much of the burst that is depends on the machine.
        const std::size_t enough = kInbound * rng.between(5, 70) / 100;
        BOOST_TEST(eventually([&] { return answered >= enough; }, seconds{60}));
        service->kill();
        sending.join();
        writing.join();
        std::size_t count = 0;
        for (std::size_t i = 0; i < forms.size(); ++i) {
            if (statuses[i] != 200) continue;
            acknowledged.push_back(message_sid(static_cast<std::uint64_t>(round * kInbound) + i));
            ++count;
        }
        BOOST_TEST_MESSAGE("killed after " << enough << " answers, with " << count
                                           << " acknowledged");
        if (count < forms.size()) ++kills_under_load;
    }
    // The fault happened: most bursts were cut off in the middle.
    BOOST_TEST(kills_under_load >= 2);

    Process service{{"serve"}, variables};
    BOOST_REQUIRE_MESSAGE(service.wait_for_output("Worker started successfully"), service.output());
    BOOST_TEST(eventually([&] { return db.count("SELECT count(*) FROM webhook_queue") == 0; },
                          seconds{60}));
    std::string stored_list;
    for (const std::string& sid : db.query_rows("SELECT provider_message_id FROM messages_in"))
        stored_list += sid + "\n";
    std::size_t lost = 0;
    for (const std::string& sid : acknowledged)
        lost += stored_list.find(sid) == std::string::npos ? 1 : 0;
    BOOST_TEST(lost == 0);
    pg::Connection judge = db.connect("test-judge");
    const Complaints routed_twice = doubled_webhooks(judge);
    const Complaints unrouted = stuck_webhooks(judge);
    BOOST_TEST(routed_twice.empty(), "doubled: " << first_of(routed_twice));
    BOOST_TEST(unrouted.empty(), "stuck: " << first_of(unrouted));
    // None of them twice: then each of them once.
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'webhook_received'") ==
               db.count("SELECT count(*) FROM webhook_events"));

    // Everything is sent, or unknown and said to be so; nothing stays `sending` past its lease.
    BOOST_TEST(eventually(
        [&] {
            return db.count(
                       "SELECT count(*) FROM messages_out WHERE status NOT IN ('sent', 'unknown') "
                       "AND id NOT IN "
                       "(SELECT q.message_id FROM outbox_queue AS q JOIN outbox_leases AS l USING "
                       "(tenant_id, recipient) "
                       " WHERE l.unknown_since IS NOT NULL)") == 0;
        },
        seconds{90}));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'") == 0);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out") == 3 * kOutbound);
    // Each row has a text of its own: the ledger tells whether Twilio took one of them more often
    // than once.
    std::map<std::string, int> taken;
    for (const sim::LedgerEntry& entry : twilio.ledger().entries()) {
        if (entry.accepted) ++taken[entry.to + " " + entry.body];
    }
    const auto doubled = std::count_if(taken.begin(), taken.end(),
                                       [](const auto& message) { return message.second > 1; });
    BOOST_TEST(doubled == 0);
    // What is said to be sent was taken, and what was taken and not said to be is unknown.
    const std::size_t total = taken.size();
    const auto sent = static_cast<std::size_t>(
        db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'"));
    const auto unknown = static_cast<std::size_t>(
        db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'"));
    BOOST_TEST_MESSAGE("taken " << total << ", sent " << sent << ", unknown " << unknown);
    BOOST_TEST(total >= sent);
    BOOST_TEST(total <= sent + unknown);
}

}  // namespace pgcourier
