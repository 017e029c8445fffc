#include "base/bounded_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(items_come_out_in_the_order_in_which_they_went_in) {
    BoundedQueue<int> queue{10};
    for (int i = 1; i <= 5; ++i) BOOST_REQUIRE(queue.push(int{i}));

    BOOST_TEST(queue.pop(3, {}, 0ms) == (std::vector{1, 2, 3}), boost::test_tools::per_element());
    BOOST_TEST(queue.pop(3, {}, 0ms) == (std::vector{4, 5}), boost::test_tools::per_element());
    BOOST_TEST(queue.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_and_leaves_the_item_with_its_owner) {
    BoundedQueue<std::unique_ptr<int>> queue{1};
    auto kept = std::make_unique<int>(2);

    BOOST_TEST(queue.push(std::make_unique<int>(1)));
    BOOST_TEST(!queue.push(std::move(kept)));
    BOOST_REQUIRE(kept != nullptr);
    BOOST_TEST(*kept == 2);
    BOOST_TEST(queue.size() == 1U);

    BOOST_TEST(queue.pop(1, {}, 0ms).size() == 1U);
    BOOST_TEST(queue.push(std::move(kept)));
}

BOOST_AUTO_TEST_CASE(an_empty_queue_gives_nothing_at_the_timeout) {
    BoundedQueue<int> queue{1};

    BOOST_TEST(queue.pop(1, {}, 1ms).empty());
}

BOOST_AUTO_TEST_CASE(a_waiting_pop_gets_what_another_thread_pushes) {
    BoundedQueue<int> queue{1};
    std::jthread other{[&queue] { queue.push(7); }};

    BOOST_TEST(queue.pop(1, {}, 1h) == (std::vector{7}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_stop_ends_a_waiting_pop) {
    BoundedQueue<int> queue{1};
    std::stop_source stop;
    std::jthread other{[&stop] { stop.request_stop(); }};

    BOOST_TEST(queue.pop(1, stop.get_token(), 1h).empty());
}

BOOST_AUTO_TEST_CASE(what_was_accepted_before_a_stop_still_comes_out) {
    BoundedQueue<int> queue{1};
    std::stop_source stop;
    queue.push(7);
    stop.request_stop();

    BOOST_TEST(queue.pop(1, stop.get_token(), 1h) == (std::vector{7}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_or_doubled_between_threads) {
    BoundedQueue<int> queue{16};
    std::vector<int> taken;
    {
        std::jthread producer{[&queue] {
            for (int i = 0; i < 10'000; ++i) {
                while (!queue.push(int{i})) std::this_thread::yield();
            }
        }};
        while (taken.size() < 10'000) {
            const std::vector<int> some = queue.pop(7, {}, 10s);
            BOOST_REQUIRE(!some.empty());
            taken.insert(taken.end(), some.begin(), some.end());
        }
    }
    for (int i = 0; i < 10'000; ++i) BOOST_REQUIRE_EQUAL(taken[static_cast<std::size_t>(i)], i);
}
