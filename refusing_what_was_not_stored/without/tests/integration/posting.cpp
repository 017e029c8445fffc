// Reports that leave the house, and a receiver that is slow, refuses, or is not there.
// links: ops
#include "ops/post.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/receiver.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <thread>

namespace pgcourier::ops {
namespace {

using namespace test;
using namespace std::chrono_literals;

/// A poster on its thread. Each case has metrics of its own.
struct Posting {
    PosterOptions options;
    Poster poster;
    std::jthread thread;

    explicit Posting(PosterOptions given)
        : options{std::move(given)},
          poster{options, system_clock()},
          thread{[this](std::stop_token stop) { poster.run(std::move(stop)); }} {}
    bool post(std::uint16_t port, std::string body = "x") {
        return poster.post({.method = "POST",
                            .url = fmt::format("http://127.0.0.1:{}/hook", port),
                            .body = std::move(body)});
    }
    double count(const char* result) const {
        return counter("pgcourier_reports_total", "", {{"to", options.to}, {"result", result}})
            .Value();
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(reports_arrive_in_their_order) {
    const Receiver receiver;
    Posting posting{{.to = "in_order"}};
    for (const char* body : {"1", "2", "3"}) BOOST_TEST(posting.post(receiver.port(), body));
    BOOST_REQUIRE(eventually([&] { return posting.count("sent") == 3; }));
    for (std::size_t i = 0; i < 3; ++i)
        BOOST_TEST(receiver.requests()[i].body == std::to_string(i + 1));
}

BOOST_AUTO_TEST_CASE(
    who_reports_does_not_wait_for_a_receiver_that_hangs_and_the_queue_has_a_bound) {
    Receiver receiver;
    receiver.hang();
    Posting posting{{.to = "hangs", .queue = 5, .timeout = 60s, .drain = 100ms}};
    int taken = 0;
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) taken += posting.post(receiver.port()) ? 1 : 0;
    BOOST_TEST((std::chrono::steady_clock::now() - began < 30s));
    BOOST_TEST(taken <= 6);  // one is being posted
    BOOST_TEST(posting.count("dropped") == 1000 - taken);
    receiver.answer(200);  // and lets the one go that hangs: its connection is closed at the end
}

BOOST_AUTO_TEST_CASE(a_server_error_is_tried_again_and_a_refusal_is_not) {
    Receiver receiver;
    Posting posting{{.to = "again", .attempts = 3, .pause = 1ms}};
    receiver.answer(503);
    posting.post(receiver.port());
    BOOST_REQUIRE(eventually([&] { return posting.count("failed") == 1; }));
    BOOST_TEST(receiver.requests().size() == 3);
    receiver.answer(404);
    posting.post(receiver.port());
    BOOST_REQUIRE(eventually([&] { return posting.count("refused") == 1; }));
    BOOST_TEST(receiver.requests().size() == 4);
    receiver.answer(200);
    posting.post(receiver.port());
    BOOST_TEST(eventually([&] { return posting.count("sent") == 1; }));
}

BOOST_AUTO_TEST_CASE(a_receiver_that_is_not_there_is_told_of_once_and_without_its_url) {
    const LogCapture log;
    Posting posting{{.to = "nobody", .attempts = 2, .pause = 1ms}};
    const std::uint16_t port = free_port();
    for (int i = 0; i < 3; ++i) posting.post(port);
    BOOST_REQUIRE(eventually([&] { return posting.count("failed") == 3; }));
    const std::string text = log.text();
    const std::size_t told = text.find("A report could not be delivered");
    BOOST_REQUIRE(told != std::string::npos);
    BOOST_TEST(text.find("A report could not be delivered", told + 1) == std::string::npos);
    BOOST_TEST(text.find("/hook") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(when_there_were_too_many_the_rest_is_dropped_for_the_time_that_sentry_says) {
    Receiver receiver;
    receiver.answer(429, "3600");
    Posting posting{{.to = "limited", .drops_when_limited = true}};
    for (int i = 0; i < 4; ++i) posting.post(receiver.port());
    BOOST_REQUIRE(eventually([&] { return posting.count("limited") == 4; }));
    BOOST_TEST(receiver.requests().size() == 1);
}

BOOST_AUTO_TEST_CASE(when_there_were_too_many_alerts_wait_for_the_time_that_slack_says) {
    Receiver receiver;
    receiver.answer(429, "0");
    Posting posting{{.to = "waits", .attempts = 100, .pause = 1ms}};
    posting.post(receiver.port());
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() >= 2; }));
    receiver.answer(200);
    BOOST_TEST(eventually([&] { return posting.count("sent") == 1; }, 60s));
}

BOOST_AUTO_TEST_CASE(what_waits_at_the_end_is_still_sent) {
    const Receiver receiver;
    {
        Posting posting{{.to = "at_the_end", .drain = 30s}};
        posting.thread.request_stop();
        posting.thread.join();
        posting.thread = std::jthread{};
        posting.post(receiver.port());
        posting.thread =
            std::jthread{[&posting](std::stop_token stop) { posting.poster.run(std::move(stop)); }};
    }
    BOOST_TEST(receiver.requests().size() == 1);
}

}  // namespace pgcourier::ops
