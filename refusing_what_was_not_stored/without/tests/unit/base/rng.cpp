#include "base/rng.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>

using namespace pgcourier;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_numbers) {
    Rng one{42};
    Rng other{42};

    for (int i = 0; i < 100; ++i) BOOST_REQUIRE_EQUAL(one(), other());
}

BOOST_AUTO_TEST_CASE(between_reaches_both_of_its_ends_and_no_further) {
    Rng rng{1};
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(rng.between(3, 5));

    BOOST_TEST(seen == (std::set<std::uint64_t>{3, 4, 5}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(unit_stays_below_one) {
    Rng rng{1};
    for (int i = 0; i < 1000; ++i) {
        const double value = rng.unit();
        BOOST_REQUIRE(value >= 0.0 && value < 1.0);
    }
}

BOOST_AUTO_TEST_CASE(jitter_is_a_fifth_in_both_directions) {
    Rng rng{1};
    auto low = 10'000ms;
    auto high = 0ms;
    for (int i = 0; i < 1000; ++i) {
        const auto varied = jittered(1000ms, rng);
        low = std::min(low, varied);
        high = std::max(high, varied);
    }

    BOOST_TEST((low >= 800ms && low < 820ms));
    BOOST_TEST((high <= 1200ms && high > 1180ms));
}

BOOST_AUTO_TEST_CASE(what_is_shortened_never_grows) {
    Rng rng{1};
    auto low = 10'000ms;
    auto high = 0ms;
    for (int i = 0; i < 1000; ++i) {
        const auto varied = shortened(1000ms, rng);
        low = std::min(low, varied);
        high = std::max(high, varied);
    }

    BOOST_TEST((low >= 800ms && low < 810ms));
    BOOST_TEST((high <= 1000ms && high > 990ms));
}

BOOST_AUTO_TEST_CASE(seeds_from_the_operating_system_differ) {
    BOOST_TEST(random_seed() != random_seed());
}
