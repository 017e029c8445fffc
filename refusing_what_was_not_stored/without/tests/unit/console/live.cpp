#include "console/live.hpp"

#include "support/fake_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>

namespace pgcourier::console {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// A browser: what came, as long as it keeps the connection.
struct Browser {
    std::optional<http::Response> answer;
    std::string events;
    bool has_ended = false;

    http::Responder responder() {
        return http::Responder{[this](std::optional<http::Response> response) {
            if (!response) {
                has_ended = true;
            } else if (!answer) {
                events = response->body;
                answer = std::move(response);
            } else {
                events += response->body;
            }
        }};
    }
    void leave() { answer->streams.reset(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(all_viewers_are_told_the_same) {
    test::FakeClock clock;
    Browser one, two;
    Live live{clock};
    live.join(one.responder(), "one", clock.now() + hours{1});
    live.join(two.responder(), "two", clock.now() + hours{1});
    BOOST_TEST(live.viewers() == 2u);
    live.tell("overview", R"({"a":1})");
    BOOST_TEST(one.answer->content_type == "text/event-stream");
    BOOST_TEST(one.events == "retry: 3000\n\nevent: overview\ndata: {\"a\":1}\n\n");
    BOOST_TEST(two.events == one.events);
}

BOOST_AUTO_TEST_CASE(a_new_viewer_is_told_the_last_event_while_that_is_young) {
    test::FakeClock clock;
    Browser one, two;
    Live live{clock};
    live.tell("overview", "{}");
    clock.advance(seconds{1});
    live.join(one.responder(), "one", clock.now() + hours{1});
    BOOST_TEST(one.events == "retry: 3000\n\nevent: overview\ndata: {}\n\n");
    clock.advance(seconds{2});
    live.join(two.responder(), "two", clock.now() + hours{1});
    BOOST_TEST(two.events == "retry: 3000\n\n");
}

BOOST_AUTO_TEST_CASE(who_leaves_makes_room) {
    test::FakeClock clock;
    Browser one, two, three;
    Live live{clock, 1};
    live.join(one.responder(), "one", clock.now() + hours{1});
    live.join(two.responder(), "two", clock.now() + hours{1});
    BOOST_TEST(two.answer->status == 503);
    one.leave();
    BOOST_TEST(!live.has_viewers());
    live.join(three.responder(), "three", clock.now() + hours{1});
    BOOST_TEST(three.answer->status == 200);
}

BOOST_AUTO_TEST_CASE(signing_out_ends_all_views_of_that_cookie_and_no_others) {
    test::FakeClock clock;
    Browser one, its_other_page, two;
    Live live{clock};
    live.join(one.responder(), "one", clock.now() + hours{1});
    live.join(two.responder(), "two", clock.now() + hours{1});
    live.join(its_other_page.responder(), "one", clock.now() + hours{1});
    live.sign_out("one");
    BOOST_TEST(one.has_ended);
    BOOST_TEST(its_other_page.has_ended);
    BOOST_TEST(!two.has_ended);
    BOOST_TEST(live.viewers() == 1u);
    live.tell("overview", "{}");
    BOOST_TEST(one.events == "retry: 3000\n\n");
    BOOST_TEST(two.events == "retry: 3000\n\nevent: overview\ndata: {}\n\n");
}

BOOST_AUTO_TEST_CASE(a_view_ends_with_its_sign_in_and_with_the_service) {
    test::FakeClock clock;
    Browser one, two;
    Live live{clock};
    live.join(one.responder(), "one", clock.now() + hours{1});
    live.join(two.responder(), "two", clock.now() + hours{2});
    clock.advance(hours{1});
    live.tell("overview", "{}");
    BOOST_TEST(one.has_ended);
    BOOST_TEST(!two.has_ended);
    live.end();
    BOOST_TEST(two.has_ended);
}

}  // namespace pgcourier::console
