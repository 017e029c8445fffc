// links: outbox sim
// STOP against what waits to be sent (G11), where both are at work at the same time.
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kPerson = "+33612345678";

void say_stop(const Sending& s) {
    s.db.exec(
        fmt::format("SET lock_timeout = '2s'; SELECT pgcourier_record_opt_word('{}', '{}', 'stop', "
                    "now(), 'webhook', NULL, NULL)",
                    s.shop, kPerson));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stop_waits_for_nobody_and_what_it_passed_over_is_blocked_at_its_claim) {
    // As a promotion does, which may wait for a row that the same batch of STOPs has locked; and as
    // anybody may.
    for (const char* row : {"outbox_queue WHERE message_id", "messages_out WHERE id"}) {
        Sending s;
        const std::string held = s.add(kPerson, "held");
        const std::string free = s.add(kPerson, "free");
        pg::Connection holding = s.db.connect();
        holding.exec_script(
            fmt::format("BEGIN; SELECT FROM {} = '{}' FOR UPDATE", row, held).c_str());
        say_stop(s);
        BOOST_TEST(s.status(free) == "blocked");
        BOOST_TEST(s.status(held) == "pending");
        holding.exec_script("COMMIT");

        Wake wake;
        outbox::Sender sender{s.db.options(), s.settings(), wake, system_clock(), 1};
        sender.run_once();
        BOOST_TEST(s.status(held) == "blocked");
        BOOST_TEST(s.taken(kPerson).empty());
        BOOST_TEST(s.is_idle());
    }
}

BOOST_AUTO_TEST_CASE(a_stop_leaves_alone_what_is_not_to_be_sent_any_more) {
    Sending s;
    const std::string id = s.add(kPerson, "late");
    s.db.exec(
        "SET pgcourier.act = 'test'; UPDATE messages_out SET status = 'expired' WHERE id = '" + id +
        "'");
    say_stop(s);
    BOOST_TEST(s.status(id) == "expired");
    BOOST_TEST(s.events(id, "message_blocked_optout") == 0);
    BOOST_TEST(s.is_idle());
}

}  // namespace pgcourier
