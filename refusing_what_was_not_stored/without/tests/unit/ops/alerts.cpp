#include "ops/alerts.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::ops;

BOOST_AUTO_TEST_CASE(an_alert_says_what_it_is_and_what_to_do) {
    const Turn turn{.figure = "messages waiting",
                    .is_alert = true,
                    .value = "123",
                    .advice = "Is a sender running?",
                    .correlation_id = "c"};
    BOOST_TEST(text_of(turn, "pgcourier (production)") ==
               "pgcourier (production): ALERT: messages waiting: 123. Is a sender running?");
}

BOOST_AUTO_TEST_CASE(its_end_says_how_long_it_was) {
    const Turn turn{.figure = "messages waiting",
                    .is_alert = false,
                    .value = "3",
                    .advice = {},
                    .correlation_id = "c",
                    .seconds = 75};
    BOOST_TEST(text_of(turn, "pgcourier (production)") ==
               "pgcourier (production): over: messages waiting: 3, after 75 s");
}

BOOST_AUTO_TEST_CASE(one_that_comes_late_says_so) {
    Turn turn{.figure = "messages waiting", .is_alert = true, .value = "123", .advice = "Look."};
    turn.seconds_ago = 59;
    BOOST_TEST(text_of(turn, "x") == "x: ALERT: messages waiting: 123. Look.");
    turn.seconds_ago = 185;
    BOOST_TEST(text_of(turn, "x") == "x: ALERT (3 min ago): messages waiting: 123. Look.");
}

BOOST_AUTO_TEST_CASE(a_message_for_slack_is_json_with_its_three_characters_escaped) {
    BOOST_TEST(slack_message("a < b & \"c\" > d\n") ==
               R"({"text":"a &lt; b &amp; \"c\" &gt; d\n"})");
}
