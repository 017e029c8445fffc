// The console's desk: one connection for all who ask, acts first, events when there is news.
#include "console/desk.hpp"
#include "console/live.hpp"
#include "support/eventually.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

namespace pgcourier::console {
namespace {

using namespace test;
using namespace std::chrono_literals;

http::Response said(const std::string& words) {
    return {.status = 200, .content_type = "application/json", .body = words};
}

/// A desk on its thread, and a browser that views.
struct AtDesk {
    TestDatabase db;
    Live live{system_clock()};
    std::atomic<int> looks{0};
    std::mutex mutex;
    std::vector<std::string> order;  // guarded by mutex
    http::Response viewed;
    Desk desk{db.options("console"),
              live,
              [this](pg::Connection&) { return said(std::to_string(++looks)); },
              {},
              system_clock(),
              {.busiest = 10ms, .quiet = 1h}};
    std::jthread thread{[this](std::stop_token stop) { desk.run(std::move(stop)); }};

    void view() {
        live.join(http::Responder{[this](std::optional<http::Response> response) {
                      // The first one has the stream, and with it the connection.
                      if (response && viewed.streams == nullptr) viewed = std::move(*response);
                  }},
                  "a cookie", system_clock().now() + std::chrono::hours{1});
        desk.look_up();
    }
    Work noting(const std::string& what) {
        return [this, what](pg::Connection&) {
            const std::scoped_lock lock{mutex};
            order.push_back(what);
            return said(what);
        };
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(viewers_are_told_when_there_is_news_and_not_before, AtDesk) {
    desk.news();  // nobody looks: nothing is read for it
    view();
    BOOST_REQUIRE(eventually([&] { return looks == 1; }));
    for (int news = 2; news <= 4; ++news) {
        desk.news();
        BOOST_REQUIRE(eventually([&] { return looks == news; }));
    }
    // A question is no news.
    std::promise<http::Response> answer;
    desk.ask("q", noting("q"), http::Responder{[&](std::optional<http::Response> response) {
                 answer.set_value(std::move(*response));
             }});
    BOOST_TEST(answer.get_future().get().body == "q");
    BOOST_TEST(looks == 4);
}

BOOST_FIXTURE_TEST_CASE(an_act_goes_before_what_many_ask, AtDesk) {
    std::promise<void> go_on;
    desk.ask(
        "slow",
        [held = go_on.get_future().share()](pg::Connection&) {
            held.wait();
            return said("slow");
        },
        http::Responder{[](const auto&) {}});
    std::atomic<int> answered{0};
    const auto count = [&](const auto&) { ++answered; };
    for (const char* question : {"a", "b", "c"})
        desk.ask(question, noting(question), http::Responder{count});
    desk.act(noting("act"), http::Responder{count});
    go_on.set_value();
    BOOST_REQUIRE(eventually([&] { return answered == 4; }));
    const std::scoped_lock lock{mutex};
    const std::vector<std::string> expected{"act", "a", "b", "c"};
    BOOST_TEST(order == expected, boost::test_tools::per_element());
}

// Whether an act was done whose COMMIT got no answer is for a person to find out; a question does
// no harm.
BOOST_FIXTURE_TEST_CASE(an_act_whose_answer_is_lost_is_not_called_undone, AtDesk) {
    const auto cut_off = [](pg::Connection& connection) {
        connection.exec_script("SELECT pg_terminate_backend(pg_backend_pid())");
        return said("done");
    };
    const auto answer_of = [&](bool is_act) {
        std::promise<http::Response> answer;
        http::Responder respond{[&](std::optional<http::Response> response) {
            answer.set_value(std::move(*response));
        }};
        if (is_act) {
            desk.act(cut_off, std::move(respond));
        } else {
            desk.ask("cut off", cut_off, std::move(respond));
        }
        return answer.get_future().get();
    };
    const http::Response act = answer_of(true);
    BOOST_TEST(act.status == 503);
    BOOST_TEST(act.body.find("outcome_unknown") != std::string::npos, act.body);
    BOOST_TEST(act.body.find("look before you do it again") != std::string::npos, act.body);
    const http::Response question = answer_of(false);
    BOOST_TEST(question.status == 503);
    BOOST_TEST(question.body.find("database_away") != std::string::npos, question.body);
}

BOOST_FIXTURE_TEST_CASE(who_asks_the_same_gets_the_same_answer, AtDesk) {
    std::atomic<int> answered{0};
    std::promise<void> go_on;
    desk.ask(
        "slow",
        [held = go_on.get_future().share()](pg::Connection&) {
            held.wait();
            return said("slow");
        },
        http::Responder{[](const auto&) {}});
    for (int person = 0; person < 20; ++person)
        desk.ask("same", noting("same"), http::Responder{[&](const auto&) { ++answered; }});
    go_on.set_value();
    BOOST_REQUIRE(eventually([&] { return answered == 20; }));
    const std::scoped_lock lock{mutex};
    BOOST_TEST(order.size() == 1u);
}

}  // namespace pgcourier::console
