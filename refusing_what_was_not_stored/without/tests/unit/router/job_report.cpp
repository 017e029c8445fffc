#include "router/job_report.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::router;
using namespace std::chrono_literals;

namespace {

SteadyTime at(std::chrono::seconds seconds) {
    return SteadyTime{} + seconds;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_hundred_jobs_are_told_whoever_did_them) {
    JobReport report;
    BOOST_TEST(!report.add(0, at(0s)));
    BOOST_TEST(!report.add(60, at(1s)));
    const auto due = report.add(60, at(2s));
    BOOST_REQUIRE(due.has_value());
    BOOST_TEST(due->jobs == 120);
    BOOST_TEST((due->since_last == 2s));
    BOOST_TEST(!report.add(99, at(3s)));
}

BOOST_AUTO_TEST_CASE(fewer_are_told_after_five_minutes_and_none_never) {
    JobReport report;
    BOOST_TEST(!report.add(0, at(0s)));
    BOOST_TEST(!report.due_at());
    BOOST_TEST(!report.add(0, at(400s)));
    BOOST_TEST(!report.add(0, at(1000s)));
    JobReport other;
    other.add(0, at(0s));
    BOOST_TEST(!other.add(3, at(10s)));
    BOOST_TEST((other.due_at() == std::optional{at(300s)}));
    BOOST_TEST(!other.add(0, at(299s)));
    BOOST_TEST(other.add(0, at(300s))->jobs == 3);
    BOOST_TEST(!other.due_at());
}
