// Messages to one person arrive in the order in which they were written, with three instances that
// send and a fifth of all attempts failing (G7).
#include "support/audit.hpp"
#include "support/cluster.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Cluster;
using test::Complaints;

namespace {

constexpr std::size_t kInstances = 3;
constexpr int kNoSystemicCode = 63010;  // the channel's own trouble with one message

}  // namespace

// Fails without its protection: without/the_message_before.patch.
BOOST_AUTO_TEST_CASE(conversations_keep_their_order_while_a_fifth_of_all_attempts_fails) {
    const test::FaultSettings settings = test::fault_settings();
    const int conversations = settings.is_full ? 200 : 40;
    const int messages = settings.is_full ? 50 : 20;
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    sim::SimulatorOptions options;
    options.progress = {.callbacks = false};
    options.latency = 5ms;
    options.seed = settings.seed;
    Cluster cluster{kInstances,
                    options,
                    {{"PGCOURIER_ROLES", "sender"},
                     {"TWILIO_STATUS_CALLBACK", "off"},
                     {"OUTBOX_MAX_RETRIES", "20"},  // a fifth of a fifth … is not to be given up
                     {"OUTBOX_BACKOFF_MAX_MS", "1000"}}};
    cluster.twilio().script().add(
        {.probability = 0.2,
         .then = {.answer = sim::Answer::error, .status = 400, .code = kNoSystemicCode}});
    for (std::size_t i = 0; i < kInstances; ++i) cluster.start(i);
    cluster.wait_until_ready();
    // One after the other, so that instances meet conversations of every length.
    for (int i = 0; i < messages; ++i) cluster.write(conversations, conversations);

    pg::Connection db = cluster.db().connect();
    BOOST_TEST(test::eventually([&] { return test::open_messages(db).is_settled(); }, 240s));
    const auto ledger = cluster.twilio().ledger().entries();
    const auto failures = cluster.twilio().ledger().count(
        [](const sim::LedgerEntry& e) { return e.code == kNoSystemicCode; });
    const auto total = static_cast<std::size_t>(conversations * messages);
    // The fault happened, and often: one failure for four messages that went out.
    BOOST_TEST(failures * 6 > total);
    for (std::size_t i = 0; i < kInstances; ++i)
        BOOST_TEST(cluster[i].output().find("Message sent successfully") != std::string::npos);
    const Complaints disordered = test::out_of_order(ledger);
    const Complaints lost = test::lost(db, ledger, cluster.written());
    const Complaints doubled = test::doubled(db, ledger);
    BOOST_TEST(disordered.empty(), "out of order: " << test::first_of(disordered));
    BOOST_TEST(lost.empty(), "lost: " << test::first_of(lost));
    BOOST_TEST(doubled.empty(), "doubled: " << test::first_of(doubled));
    BOOST_TEST(cluster.twilio().ledger().accepted() == total);
    BOOST_TEST_MESSAGE(fmt::format("{} messages, {} failed attempts, {} out of order", total,
                                   failures, disordered.size()));
}
