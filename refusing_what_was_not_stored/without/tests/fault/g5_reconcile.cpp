// links: outbox sim
// G5: answers are lost in every way under load, and the truth is asked for while more messages go
// out. In the end nothing was sent twice, nothing is lost, and nothing is unknown.
#include "support/reconciling.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;
using test::Sending;

namespace {

constexpr int kMessages = 600;
constexpr int kPeople = 120;

struct Fault {
    sim::Answer answer;
    bool processes;
};
// Whether the call took effect before its answer was lost, or not at all.
constexpr Fault kFaults[] = {{sim::Answer::reset, true},     {sim::Answer::reset, false},
                             {sim::Answer::hang, true},      {sim::Answer::hang, false},
                             {sim::Answer::close, true},     {sim::Answer::close, false},
                             {sim::Answer::cut, true},       {sim::Answer::cut, false},
                             {sim::Answer::truncated, true}, {sim::Answer::truncated, false}};

}  // namespace

// Fails without its protection: without/looking_at_the_list.patch.
BOOST_AUTO_TEST_CASE(whatever_answers_are_lost_everybody_gets_each_message_once) {
    Sending s{{.progress = {.callbacks = false}, .list_delay = 100ms, .seed = 20261125}};
    for (const Fault& fault : kFaults) {
        s.twilio.script().add(
            {.probability = 0.03, .then = {.answer = fault.answer, .processes = fault.processes}});
    }
    s.twilio.script().add({.call = sim::ApiCall::list,
                           .probability = 0.1,
                           .then = {.answer = sim::Answer::error, .status = 503}});

    outbox::SenderSettings sending = s.settings();
    sending.provider.timeout = 700ms;
    sending.policy.max_attempts = 20;
    outbox::ReconcileSettings looking = test::reconcile_settings_of(s);
    looking.provider.timeout = 2s;
    looking.policy.max_attempts = 20;
    looking.first_look = 1500ms;  // well after the sender has given its call up

    s.db.exec(fmt::format(
        "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '{}', '+33600000' || "
        "lpad((g % {})::text, 3, '0'), 'n' || g FROM generate_series(1, {}) AS g",
        s.shop, kPeople, kMessages));
    {
        test::RunningSender sender{s.db.options("sender"), sending};
        const test::RunningReconciler one{s.db.options("one"), looking};
        const test::RunningReconciler two{s.db.options("two"), looking};
        BOOST_TEST(eventually(
            [&] {
                // Half of all answers are lost, a breaker's probes' too: their minutes are not
                // awaited.
                s.db.exec("UPDATE outbox_scopes SET probe_at = now() WHERE opened_at IS NOT NULL");
                sender.wake().notify();
                return s.is_idle();
            },
            120s));
    }

    const auto lost = s.twilio.ledger().count(
        [](const sim::LedgerEntry& e) { return e.kind == "create" && e.answer != "normal"; });
    const auto failed_looks = s.twilio.ledger().count(
        [](const sim::LedgerEntry& e) { return e.kind == "list" && e.answer != "normal"; });
    BOOST_TEST_MESSAGE("answers lost: " << lost << ", looks that failed: " << failed_looks);
    BOOST_TEST(lost > 50);  // the faults happened
    BOOST_TEST(failed_looks > 0);

    std::map<std::string, int> times;
    for (const sim::LedgerEntry& e : s.twilio.ledger().entries()) {
        if (e.accepted) ++times[e.body];
    }
    for (const auto& [body, count] : times) BOOST_TEST(count == 1, body << ": " << count);
    BOOST_TEST(times.size() == kMessages);
    BOOST_TEST(s.db.count("SELECT count(*) FROM messages_out WHERE status <> 'sent'") == 0);
    BOOST_TEST(s.db.count("SELECT count(DISTINCT provider_message_id) FROM messages_out") ==
               kMessages);
    BOOST_TEST(s.db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") ==
               kMessages);
    // G7: in order, through all of it.
    for (int person = 0; person < kPeople; ++person) {
        int last = 0;
        for (const std::string& body : s.taken(fmt::format("+33600000{:03}", person))) {
            const int number = std::stoi(body.substr(1));
            BOOST_TEST(number > last);
            last = number;
        }
    }
}
