#include "router/mark.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using router::Mark;

namespace {

constexpr SteadyTime kStart{1000s};

/// One whole look: where it began.
std::int64_t look(Mark& mark, SteadyTime now, std::int64_t found, bool is_full = false) {
    const std::int64_t from = mark.begin(now);
    mark.found(found, is_full, now);
    return from;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_look_is_a_sweep) {
    Mark mark;

    BOOST_TEST(mark.begin(kStart) == 0);
}

BOOST_AUTO_TEST_CASE(an_id_is_passed_two_seconds_after_it_was_seen) {
    Mark mark;
    look(mark, kStart, 500);
    look(mark, kStart + 1500ms, 0);  // a sweep: the next one is due at 2.5 s

    BOOST_TEST(mark.begin(kStart + 1999ms) == 0);
    mark.found(0, false, kStart + 1999ms);
    BOOST_TEST(mark.begin(kStart + 2000ms) == 500);
}

BOOST_AUTO_TEST_CASE(while_claims_are_full_the_next_goes_on_where_the_last_ended) {
    Mark mark;
    look(mark, kStart, 500, true);

    BOOST_TEST(look(mark, kStart + 10ms, 1000, true) == 500);
    BOOST_TEST(look(mark, kStart + 20ms, 1200, false) == 1000);
    BOOST_TEST(mark.begin(kStart + 30ms) == 0);  // and stragglers are looked for again
}

BOOST_AUTO_TEST_CASE(a_full_sweep_goes_on_from_what_it_found_and_not_from_the_highest_id_ever) {
    Mark mark;
    look(mark, kStart, 1'000'000);
    look(mark, kStart + 3s, 0);
    BOOST_TEST(mark.begin(kStart + 3s + 1ms) == 1'000'000);
    mark.woken();

    BOOST_TEST(look(mark, kStart + 10s, 510, true) == 0);
    BOOST_TEST(look(mark, kStart + 10s + 1ms, 1010, false) == 510);
    BOOST_TEST(mark.begin(kStart + 10s + 2ms) == 1'000'000);
}

BOOST_AUTO_TEST_CASE(after_work_one_sweep_comes_a_second_later_and_then_silence) {
    Mark mark;
    look(mark, kStart, 500);
    BOOST_TEST((mark.next_sweep() == kStart + 1s));
    BOOST_TEST(!mark.is_sweep_due(kStart + 999ms));
    BOOST_TEST(mark.is_sweep_due(kStart + 1s));

    BOOST_TEST(look(mark, kStart + 1s, 0) == 0);

    BOOST_TEST(!mark.next_sweep().has_value());
    BOOST_TEST(!mark.is_sweep_due(kStart + 1h));
}

BOOST_AUTO_TEST_CASE(a_wake_asks_for_a_sweep_but_not_for_two_in_a_second) {
    Mark mark;
    look(mark, kStart, 0);
    mark.woken();
    BOOST_TEST((mark.next_sweep() == kStart + 1s));

    look(mark, kStart + 5s, 0);
    mark.woken();

    BOOST_TEST((mark.next_sweep() == kStart + 6s));
}

BOOST_AUTO_TEST_CASE(a_slow_sweep_comes_seldom) {
    Mark mark;
    mark.begin(kStart);
    mark.found(500, false, kStart + 200ms);
    BOOST_TEST((mark.next_sweep() == kStart + 200ms + 8s));

    mark.begin(kStart + 9s);
    mark.found(500, false, kStart + 19s);
    BOOST_TEST((mark.next_sweep() == kStart + 19s + 30s));
}

BOOST_AUTO_TEST_CASE(what_went_back_is_looked_for_at_once) {
    Mark mark;
    look(mark, kStart, 500, true);

    mark.went_back(kStart + 10ms);

    BOOST_TEST(mark.is_sweep_due(kStart + 10ms));
    BOOST_TEST(mark.begin(kStart + 10ms) == 0);
}

BOOST_AUTO_TEST_CASE(the_mark_keeps_up_under_steady_work) {
    Mark mark;
    std::int64_t id = 0;
    std::int64_t furthest_behind = 0;
    for (auto now = kStart; now < kStart + 10s; now += 10ms) {
        const std::int64_t from = mark.begin(now);
        if (from > 0 && now > kStart + 4s) furthest_behind = std::max(furthest_behind, id - from);
        mark.found(id += 100, false, now);
    }

    BOOST_TEST(furthest_behind > 0);
    BOOST_TEST(furthest_behind <=
               100 * 215);  // 2 s and a remembered step of 0.1 s, 100 ids each 10 ms
}
