#include "backfill/window.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::backfill;
using namespace std::chrono;

namespace {

// 2026-11-25 10:00:00 UTC
constexpr WallTime kTen = WallTime{sys_days{year{2026} / 11 / 25} + 10h};

Gap outage(WallTime since, WallTime until) {
    return {.since = since, .until = until, .covered_until = {}, .is_automatic = true};
}

Gap asked(WallTime since, WallTime until) {
    return {.since = since, .until = until, .covered_until = {}, .is_automatic = false};
}

twilio::ListedMessage message(sys_seconds sent, const std::string& body = "Bonjour") {
    twilio::ListedMessage m;
    m.sid = "SM00000000000000000000000000000001";
    m.from = "+33698765432";
    m.to = "+33700000001";
    m.body = body;
    m.direction = "inbound";
    m.sent = sent;
    return m;
}

sys_seconds at(WallTime time) {
    return floor<seconds>(time);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_gap_is_read_with_a_margin_for_twilios_clock_on_both_sides) {
    const Window window = window_of(outage(kTen - 1h, kTen), kTen, kTen - days{30});
    BOOST_TEST((window.from == kTen - 65min));
    BOOST_TEST((window.until == kTen + 5min));
    BOOST_TEST((window.young == kTen - 60s));
}

BOOST_AUTO_TEST_CASE(a_later_walk_begins_before_the_end_of_the_earlier_one) {
    Gap gap = outage(kTen - 24h, kTen);
    gap.covered_until = kTen - 60s;
    BOOST_TEST((window_of(gap, kTen + 75s, kTen + 75s - days{30}).from == kTen - 6min));
}

BOOST_AUTO_TEST_CASE(sent_messages_are_asked_for_once_and_again_when_the_gap_has_grown) {
    Gap gap = outage(kTen - 1h, kTen);
    BOOST_TEST(needs_deliveries(gap));
    gap.covered_until = kTen - 60s;
    BOOST_TEST(!needs_deliveries(gap));
    gap.until = kTen + 1s;
    BOOST_TEST(needs_deliveries(gap));
}

BOOST_AUTO_TEST_CASE(what_a_person_asked_for_is_taken_as_it_stands) {
    const Window window = window_of(asked(kTen - 2h, kTen - 1h), kTen, kTen - days{30});
    BOOST_TEST((window.from == kTen - 2h));
    BOOST_TEST((window.until == kTen - 1h));
}

BOOST_AUTO_TEST_CASE(nothing_is_read_that_may_have_been_deleted_here) {
    BOOST_TEST(
        (window_of(outage(kTen - 24h * 90, kTen), kTen, kTen - days{30}).from == kTen - 24h * 30));
    BOOST_TEST((window_of(asked(kTen - 24h * 90, kTen), kTen, kTen - days{1}).from == kTen - 24h));
}

BOOST_AUTO_TEST_CASE(days_are_those_of_gmt_the_oldest_first) {
    const auto all = days_of(window_of(outage(kTen - 12h, kTen), kTen, kTen - days{30}), kTen);
    BOOST_TEST(
        (all == std::vector{sys_days{year{2026} / 11 / 24}, sys_days{year{2026} / 11 / 25}}));
    BOOST_TEST(days_of(window_of(outage(kTen - 9h, kTen), kTen, kTen - days{30}), kTen).size() ==
               1);
    // Twilio's day may have begun.
    const WallTime late = kTen + 13h + 58min;
    BOOST_TEST(days_of(window_of(outage(late - 1h, late), late, late - days{30}), late).size() ==
               2);
}

BOOST_AUTO_TEST_CASE(a_message_of_the_gap_is_taken_others_are_not) {
    const Window window = window_of(asked(kTen - 1h, kTen - 10min), kTen, kTen - days{30});
    BOOST_TEST((fate_of(message(at(kTen - 30min)), window, Take::all) == Fate::take));
    BOOST_TEST((fate_of(message(at(kTen - 1h)), window, Take::all) == Fate::take));
    BOOST_TEST((fate_of(message(at(kTen - 10min)), window, Take::all) == Fate::take));
    BOOST_TEST((fate_of(message(at(kTen - 1h - 1s)), window, Take::all) == Fate::other));
    BOOST_TEST((fate_of(message(at(kTen - 9min)), window, Take::all) == Fate::other));
}

BOOST_AUTO_TEST_CASE(what_we_sent_and_what_has_no_date_is_not_taken) {
    const Window window = window_of(outage(kTen - 1h, kTen), kTen, kTen - days{30});
    twilio::ListedMessage ours = message(at(kTen - 30min));
    ours.direction = "outbound-api";
    BOOST_TEST((fate_of(ours, window, Take::all) == Fate::other));
    twilio::ListedMessage dateless = message(at(kTen - 30min));
    dateless.sent = {};
    BOOST_TEST((fate_of(dateless, window, Take::all) == Fate::other));
    dateless.created = at(kTen - 30min);
    BOOST_TEST((fate_of(dateless, window, Take::all) == Fate::take));
}

BOOST_AUTO_TEST_CASE(the_last_minute_is_left_to_the_webhooks) {
    const Window window = window_of(outage(kTen - 1h, kTen), kTen, kTen - days{30});
    BOOST_TEST((fate_of(message(at(kTen - 59s)), window, Take::all) == Fate::young));
    BOOST_TEST((fate_of(message(at(kTen - 60s)), window, Take::all) == Fate::take));
    // Of a Twilio whose clock goes ahead.
    BOOST_TEST((fate_of(message(at(kTen + 2min)), window, Take::all) == Fate::young));
}

BOOST_AUTO_TEST_CASE(a_stop_is_not_left_to_anybody_while_sending_waits_for_it) {
    const Window window = window_of(outage(kTen - 1h, kTen), kTen, kTen - days{30});
    BOOST_TEST((fate_of(message(at(kTen - 5s), "STOP"), window, Take::words) == Fate::take));
    BOOST_TEST((fate_of(message(at(kTen - 5s), "reprendre"), window, Take::words) == Fate::take));
    BOOST_TEST((fate_of(message(at(kTen - 30min)), window, Take::words) == Fate::other));
    BOOST_TEST((fate_of(message(at(kTen - 2h), "STOP"), window, Take::words) == Fate::other));
    BOOST_TEST((fate_of(message(at(kTen - 5s), "STOP"), window, Take::all) == Fate::young));
}

BOOST_AUTO_TEST_CASE(a_page_that_is_all_older_ends_the_list) {
    const Window window = window_of(asked(kTen - 1h, kTen), kTen, kTen - days{30});
    BOOST_TEST(!is_before({}, window));
    BOOST_TEST(is_before({message(at(kTen - 2h)), message(at(kTen - 3h))}, window));
    BOOST_TEST(!is_before({message(at(kTen - 30min)), message(at(kTen - 3h))}, window));
    twilio::ListedMessage dateless = message(at(kTen - 2h));
    dateless.sent = {};
    BOOST_TEST(!is_before({dateless}, window));
}

BOOST_AUTO_TEST_CASE(a_gap_is_read_again_until_its_margin_is_covered) {
    Gap gap = outage(kTen - 24h, kTen);
    gap.covered_until = kTen - 60s;
    BOOST_TEST((next_walk_in(gap, kTen) == 75s));
    gap.covered_until = kTen + 15s;
    BOOST_TEST((next_walk_in(gap, kTen + 75s) == 290s));
    gap.covered_until = kTen + 5min + 5s;
    BOOST_TEST(!next_walk_in(gap, kTen + 6min + 5s));
}

// Of before the database's clock went back.
BOOST_AUTO_TEST_CASE(a_gap_that_ends_in_the_future_is_read_again_soon) {
    Gap gap = outage(kTen - 1h, kTen + 3h);
    gap.covered_until = kTen - 60s;
    BOOST_TEST((next_walk_in(gap, kTen) == 10min));
}

BOOST_AUTO_TEST_CASE(a_gap_that_was_found_long_ago_needs_one_walk) {
    Gap gap = outage(kTen - 24h, kTen - 12h);
    gap.covered_until = kTen - 60s;
    BOOST_TEST(!next_walk_in(gap, kTen));
    BOOST_TEST(!next_walk_in(asked(kTen - 1h, kTen), kTen));
}

BOOST_AUTO_TEST_CASE(failures_make_it_wait_longer_up_to_five_minutes) {
    BOOST_TEST((pause_after(1) == 5s));
    BOOST_TEST((pause_after(2) == 10s));
    BOOST_TEST((pause_after(6) == 160s));
    BOOST_TEST((pause_after(7) == 300s));
    BOOST_TEST((pause_after(1000) == 300s));
}
