#include "console/acknowledged.hpp"

#include "webhook/routes.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::console {
namespace {

const std::vector<double> kBounds{0.001, 0.01, 0.1};
using Counts = std::vector<std::uint64_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(without_anything_new_there_is_no_figure) {
    BOOST_TEST(!p99_between(kBounds, {5, 6, 7, 8}, {5, 6, 7, 8}).has_value());
    BOOST_TEST(!p99_between(kBounds, {}, {}).has_value());
}

BOOST_AUTO_TEST_CASE(it_is_judged_within_its_bucket_by_what_was_added) {
    const auto p99 = p99_between(kBounds, {1000, 1000, 1000, 1000}, {1000, 1100, 1100, 1100});
    BOOST_TEST(*p99 == 1 + 9 * 0.99, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(what_is_slower_than_all_bounds_is_at_least_the_last) {
    BOOST_TEST(*p99_between(kBounds, {}, Counts{0, 0, 0, 10}) == 100.0,
               boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(what_was_longer_ago_than_some_minutes_does_not_count) {
    using std::chrono::minutes;
    const SteadyTime start{std::chrono::hours{1}};
    Acknowledged acknowledged;
    acknowledged.p99(start);
    webhook::answer_times().Observe(0.002);
    BOOST_TEST(acknowledged.p99(start + minutes{1}).has_value());
    for (int i = 2; i <= 6; ++i) acknowledged.p99(start + minutes{i});
    BOOST_TEST(!acknowledged.p99(start + minutes{7}).has_value());
}

}  // namespace pgcourier::console
