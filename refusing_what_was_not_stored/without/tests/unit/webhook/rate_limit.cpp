#include "webhook/rate_limit.hpp"

#include "webhook/log_interval.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::webhook;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime kStart{1000s};

}  // namespace

BOOST_AUTO_TEST_CASE(the_request_after_the_last_allowed_one_is_over_the_limit) {
    RateLimit limit{3, 60s};

    for (int i = 0; i < 3; ++i) BOOST_TEST(!limit.count("a", kStart).is_over);
    BOOST_TEST(!limit.is_over("a", kStart));
    BOOST_TEST(limit.count("a", kStart).is_over);
    BOOST_TEST(limit.is_over("a", kStart));
}

BOOST_AUTO_TEST_CASE(one_client_does_not_count_for_another) {
    RateLimit limit{1, 60s};
    limit.count("a", kStart);
    limit.count("a", kStart);

    BOOST_TEST(!limit.count("b", kStart).is_over);
    BOOST_TEST(!limit.is_over("c", kStart));
}

BOOST_AUTO_TEST_CASE(a_new_window_begins_with_the_first_request_after_the_old_one) {
    RateLimit limit{1, 60s};
    limit.count("a", kStart);

    BOOST_TEST(limit.count("a", kStart + 59'999ms).is_over);
    BOOST_TEST(!limit.is_over("a", kStart + 60s));
    BOOST_TEST(!limit.count("a", kStart + 60s).is_over);
    BOOST_TEST(limit.count("a", kStart + 119'999ms).is_over);
    BOOST_TEST(!limit.count("a", kStart + 120s).is_over);
}

BOOST_AUTO_TEST_CASE(one_log_line_a_second_and_client_says_how_many_it_stands_for) {
    RateLimit limit{1, 60s};
    limit.count("a", kStart);

    BOOST_TEST(limit.count("a", kStart).to_log == 1u);
    BOOST_TEST(limit.count("a", kStart + 1ms).to_log == 0u);
    BOOST_TEST(limit.count("a", kStart + 999ms).to_log == 0u);
    BOOST_TEST(limit.count("a", kStart + 1000ms).to_log == 3u);
    BOOST_TEST(limit.count("a", kStart + 1001ms).to_log == 0u);
    limit.count("b", kStart + 1001ms);
    BOOST_TEST(limit.count("b", kStart + 1001ms).to_log == 1u);
}

BOOST_AUTO_TEST_CASE(a_flood_of_clients_takes_bounded_memory_and_drops_the_oldest_window) {
    RateLimit limit{1, 60s, 3};
    limit.count("a", kStart);
    limit.count("b", kStart + 1s);
    limit.count("c", kStart + 2s);
    limit.count("a", kStart + 60s);  // begins its window anew: b's is the oldest now
    limit.count("d", kStart + 60s);

    BOOST_TEST(limit.clients() == 3u);
    BOOST_TEST(!limit.count("b", kStart + 60s).is_over);  // forgotten, and c with it
    BOOST_TEST(limit.count("a", kStart + 60s).is_over);

    for (int i = 0; i < 1000; ++i) limit.count(std::to_string(i), kStart + 61s);
    BOOST_TEST(limit.clients() == 3u);
}

BOOST_AUTO_TEST_CASE(a_log_interval_lets_one_line_a_second_pass_with_its_count) {
    LogInterval interval;

    BOOST_TEST(interval.admit(kStart) == 1u);
    BOOST_TEST(interval.admit(kStart + 1ms) == 0u);
    BOOST_TEST(interval.admit(kStart + 999ms) == 0u);
    BOOST_TEST(interval.admit(kStart + 1s) == 3u);
    BOOST_TEST(interval.admit(kStart + 9s) == 1u);
}
