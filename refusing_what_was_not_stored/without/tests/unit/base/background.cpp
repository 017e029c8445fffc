#include "base/background.hpp"

#include <boost/test/unit_test.hpp>

#include <latch>
#include <stdexcept>

using namespace pgcourier;

BOOST_AUTO_TEST_CASE(the_work_is_done_beside_the_caller_and_told) {
    std::latch told{1};
    std::latch may_end{1};
    std::thread::id where;
    Background background{[&] { told.count_down(); }};
    BOOST_TEST(!background.is_busy());
    background.start([&] {
        where = std::this_thread::get_id();
        may_end.wait();
    });
    BOOST_TEST(background.is_busy());
    may_end.count_down();
    told.wait();
    BOOST_TEST(!background.is_busy());
    BOOST_TEST((where != std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(one_piece_after_the_other_is_done_by_one_thread) {
    std::vector<std::thread::id> threads;
    Background background{[] {}};
    for (int i = 0; i < 1000; ++i) {
        background.start([&] { threads.push_back(std::this_thread::get_id()); });
        background.wait();
    }
    BOOST_TEST(threads.size() == 1000U);
    BOOST_TEST((threads.front() == threads.back()));
}

BOOST_AUTO_TEST_CASE(the_end_waits_for_the_work) {
    std::atomic<bool> is_done{false};
    {
        Background background{[] {}};
        background.start([&] { is_done = true; });
    }
    BOOST_TEST(is_done);
}
