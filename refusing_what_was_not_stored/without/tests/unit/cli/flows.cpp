#include "cli/flows.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::cli {
namespace {

Flows looked(std::int64_t minute, double seconds, std::int64_t this_minute,
             std::int64_t last_minute) {
    return {.minute = minute,
            .seconds = seconds,
            .all = {{"out: sent", this_minute, last_minute, this_minute + last_minute}}};
}

double rate(const Flows* before, const Flows& now) {
    return per_second(before, now)[0];
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_look_tells_the_rate_since_the_last_minute_began) {
    BOOST_TEST(rate(nullptr, looked(100, 20, 40, 120)) == 2.0);
    BOOST_TEST(rate(nullptr, looked(100, 0, 0, 0)) == 0.0);
}

BOOST_AUTO_TEST_CASE(two_looks_tell_the_rate_between_them) {
    const Flows before = looked(100, 20, 40, 120);
    BOOST_TEST(rate(&before, looked(100, 25, 90, 120)) == 10.0);
    // Over the end of a minute: 20 more in the old one, 30 in the new one.
    const Flows late = looked(100, 55, 100, 120);
    BOOST_TEST(rate(&late, looked(101, 5, 30, 120)) == 5.0);
}

BOOST_AUTO_TEST_CASE(a_look_that_is_too_old_or_too_new_tells_nothing) {
    const Flows before = looked(100, 20, 40, 120);
    BOOST_TEST(rate(&before, looked(103, 20, 40, 120)) == 2.0);
    BOOST_TEST(rate(&before, before) == 2.0);
    // Estimates may fall.
    BOOST_TEST(rate(&before, looked(100, 25, 30, 120)) == 0.0);
}

BOOST_AUTO_TEST_CASE(a_rate_is_of_the_last_five_seconds) {
    FlowRates rates;
    rates.add(looked(100, 10, 0, 0));
    for (int second = 11; second <= 20; ++second) rates.add(looked(100, second, 0, 0));
    // 100 at once are 20 a second for five seconds, and no longer.
    for (int second = 21; second <= 25; ++second)
        BOOST_TEST(rates.add(looked(100, second, 100, 0))[0] == 20.0);
    BOOST_TEST(rates.add(looked(100, 26, 100, 0))[0] == 0.0);
}

}  // namespace pgcourier::cli
