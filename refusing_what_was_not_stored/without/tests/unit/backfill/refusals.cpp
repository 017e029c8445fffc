#include "backfill/refusals.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::backfill;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime kBegin{std::chrono::hours{1}};

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_refusal_there_is_no_gap) {
    const Refusals refusals;
    BOOST_TEST(!refusals.go_on(kBegin));
    BOOST_TEST(!refusals.over(kBegin));
}

BOOST_AUTO_TEST_CASE(refusals_are_one_gap_once_there_was_none_for_a_while) {
    Refusals refusals;
    refusals.note(kBegin);
    refusals.note(kBegin + 14s);
    BOOST_TEST(refusals.go_on(kBegin + 20s));
    BOOST_TEST(!refusals.over(kBegin + 20s));
    BOOST_TEST(!refusals.go_on(kBegin + 29s));
    BOOST_TEST((refusals.over(kBegin + 29s) == 39s));  // the first, and what was told late
    BOOST_TEST((refusals.over(kBegin + 30s) == 40s));  // until it is written down
    refusals.forget(kBegin + 30s);
    BOOST_TEST(!refusals.over(kBegin + 60s));
}

BOOST_AUTO_TEST_CASE(a_process_that_ends_does_not_wait_until_they_are_over) {
    Refusals refusals;
    BOOST_TEST(!refusals.pending(kBegin));
    refusals.note(kBegin);
    BOOST_TEST((refusals.pending(kBegin + 1s) == 11s));
    refusals.forget(kBegin + 1s);
    BOOST_TEST(!refusals.pending(kBegin + 2s));
}

BOOST_AUTO_TEST_CASE(what_is_refused_while_the_gap_is_written_down_is_kept) {
    Refusals refusals;
    refusals.note(kBegin);
    const SteadyTime looked = kBegin + 20s;
    BOOST_TEST(refusals.over(looked).has_value());
    refusals.note(looked + 1s);
    refusals.forget(looked);
    BOOST_TEST(refusals.go_on(looked + 2s));
    BOOST_TEST(refusals.over(looked + 16s).has_value());
}
