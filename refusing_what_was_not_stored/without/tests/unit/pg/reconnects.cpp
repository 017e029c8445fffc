// links: pg
#include "pg/reconnects.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::pg {
namespace {

using namespace std::chrono_literals;

struct Process {
    Reconnects reconnects{Rng{7}};
    SteadyTime now{std::chrono::hours{1}};

    /// Many threads that try all the time, each in vain.
    /// returns  how many attempts were made
    int try_for(std::chrono::milliseconds time) {
        int made = 0;
        for (const SteadyTime end = now + time; now < end; now += 1ms) {
            for (int thread = 0; thread < 9; ++thread) {
                if (reconnects.refuse(now)) continue;
                ++made;
                reconnects.failed("connection refused");
            }
        }
        return made;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(after_a_failure_threads_knock_together_once_a_second, Process) {
    BOOST_TEST(try_for(1ms) == 1);
    for (int second = 0; second < 60; ++second) BOOST_TEST(try_for(1s) <= 1);
    const int in_a_minute = try_for(1min);
    BOOST_TEST(in_a_minute >= 40);  // and they do not give up
    BOOST_TEST(in_a_minute <= 60);
}

// However many they are: nothing has failed yet.
BOOST_FIXTURE_TEST_CASE(all_threads_of_a_process_that_starts_connect_at_once, Process) {
    for (int thread = 0; thread < 100; ++thread) BOOST_TEST(!reconnects.refuse(now).has_value());
}

BOOST_FIXTURE_TEST_CASE(who_may_not_try_is_told_with_what_the_last_attempt_failed, Process) {
    try_for(1s);
    const auto why = reconnects.refuse(now);
    BOOST_REQUIRE(why.has_value());
    BOOST_TEST(*why == "connection refused");
}

BOOST_FIXTURE_TEST_CASE(when_one_has_worked_all_may, Process) {
    try_for(5s);
    now += 2s;
    BOOST_TEST(!reconnects.refuse(now).has_value());
    BOOST_TEST(reconnects.refuse(now).has_value());
    reconnects.worked();
    for (int thread = 0; thread < 9; ++thread) BOOST_TEST(!reconnects.refuse(now).has_value());
}

}  // namespace pgcourier::pg
