// links: outbox
#include "outbox/mark.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using outbox::DueTime;
using outbox::Mark;
using outbox::Marks;

namespace {

struct Marked {
    SteadyTime now{1h};
    DueTime database = 1000;  // its time
    Mark mark;

    /// A walk of one look that finds this of shop a, and of nobody else.
    Marks walk(std::optional<DueTime> first_due, std::chrono::microseconds took = 100ms) {
        const Marks marks = mark.begin(now);
        std::vector<Mark::FirstDue> lanes;
        if (first_due) lanes.push_back({"a", *first_due});
        mark.looked(lanes, database, took, true, now);
        return marks;
    }
    void pass(std::chrono::milliseconds time) {
        now += time;
        database += time.count();
    }
    /// Walks each 50 ms; until then sweeps were slow.
    void get_going() {
        for (int i = 0; i < 40; ++i) {
            walk(database - 100);
            pass(50ms);
        }
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(while_sweeps_are_quick_each_look_is_one, Marked) {
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(walk(database, Mark::kQuick).is_sweep());
        BOOST_TEST(!mark.sweep_in(now).has_value());
        pass(50ms);
    }
}

BOOST_FIXTURE_TEST_CASE(after_a_slow_one_looks_begin_where_something_was_due_a_moment_ago, Marked) {
    get_going();
    const Marks marks = walk(database - 100);
    BOOST_REQUIRE(!marks.is_sweep());
    const DueTime trailing = database - *marks.of("a");
    BOOST_TEST(trailing >= 100 + 500);
    BOOST_TEST(trailing <= 100 + 850);
    // Of any other shop nothing was due.
    BOOST_TEST(marks.of("b").value() == *marks.of("a") + 100);
    BOOST_TEST(marks.lowest().value() == *marks.of("a"));
    BOOST_TEST(marks.json() == "{\"a\":" + std::to_string(*marks.of("a")) + "}");
}

BOOST_FIXTURE_TEST_CASE(what_waits_stays_in_sight, Marked) {
    get_going();
    for (int i = 0; i < 40; ++i) {
        BOOST_TEST(walk(700).of("a").value_or(0) <= 2900);
        pass(50ms);
    }
    BOOST_TEST(walk(700).of("a").value() == 700);
    BOOST_TEST(walk(700).of("b").value() > 4000);
}

BOOST_FIXTURE_TEST_CASE(what_a_sweep_found_is_in_sight_at_once, Marked) {
    get_going();
    while (!walk(database - 100).is_sweep()) pass(50ms);
    BOOST_TEST(walk(database - 100).of("a").value() > 400);
    pass(12s);
    BOOST_TEST(walk(400).is_sweep());
    pass(1ms);
    BOOST_TEST(walk(400).of("a").value() == 400);
}

BOOST_FIXTURE_TEST_CASE(a_mark_is_older_than_a_transaction_that_is_under_way, Marked) {
    get_going();
    // Its row falls due now and is seen 490 ms later.
    const DueTime due = database;
    for (int i = 0; i < 49; ++i) {
        walk(std::nullopt, 0us);
        pass(10ms);
    }
    for (int i = 0; i < 100; ++i) {
        const Marks marks = walk(due, 0us);
        BOOST_TEST((marks.is_sweep() || *marks.of("a") <= due));
        pass(10ms);
    }
}

BOOST_FIXTURE_TEST_CASE(sweeps_have_a_small_share_of_the_time_and_come_each_20_s, Marked) {
    get_going();
    while (!walk(database).is_sweep()) pass(1ms);  // takes 100 ms
    pass(1s);
    walk(database);
    BOOST_TEST((mark.sweep_in(now).value() == 11s));
    pass(11s - 1ms);
    BOOST_TEST(!walk(database).is_sweep());
    pass(1ms);
    BOOST_TEST(walk(database, 10s).is_sweep());
    BOOST_TEST(!mark.sweep_in(now).has_value());
    for (int i = 0; i < 19; ++i) {
        pass(1s);
        BOOST_TEST(!walk(database, 10s).is_sweep());
    }
    BOOST_TEST((mark.sweep_in(now).value() == 1s));
    pass(1s);
    BOOST_TEST(walk(database, 10s).is_sweep());
}

BOOST_FIXTURE_TEST_CASE(a_sweep_that_fails_is_not_made_again_at_once, Marked) {
    get_going();
    while (!mark.begin(now).is_sweep()) pass(50ms);
    pass(100ms);
    BOOST_TEST(!mark.begin(now).is_sweep());
    pass(20s);
    BOOST_TEST(mark.begin(now).is_sweep());
}

BOOST_FIXTURE_TEST_CASE(quick_looks_of_a_long_walk_are_no_slow_sweep, Marked) {
    for (int walks = 0; walks < 10; ++walks) {
        BOOST_TEST(mark.begin(now).is_sweep());
        for (int part = 1; part <= 10; ++part) mark.looked({}, database, 4ms, part == 10, now);
        pass(300ms);
    }
}

BOOST_FIXTURE_TEST_CASE(when_the_databases_clock_goes_back_all_is_read_again, Marked) {
    get_going();
    while (walk(database).is_sweep()) pass(50ms);
    database -= 10'000;
    walk(database);
    pass(1ms);
    BOOST_TEST(walk(database).is_sweep());
}

BOOST_AUTO_TEST_CASE(marks_are_json_whatever_the_shops_are_called) {
    const Marks marks{5, {{"a \"b\"\\\n", 3}}};
    BOOST_TEST(marks.json() == R"({"a \"b\"\\\n":3})");
    BOOST_TEST(marks.lowest().value() == 3);
    BOOST_TEST(marks.others().value() == 5);
    BOOST_TEST(Marks{}.json() == "{}");
    BOOST_TEST(!Marks{}.of("a").has_value());
}

BOOST_AUTO_TEST_CASE(of_more_shops_than_are_named_the_lowest_mark_holds) {
    std::unordered_map<std::string, DueTime> shops;
    for (DueTime i = 0; i <= 2'000; ++i) shops.emplace(std::to_string(i), 100 + i);
    const Marks marks{9'000, shops};
    BOOST_TEST(marks.json() == "{}");
    BOOST_TEST(marks.of("2000").value() == 100);
    BOOST_TEST(marks.of("somebody").value() == 100);
    shops.erase("0");
    BOOST_TEST((Marks{9'000, shops}.of("2000").value() == 2'100));
}

BOOST_FIXTURE_TEST_CASE(a_walk_in_parts_keeps_its_marks_and_counts_when_it_has_ended, Marked) {
    get_going();
    while (!mark.begin(now).is_sweep()) pass(50ms);
    mark.looked({}, database, 60ms, false, now);
    mark.looked({}, database + 10, 40ms, true, now);
    pass(1s);
    for (int i = 0; i < 3; ++i) {
        walk(database);
        pass(300ms);
    }
    const DueTime others = database - 900;
    BOOST_TEST(mark.begin(now).others().value() == others);
    const std::vector<Mark::FirstDue> lanes{{"a", 500}};
    mark.looked(lanes, database, 1ms, false, now);
    pass(100ms);
    BOOST_TEST((mark.sweep_in(now).value() == 10s));  // 120 times the 100 ms of both parts
    mark.looked({}, database, 1ms, true, now);
    BOOST_TEST(mark.begin(now).of("a").value() == 500);
}
