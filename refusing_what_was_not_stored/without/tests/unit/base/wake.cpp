#include "base/wake.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_notify_while_nobody_waits_is_kept) {
    Wake wake;
    wake.notify();

    BOOST_TEST(wake.wait_for({}, 0ms));
}

BOOST_AUTO_TEST_CASE(several_notifies_before_one_wait_count_as_one) {
    Wake wake;
    wake.notify();
    wake.notify();

    BOOST_TEST(wake.wait_for({}, 0ms));
    BOOST_TEST(!wake.wait_for({}, 0ms));
}

BOOST_AUTO_TEST_CASE(without_a_notify_the_wait_ends_at_its_timeout) {
    Wake wake;
    const auto start = std::chrono::steady_clock::now();

    BOOST_TEST(!wake.wait_for({}, 20ms));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 20ms));
}

BOOST_AUTO_TEST_CASE(a_notify_from_another_thread_ends_the_wait) {
    Wake wake;
    std::jthread other{[&wake] { wake.notify(); }};

    BOOST_TEST(wake.wait_for({}, 1h));
}

BOOST_AUTO_TEST_CASE(a_stop_ends_the_wait_and_is_no_wake) {
    Wake wake;
    std::stop_source stop;
    std::jthread other{[&stop] { stop.request_stop(); }};

    BOOST_TEST(!wake.wait_for(stop.get_token(), 1h));
}

BOOST_AUTO_TEST_CASE(take_tells_once) {
    Wake wake;

    BOOST_TEST(!wake.take());
    wake.notify();
    BOOST_TEST(wake.take());
    BOOST_TEST(!wake.take());
    BOOST_TEST(!wake.wait_for({}, 0ms));
}

BOOST_AUTO_TEST_CASE(the_hook_runs_after_each_notify) {
    Wake wake;
    int calls = 0;
    bool was_notified = false;
    wake.also_call([&] {
        ++calls;
        was_notified = wake.take();
    });

    wake.notify();
    wake.notify();
    BOOST_TEST(calls == 2);
    BOOST_TEST(was_notified);
}
