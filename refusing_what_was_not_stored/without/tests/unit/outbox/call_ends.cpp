#include "outbox/call_ends.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::outbox {
namespace {

using namespace std::chrono_literals;

constexpr CallEnds::Seconds kLeast{0.010};
constexpr CallEnds::Seconds kAhead{0.050};

struct Calls {
    SteadyTime now{100s};
    CallEnds ends;

    void end(int count) {
        for (int i = 0; i < count; ++i) ends.ended(now);
    }
    double expected() const { return ends.expected(now, kLeast, kAhead); }
    /// As they do at a steady 1,000 a second.
    void go_on() {
        ends.exchange_began(now);
        for (int i = 0; i < 100; ++i) {
            now += 20ms;
            end(20);
            ends.exchange_began(now);
        }
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(nothing_is_foreseen_before_a_call_has_ended, Calls) {
    BOOST_TEST(expected() == 0);
    ends.exchange_began(now);
    now += 20ms;
    BOOST_TEST(expected() == 0);
}

BOOST_FIXTURE_TEST_CASE(as_many_end_as_ended_since_the_last_claim, Calls) {
    ends.exchange_began(now);
    now += 20ms;
    end(20);
    BOOST_TEST(expected() == 50, boost::test_tools::tolerance(0.01));
}

BOOST_FIXTURE_TEST_CASE(one_end_right_after_a_claim_is_no_flood, Calls) {
    ends.exchange_began(now);
    end(1);
    BOOST_TEST(expected() == 5, boost::test_tools::tolerance(0.01));
}

BOOST_FIXTURE_TEST_CASE(between_two_bursts_as_many_are_foreseen_as_before, Calls) {
    go_on();
    BOOST_TEST(expected() == 50, boost::test_tools::tolerance(0.01));
    now += 90ms;
    BOOST_TEST(expected() == 50, boost::test_tools::tolerance(0.01));
}

BOOST_FIXTURE_TEST_CASE(after_a_standstill_nothing_is_foreseen_whatever_is_claimed_meanwhile,
                        Calls) {
    go_on();
    now += 499ms;
    BOOST_TEST(expected() > 0);
    now += 1ms;
    BOOST_TEST(expected() == 0);
    ends.exchange_began(now);
    now += 1ms;
    BOOST_TEST(expected() == 0);
}

}  // namespace pgcourier::outbox
