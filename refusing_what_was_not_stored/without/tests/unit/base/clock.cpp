#include "base/clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_time_is_written_in_utc_with_milliseconds) {
    const WallTime time =
        std::chrono::sys_days{std::chrono::year{2026} / 2 / 8} + 10h + 0min + 0s + 123ms;

    BOOST_TEST(to_iso8601(time) == "2026-02-08T10:00:00.123Z");
}

BOOST_AUTO_TEST_CASE(every_part_of_a_time_keeps_its_width) {
    const auto first_of_march = std::chrono::sys_days{std::chrono::year{2024} / 3 / 1};

    BOOST_TEST(to_iso8601(first_of_march + 7ms) == "2024-03-01T00:00:00.007Z");
    BOOST_TEST(to_iso8601(first_of_march - 1ms) == "2024-02-29T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(a_time_before_1970_is_written_too) {
    BOOST_TEST(to_iso8601(WallTime{-1ms}) == "1969-12-31T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(the_machine_s_monotonic_clocks_do_not_go_back) {
    const Clock& clock = system_clock();
    const auto steady = clock.steady_now();
    const auto boot = clock.boottime();

    BOOST_TEST((clock.steady_now() >= steady));
    BOOST_TEST((clock.boottime() >= boot));
    BOOST_TEST((boot > 0ns));
}

BOOST_AUTO_TEST_CASE(the_wall_clock_is_the_machine_s) {
    const auto before =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const WallTime now = system_clock().now();
    const auto after = std::chrono::system_clock::now();

    BOOST_TEST((now >= before));
    BOOST_TEST((now <= after));
}
