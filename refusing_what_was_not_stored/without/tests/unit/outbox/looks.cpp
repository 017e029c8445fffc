#include "outbox/looks.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::outbox;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime kStart{};

std::int64_t ms_until_next(const Looks& looks, SteadyTime now) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(looks.next().value() - now)
        .count();
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_looks_when_woken_and_again_for_more_than_a_second_and_then_never) {
    Looks looks;
    BOOST_TEST(!looks.is_due(kStart));
    looks.woken(kStart);
    BOOST_TEST(looks.is_due(kStart));

    SteadyTime now = kStart;
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 20 && looks.next(); ++i) {
        waits.push_back(ms_until_next(looks, now));
        now = *looks.next();
        looks.looked(now, false, std::nullopt);
    }
    const std::vector<std::int64_t> expected{0, 5, 10, 20, 40, 80, 160, 320, 640};
    BOOST_TEST(waits == expected, boost::test_tools::per_element());
    BOOST_TEST(!looks.next().has_value());
}

BOOST_AUTO_TEST_CASE(a_wake_while_it_still_echoes_begins_anew) {
    Looks looks;
    looks.woken(kStart);
    looks.looked(kStart, false, std::nullopt);
    looks.looked(kStart + 5ms, false, std::nullopt);
    looks.woken(kStart + 6ms);
    BOOST_TEST(looks.is_due(kStart + 6ms));
    looks.looked(kStart + 6ms, false, std::nullopt);
    BOOST_TEST(ms_until_next(looks, kStart + 6ms) == 5);
}

BOOST_AUTO_TEST_CASE(it_sleeps_exactly_until_the_next_message_is_due) {
    Looks looks;
    looks.looked(kStart, false, 4321ms);
    BOOST_TEST(!looks.is_due(kStart + 4320ms));
    BOOST_TEST(looks.is_due(kStart + 4321ms));
}

BOOST_AUTO_TEST_CASE(a_message_for_the_year_9999_is_not_due_at_once) {
    Looks looks;
    looks.looked(kStart + 1h, false, std::chrono::milliseconds{251'606'476'800'000});
    BOOST_TEST(!looks.is_due(kStart + 1h + 24h));
}

BOOST_AUTO_TEST_CASE(it_looks_at_once_while_there_may_be_more) {
    Looks looks;
    looks.looked(kStart, true, 0ms);
    BOOST_TEST(looks.is_due(kStart));
}

BOOST_AUTO_TEST_CASE(a_due_message_that_cannot_be_claimed_is_looked_for_at_growing_intervals) {
    Looks looks;
    SteadyTime now = kStart;
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 10; ++i) {
        looks.looked(now, false, 0ms);
        waits.push_back(ms_until_next(looks, now));
        now = *looks.next();
    }
    const std::vector<std::int64_t> expected{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000};
    BOOST_TEST(waits == expected, boost::test_tools::per_element());
    looks.looked(now, false, 3s);
    BOOST_TEST(ms_until_next(looks, now) == 3000);
    looks.looked(now, false, 0ms);
    BOOST_TEST(ms_until_next(looks, now) == 5);
}
