// links: outbox
#include "outbox/mark.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using outbox::DueTime;
using outbox::FirstDue;
using outbox::Mark;
using outbox::Marks;

namespace {

// Of database time, which is in µs.
constexpr DueTime kMs = 1'000;

struct Marked {
    SteadyTime now{1h};
    DueTime database = 1'000'000 * kMs;  // its time
    Mark mark;

    FirstDue found(std::optional<DueTime> first_due, std::chrono::microseconds took) const {
        FirstDue found{.tenants = {}, .others = database, .took = took};
        if (first_due) found.tenants.emplace("a", *first_due);
        return found;
    }
    /// A walk of one look that finds this of shop a, and of nobody else.
    Marks walk(std::optional<DueTime> first_due, std::chrono::microseconds took = 100us) {
        const Marks marks = mark.begin(now);
        mark.looked(found(first_due, took), true, now);
        return marks;
    }
    void pass(std::chrono::milliseconds time) {
        now += time;
        database += time.count() * kMs;
    }
    /// Nothing dead lies in the order of time, at first.
    void begin_quickly() {
        BOOST_REQUIRE(mark.asks_first_due(now));
        mark.first_due(found({}, 0us));
    }
    /// Reading from the start was slow.
    void get_going() {
        begin_quickly();
        BOOST_REQUIRE(walk(database - 100 * kMs, 100ms).are_none());
        for (int i = 0; i < 40; ++i) {
            pass(50ms);
            walk(database - 100 * kMs);
        }
        pass(50ms);
    }
    /// The next walk begins lower than just before the last one.
    void wait_for_trailing() { pass(Mark::kTrail); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(while_reading_from_the_start_is_quick_each_walk_does, Marked) {
    begin_quickly();
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(!mark.asks_first_due(now));
        BOOST_TEST(walk(database, Mark::kQuick).are_none());
        BOOST_TEST(!mark.look_in(now).has_value());
        pass(50ms);
    }
}

BOOST_FIXTURE_TEST_CASE(after_a_slow_one_walks_begin_just_before_what_the_last_one_found, Marked) {
    begin_quickly();
    const DueTime first = database - 100 * kMs;
    BOOST_TEST(walk(first, 6ms).are_none());
    pass(10ms);
    walk(first);  // a trailing one
    pass(10ms);
    const Marks marks = walk(first);
    BOOST_TEST(marks.of("a").value() == first - Mark::kJustBefore);
    // Of any other shop nothing was due.
    BOOST_TEST(marks.of("b").value() == database - 10 * kMs - Mark::kJustBefore);
    BOOST_TEST(marks.lowest().value() == *marks.of("a"));
    BOOST_TEST(marks.json() == "{\"a\":" + std::to_string(*marks.of("a")) + "}");
}

BOOST_FIXTURE_TEST_CASE(some_walks_a_second_begin_where_something_was_due_a_moment_ago, Marked) {
    get_going();
    int trailing = 0;
    for (int i = 0; i < 100; ++i) {
        const Marks marks = walk(database - 100 * kMs);
        BOOST_REQUIRE(!marks.are_none());
        const DueTime behind = database - *marks.of("a");
        if (behind == 150 * kMs + Mark::kJustBefore) {
            pass(50ms);
            continue;
        }
        ++trailing;
        BOOST_TEST(behind >= (100 + 1'000) * kMs);
        BOOST_TEST(behind <= (100 + 1'350) * kMs);
        BOOST_TEST(marks.of("b").value() == *marks.of("a") + 100 * kMs);
        pass(50ms);
    }
    BOOST_TEST(trailing == 10);  // each 500 ms of 5 s
}

BOOST_FIXTURE_TEST_CASE(who_was_idle_begins_lower, Marked) {
    get_going();
    wait_for_trailing();
    BOOST_TEST(database - walk(database).others().value() >= 1'000 * kMs);
}

BOOST_FIXTURE_TEST_CASE(after_other_walks_a_lower_one_comes_without_being_woken, Marked) {
    get_going();
    wait_for_trailing();
    walk(database);
    BOOST_TEST((mark.look_in(now).value() > Mark::kTrail));
    pass(50ms);
    walk(database);
    BOOST_TEST((mark.look_in(now).value() == 450ms));
    pass(450ms);
    BOOST_TEST(database - walk(database).others().value() >= 1'000 * kMs);
}

BOOST_FIXTURE_TEST_CASE(what_waits_stays_in_sight, Marked) {
    get_going();
    const DueTime old = database - 10'000 * kMs;
    // Found once, by a walk that began low enough.
    walk(old);
    for (int i = 0; i < 100; ++i) {
        pass(50ms);
        const Marks marks = walk(old);
        BOOST_TEST(marks.of("a").value() <= old);
        BOOST_TEST(marks.of("a").value() >= old - Mark::kJustBefore);
        BOOST_TEST(marks.of("b").value() > old);
    }
}

// Its row falls due at some moment and is seen half a second later: a walk begins low enough within
// another half, whatever came before.
BOOST_FIXTURE_TEST_CASE(a_transaction_of_half_a_second_is_found_soon, Marked) {
    get_going();
    for (int round = 0; round < 200; ++round) {
        if (mark.asks_first_due(now)) mark.first_due(found({}, 80ms));
        const DueTime due = database;
        for (int i = 0; i < 50; ++i) {
            walk(std::nullopt);
            pass(10ms);
        }
        bool is_seen = false;
        for (int i = 0; i <= 50 && !is_seen; ++i) {
            if (i > 0) pass(10ms);
            const Marks marks = mark.begin(now);
            is_seen = *marks.of("a") <= due;
            mark.looked(found(is_seen ? std::optional{due} : std::nullopt, 1ms), true, now);
        }
        BOOST_TEST(is_seen);
        BOOST_TEST(walk(due).of("a").value() <= due);
        pass(std::chrono::milliseconds{round});
    }
}

BOOST_FIXTURE_TEST_CASE(a_quick_transaction_is_in_sight_at_once, Marked) {
    get_going();
    for (int i = 0; i < 100; ++i) {
        const DueTime due = database;
        pass(12ms);
        walk(std::nullopt);  // it is not committed yet
        pass(12ms);
        BOOST_TEST(walk(std::nullopt).of("a").value() <= due);
        pass(3ms);
    }
}

BOOST_FIXTURE_TEST_CASE(what_was_under_way_while_the_start_was_read_is_found_soon, Marked) {
    begin_quickly();
    for (const auto under_way : {5ms, 450ms}) {
        // Inserted before a slow walk began, and committed while it read.
        const DueTime due = database - under_way.count() * kMs;
        walk(std::nullopt, 100ms);
        bool is_seen = false;
        for (int i = 0; i < 5 && !is_seen; ++i) {
            pass(100ms);
            is_seen = walk(std::nullopt).of("a").value() <= due;
        }
        BOOST_TEST(is_seen);
        // The same again after what is due was asked for.
        while (!mark.asks_first_due(now)) pass(50ms);
        mark.first_due(found({}, 100ms));
    }
}

BOOST_FIXTURE_TEST_CASE(what_is_first_due_is_in_sight_at_once, Marked) {
    get_going();
    while (!mark.asks_first_due(now)) pass(50ms);
    const DueTime old = database - 600'000 * kMs;
    mark.first_due(found(old, 80ms));
    BOOST_TEST(walk(old).of("a").value() == old);
    pass(1ms);
    const Marks marks = walk(old);
    BOOST_TEST(marks.of("a").value() <= old);
    BOOST_TEST(marks.of("b").value() > database - 1'100 * kMs);
}

BOOST_FIXTURE_TEST_CASE(one_shops_old_messages_cost_the_others_one_walk, Marked) {
    get_going();
    while (!mark.asks_first_due(now)) pass(50ms);
    // It has so many that what others have is not told.
    const DueTime old = database - 600'000 * kMs;
    FirstDue first = found(old, 8ms);
    first.others = old;
    first.messages = 2'000;
    mark.first_due(first);
    BOOST_TEST(walk(old, 60ms).of("b").value() == old - 1'000 * kMs);
    for (int i = 0; i < 80; ++i) {
        pass(100ms);
        BOOST_TEST(!mark.asks_first_due(now));  // 120 times the 68 ms of both
        BOOST_TEST(walk(old).of("b").value() > database - 2'600 * kMs);
    }
    pass(200ms);
    BOOST_TEST(mark.asks_first_due(now));
}

BOOST_FIXTURE_TEST_CASE(asking_has_a_small_share_of_the_time_and_comes_each_20_s, Marked) {
    const auto ask = [&](std::chrono::microseconds took) {
        while (!mark.asks_first_due(now)) pass(1ms);
        mark.first_due(found({}, took));
        walk({}, 0us);
    };
    get_going();
    ask(100ms);
    pass(12s - 1ms);
    BOOST_TEST(!mark.asks_first_due(now));
    walk({});
    BOOST_TEST((mark.look_in(now).value() == 1ms));
    pass(1ms);
    ask(10s);
    pass(20s - 1ms);
    BOOST_TEST(!mark.asks_first_due(now));
    pass(1ms);
    ask(2ms);
    pass(1s - 1ms);
    BOOST_TEST(!mark.asks_first_due(now));
    pass(1ms);
    BOOST_TEST(mark.asks_first_due(now));
}

BOOST_FIXTURE_TEST_CASE(asking_that_fails_is_not_repeated_at_once, Marked) {
    BOOST_TEST(mark.asks_first_due(now));  // and fails: nothing is known
    BOOST_TEST(walk(database, 100ms).are_none());
    while (!mark.asks_first_due(now)) pass(50ms);
    pass(20s - 1ms);
    BOOST_TEST(!mark.asks_first_due(now));
    BOOST_TEST(!walk(database).are_none());
    pass(1ms);
    BOOST_TEST(mark.asks_first_due(now));
}

BOOST_FIXTURE_TEST_CASE(after_a_walk_that_fails_what_is_due_is_asked_for_again_soon, Marked) {
    get_going();
    while (!mark.asks_first_due(now)) pass(50ms);
    mark.first_due(found({}, 80ms));
    mark.begin(now);
    pass(1s - 1ms);
    BOOST_TEST(!mark.asks_first_due(now));
    pass(1ms);
    BOOST_TEST(mark.asks_first_due(now));
}

// It may have taken longer than a statement may.
BOOST_FIXTURE_TEST_CASE(reading_from_the_start_that_fails_is_not_tried_again, Marked) {
    begin_quickly();
    BOOST_TEST(mark.begin(now).are_none());
    BOOST_TEST(mark.asks_first_due(now));
    mark.first_due(found({}, 80ms));
    BOOST_TEST(!walk(database).are_none());
}

BOOST_FIXTURE_TEST_CASE(more_messages_than_are_told_do_not_count_as_quick, Marked) {
    BOOST_REQUIRE(mark.asks_first_due(now));
    FirstDue first = found(database - 600'000 * kMs, 1ms);
    first.others = database - 600'000 * kMs;
    first.is_whole = false;
    mark.first_due(first);
    BOOST_TEST(!walk(database).are_none());
}

BOOST_FIXTURE_TEST_CASE(only_what_is_lower_than_the_others_is_named, Marked) {
    get_going();
    walk(database);
    pass(10ms);
    FirstDue many = found(database - 1'000 * kMs, 1ms);
    for (int i = 0; i < 3'000; ++i) many.tenants.emplace("shop" + std::to_string(i), database);
    mark.begin(now);
    mark.looked(many, true, now);
    pass(10ms);
    const Marks marks = mark.begin(now);
    BOOST_TEST(marks.of("shop1").value() > database - 100 * kMs);
    BOOST_TEST(marks.of("a").value() < database - 1'000 * kMs);
}

BOOST_FIXTURE_TEST_CASE(when_the_order_of_time_is_quick_walks_read_from_the_start_again, Marked) {
    get_going();
    while (!mark.asks_first_due(now)) pass(50ms);
    FirstDue first = found({}, Mark::kQuickInOrder + 4ms);
    first.messages = 2'000;
    mark.first_due(first);
    BOOST_TEST(walk(database, Mark::kQuick).are_none());
    BOOST_TEST(walk(database, Mark::kQuick).are_none());
}

BOOST_FIXTURE_TEST_CASE(quick_looks_of_a_long_walk_are_not_slow, Marked) {
    begin_quickly();
    for (int walks = 0; walks < 10; ++walks) {
        BOOST_TEST(mark.begin(now).are_none());
        for (int part = 1; part <= 10; ++part) mark.looked(found({}, 4ms), part == 10, now);
        pass(300ms);
    }
}

BOOST_FIXTURE_TEST_CASE(when_the_databases_clock_goes_back_all_is_read_again, Marked) {
    get_going();
    database -= 10'000 * kMs;
    BOOST_TEST(!walk(database).are_none());
    BOOST_TEST((mark.look_in(now).value() == 0ms));
    BOOST_TEST(walk(database, 100ms).are_none());
    pass(1ms);
    BOOST_TEST(walk(database).others().value() <= database);
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

BOOST_FIXTURE_TEST_CASE(a_walk_in_parts_counts_when_it_has_ended, Marked) {
    begin_quickly();
    const DueTime first = database;
    BOOST_TEST(mark.begin(now).are_none());
    mark.looked(found(first - 5 * kMs, 60ms), false, now);
    pass(10ms);
    mark.looked(found({}, 40ms), true, now);
    BOOST_TEST(!mark.begin(now).are_none());
    // 120 times the 100 ms of both parts.
    pass(12s - 1ms);
    BOOST_TEST(!mark.asks_first_due(now));
    pass(1ms);
    BOOST_TEST(mark.asks_first_due(now));
    // What the first part saw is older than the second part's time.
    mark.begin(now);
    mark.looked(found({}, 1ms), false, now);
    const DueTime others = database;
    pass(10ms);
    mark.looked(found({}, 1ms), true, now);
    pass(1ms);
    BOOST_TEST(mark.begin(now).others().value() == others - Mark::kJustBefore);
}
