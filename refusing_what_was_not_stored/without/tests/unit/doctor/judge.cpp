#include "doctor/judge.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::doctor;
using namespace std::chrono_literals;

namespace {

const Limits kLimits;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_old_server_warns_and_a_too_old_one_fails) {
    BOOST_TEST((judge_version(150014).state == State::ok));
    BOOST_TEST(judge_version(150014).found == "PostgreSQL 15.14");
    BOOST_TEST((judge_version(180001).state == State::ok));
    BOOST_TEST((judge_version(140022).state == State::warn));
    BOOST_TEST((judge_version(130001).state == State::fail));
    BOOST_TEST(judge_version(130001).found == "PostgreSQL 13.1, expected 15 or newer");
}

BOOST_AUTO_TEST_CASE(a_slow_round_trip_warns_and_one_that_makes_webhooks_late_fails) {
    BOOST_TEST((judge_round_trip(400us, kLimits).state == State::ok));
    BOOST_TEST(judge_round_trip(400us, kLimits).found == "0.4 ms");
    BOOST_TEST((judge_round_trip(20ms, kLimits).state == State::warn));
    BOOST_TEST(judge_round_trip(20ms, kLimits).found == "20 ms, expected below 20 ms");
    BOOST_TEST((judge_round_trip(300ms, kLimits).state == State::fail));
}

BOOST_AUTO_TEST_CASE(what_a_crash_would_lose_fails_and_what_only_the_shop_would_lose_warns) {
    BOOST_TEST((judge_durability({}).state == State::ok));
    BOOST_TEST((judge_durability({.synchronous_commit = "remote_apply"}).state == State::ok));
    BOOST_TEST((judge_durability({.synchronous_commit = "off"}).state == State::warn));
    BOOST_TEST((judge_durability({.synchronous_commit = "local"}).state == State::warn));
    BOOST_TEST((judge_durability({.has_full_page_writes = false}).state == State::fail));
    BOOST_TEST((judge_durability({.has_fsync = false}).state == State::fail));
    BOOST_TEST((judge_durability({.has_fsync = false, .is_neon = true}).state == State::ok));
}

BOOST_AUTO_TEST_CASE(a_clock_counts_only_as_far_as_it_is_surely_off) {
    const Verdict ok = judge_clock(-1500ms, 5ms, "the database's clock", kLimits);
    BOOST_TEST((ok.state == State::ok));
    BOOST_TEST(ok.found == "the database's clock is 1.5 s behind this host's (± 5.0 ms)");
    BOOST_TEST((judge_clock(2500ms, 600ms, "x", kLimits).state == State::ok));
    BOOST_TEST((judge_clock(2500ms, 400ms, "x", kLimits).state == State::warn));
    BOOST_TEST((judge_clock(-2500ms, 400ms, "x", kLimits).state == State::warn));
    BOOST_TEST((judge_clock(301s, 1ms, "x", kLimits).state == State::fail));
    BOOST_TEST(has(judge_clock(301s, 1ms, "x", kLimits).found, "ahead of this host's"));
    BOOST_TEST(has(judge_clock(301s, 1ms, "x", kLimits).advice, "NTP"));
}

BOOST_AUTO_TEST_CASE(ages_and_lengths_of_time) {
    BOOST_TEST((state_of_age(59s, 60s, 900s) == State::ok));
    BOOST_TEST((state_of_age(60s, 60s, 900s) == State::warn));
    BOOST_TEST((state_of_age(900s, 60s, 900s) == State::fail));
    BOOST_TEST(span(400us) == "0.4 ms");
    BOOST_TEST(span(12ms) == "12 ms");
    BOOST_TEST(span(3500ms) == "3.5 s");
    BOOST_TEST(span(12min) == "12 min");
    BOOST_TEST(span(5h) == "5 h");
}
