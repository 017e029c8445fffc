#include "ops/report_limit.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::ops;
using namespace std::chrono_literals;

namespace {

SteadyTime at(std::chrono::seconds seconds) {
    return SteadyTime{} + seconds;
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_of_a_kind_goes_in_each_period_and_tells_how_many_did_not) {
    ReportLimit limit{60s};
    BOOST_TEST((limit.admit("a", at(0s)) == std::optional<std::uint64_t>{0}));
    BOOST_TEST(!limit.admit("a", at(1s)));
    BOOST_TEST(!limit.admit("a", at(59s)));
    BOOST_TEST((limit.admit("b", at(59s)) == std::optional<std::uint64_t>{0}));
    BOOST_TEST((limit.admit("a", at(60s)) == std::optional<std::uint64_t>{2}));
    BOOST_TEST(!limit.admit("a", at(61s)));
    BOOST_TEST((limit.admit("a", at(600s)) == std::optional<std::uint64_t>{1}));
}

BOOST_AUTO_TEST_CASE(many_within_the_period_are_a_spike_and_as_many_over_a_longer_time_are_not) {
    Spike fast{3, 10s};
    BOOST_TEST(!fast.note(at(0s)));
    BOOST_TEST(!fast.note(at(5s)));
    BOOST_TEST(fast.note(at(10s)));
    BOOST_TEST(fast.note(at(11s)));
    Spike slow{3, 10s};
    for (const auto second : {0s, 6s, 12s, 18s, 24s}) BOOST_TEST(!slow.note(at(second)));
}
