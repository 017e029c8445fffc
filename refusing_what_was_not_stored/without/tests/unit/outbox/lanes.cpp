#include "outbox/lanes.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::outbox;
using namespace std::chrono_literals;

namespace {

constexpr const char* kOne = "+33700000001";
constexpr const char* kTwo = "+33700000002";

constexpr std::size_t kMany = 16;  // a walk counts no further

Lane lane(const std::string& tenant, std::size_t due, const std::string& sender = kOne) {
    return {.tenant = {tenant}, .sender = sender, .due = due, .has_more = due >= kMany};
}

ScopeState well(const std::string& name) {
    return {.name = name, .is_ours = true, .calls = kFullSpeed, .success_ago = 1s};
}

ScopeState open(const std::string& name, std::chrono::milliseconds probe_in) {
    return {.name = name, .is_ours = true, .is_open = true, .probe_in = probe_in};
}

std::vector<ScopeState> all_well() {
    return {well("provider"), well("credentials:1"), well(sender_scope(kOne)),
            well(sender_scope(kTwo))};
}

DealOptions options(std::size_t limit, int rate = 0) {
    return {.limit = limit, .rate = rate, .shared = {"provider", "credentials:1"}};
}

/// `a:3 b:1`, in the order of dealing
std::string shares(const Deal& deal) {
    std::string text;
    for (const Share& s : deal.shares) {
        if (!text.empty()) text += ' ';
        text += s.tenant.value + ":" + std::to_string(s.messages) + (s.is_probe ? "?" : "");
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_look_at_the_lanes_sees_all_of_them_unless_they_are_many) {
    BOOST_TEST(reach_of(32, 1).of_each == 16);
    BOOST_TEST(reach_of(32, 32).of_each == 8);
    BOOST_TEST(reach_of(32, 1000).of_each == 4);
    for (const std::size_t limit : {1U, 32U, 64U, 256U}) {
        for (const std::size_t lanes : {0U, 1U, 16U, 63U, 64U}) {
            const Reach reach = reach_of(limit, lanes);
            BOOST_TEST_CONTEXT(limit << " of " << lanes) {
                BOOST_TEST(reach.enough >= static_cast<int>(4 * limit));
                // Else it ends before it sees that there is nobody behind the last.
                BOOST_TEST(static_cast<int>(lanes) * reach.of_each < reach.enough);
            }
        }
    }
    // In parts, each with as many: not 64 and 6, and 65 not 64 and 1.
    BOOST_TEST(reach_of(32, 70).enough == 35 * 4);
    BOOST_TEST(reach_of(32, 65).enough == 33 * 4);
    BOOST_TEST(reach_of(32, 1000).enough == 63 * 4);
    BOOST_TEST(reach_of(32, 1000, true).enough > 1000 * 16);
}

BOOST_AUTO_TEST_CASE(no_more_of_a_lane_is_dealt_at_once_than_was_counted) {
    std::vector<Lane> lanes;
    for (char name = 'a'; name <= 'z'; ++name) {
        for (const char second : {'1', '2'}) lanes.push_back(lane({name, second}, 2));
        lanes[lanes.size() - 2].has_more = true;
    }
    const Deal d = deal(lanes, all_well(), {}, options(40));
    BOOST_TEST(d.shares.size() == 20);
    for (const Share& share : d.shares) BOOST_TEST(share.messages == 2);
}

BOOST_AUTO_TEST_CASE(a_limit_that_lanes_share_is_told_of) {
    const std::vector<Lane> lanes{lane("a", kMany), lane("b", kMany, kTwo)};
    auto scopes = all_well();
    scopes[2].next_start_in_ms = 95;
    BOOST_TEST(!deal(lanes, scopes, {}, options(64, 80)).limits_many);
    BOOST_TEST(
        deal({{lane("a", kMany), lane("b", kMany)}}, scopes, {}, options(64, 80)).limits_many);
    scopes[0].calls = 1;
    BOOST_TEST(deal(lanes, scopes, {}, options(64)).limits_many);
}

BOOST_AUTO_TEST_CASE(of_more_lanes_than_messages_some_get_a_few_and_the_others_come_next) {
    std::vector<Lane> lanes;
    for (char name = 'a'; name <= 'q'; ++name) lanes.push_back(lane({name}, kMany));
    lanes[1] = lane("b", 1);
    BOOST_TEST(shares(deal(lanes, all_well(), {}, options(16))) ==
               "a:2 b:1 c:2 d:2 e:2 f:2 g:2 h:2 i:1");
    for (std::size_t i = 0; i < 8; ++i) lanes[i].served = 1;
    BOOST_TEST(shares(deal(lanes, all_well(), {}, options(16))) ==
               "i:2 j:2 k:2 l:2 m:2 n:2 o:2 p:2");
    BOOST_TEST(shares(deal(lanes, all_well(), {}, options(15))) ==
               "i:1 j:1 k:1 l:1 m:1 n:1 o:1 p:1 q:1 a:1 b:1 c:1 d:1 e:1 f:1");
}

BOOST_AUTO_TEST_CASE(a_flood_gets_what_the_others_leave) {
    const std::vector<Lane> lanes{lane("a", kMany), lane("b", 1), lane("c", 2)};
    const Deal all = deal(lanes, all_well(), {}, options(64));
    BOOST_TEST(shares(all) == "a:61 b:1 c:2");
    BOOST_TEST(all.is_full);
    BOOST_TEST(shares(deal(lanes, all_well(), {}, options(3))) == "a:1 b:1 c:1");
}

BOOST_AUTO_TEST_CASE(whoever_was_not_served_for_longest_comes_first) {
    std::vector<Lane> lanes{lane("a", kMany), lane("b", kMany), lane("c", kMany)};
    BOOST_TEST(shares(deal(lanes, all_well(), {}, options(2))) == "a:1 b:1");
    lanes[0].served = 7;
    lanes[1].served = 7;
    BOOST_TEST(shares(deal(lanes, all_well(), {}, options(2))) == "c:1 a:1");
    // Also where it is a rate that ends the deal.
    auto scopes = all_well();
    scopes[2].next_start_in_ms = 95;
    const Deal limited = deal(lanes, scopes, {}, options(64, 80));
    BOOST_TEST(shares(limited) == "c:1");
    BOOST_TEST(!limited.is_full);
}

BOOST_AUTO_TEST_CASE(a_lane_of_which_all_is_dealt_is_named) {
    const std::vector<Lane> lanes{lane("a", 2), lane("b", kMany)};
    const Deal d = deal(lanes, all_well(), {}, options(10));
    BOOST_REQUIRE(d.whole.size() == 1);
    BOOST_TEST(d.whole[0] == "a");
    BOOST_TEST(!d.limited_for.has_value());
}

BOOST_AUTO_TEST_CASE(a_paused_lane_gets_nothing_and_nobody_waits_for_it) {
    std::vector<Lane> lanes{lane("a", 3), lane("b", 1)};
    lanes[0].is_paused = true;
    const Deal d = deal(lanes, all_well(), {}, options(10));
    BOOST_TEST(shares(d) == "b:1");
    BOOST_TEST(!d.limited_for.has_value());
}

BOOST_AUTO_TEST_CASE(a_scope_without_success_starts_with_one_call_over_all_lanes) {
    auto scopes = all_well();
    scopes[1].success_ago.reset();
    const std::vector<Lane> lanes{lane("a", 3), lane("b", 3)};
    BOOST_TEST(shares(deal(lanes, scopes, {}, options(10))) == "a:1");
    const Deal busy = deal(lanes, scopes, {.by_sender = {{kOne, 1}}, .total = 1}, options(10));
    BOOST_TEST(busy.shares.empty());
    BOOST_TEST(busy.limited_for.value().count() > 0);
    scopes[1].success_ago = 301s;  // five minutes are over
    BOOST_TEST(shares(deal(lanes, scopes, {}, options(10))) == "a:1");
}

BOOST_AUTO_TEST_CASE(a_scope_that_starts_slowly_allows_so_many_calls_at_once) {
    auto scopes = all_well();
    scopes[2].calls = 4;
    const std::vector<Lane> lanes{lane("a", kMany), lane("b", kMany), lane("c", 2, kTwo)};
    const InFlight in_flight{.by_sender = {{kOne, 1}, {kTwo, 30}}, .total = 31};
    BOOST_TEST(shares(deal(lanes, scopes, in_flight, options(64))) == "a:2 b:1 c:2");
}

BOOST_AUTO_TEST_CASE(what_somebody_else_has_locked_is_left_to_him) {
    auto scopes = all_well();
    scopes[2].calls = 8;
    scopes[2].is_ours = false;
    const std::vector<Lane> lanes{lane("a", 1), lane("b", 1, kTwo)};
    const Deal d = deal(lanes, scopes, {}, options(10));
    BOOST_TEST(shares(d) == "b:1");
    BOOST_TEST(d.limited_for.value().count() <= 50);
}

BOOST_AUTO_TEST_CASE(an_open_scope_lets_one_probe_out_when_it_is_time) {
    auto scopes = all_well();
    scopes[0] = open("provider", 40s);
    std::vector<Lane> lanes{lane("a", 3), lane("b", 3)};
    lanes[0].deferrals = 1;
    const Deal early = deal(lanes, scopes, {}, options(10));
    BOOST_TEST(early.shares.empty());
    BOOST_TEST(early.limited_for.value().count() == 40'000);

    scopes[0].probe_in = 0s;
    const Deal probe = deal(lanes, scopes, {}, options(10));
    BOOST_TEST(shares(probe) == "b:1?");  // of a message that was not put back yet
    BOOST_REQUIRE(probe.probes.size() == 1);
    BOOST_TEST(probe.probes[0] == "provider");
}

BOOST_AUTO_TEST_CASE(an_open_sender_holds_up_its_own_lanes_only) {
    auto scopes = all_well();
    scopes[2] = open(sender_scope(kOne), 10s);
    const std::vector<Lane> lanes{lane("a", 3), lane("b", 2, kTwo)};
    const Deal d = deal(lanes, scopes, {}, options(10));
    BOOST_TEST(shares(d) == "b:2");
    scopes[2].probe_in = 0s;
    const Deal probe = deal(lanes, scopes, {}, options(10));
    BOOST_TEST(shares(probe) == "a:1? b:2");
    BOOST_REQUIRE(probe.probes.size() == 1);
    BOOST_TEST(probe.probes[0] == sender_scope(kOne));
}

BOOST_AUTO_TEST_CASE(a_rate_is_dealt_a_tenth_of_a_second_ahead_over_all_lanes_of_its_sender) {
    auto scopes = all_well();
    scopes[2].next_start_in_ms = -20;
    const std::vector<Lane> lanes{lane("a", kMany), lane("b", kMany)};
    const Deal d = deal(lanes, scopes, {}, options(64, 80));
    BOOST_TEST(shares(d) == "a:4 b:4");  // 0, 12.8, …, 89.7 ms
    BOOST_TEST(d.shares[0].first_start.count() == 0);
    BOOST_TEST(d.limited_for.value().count() == 53);  // when half of it is over

    scopes[2].next_start_in_ms = 60;
    const Deal next = deal(lanes, scopes, {}, options(64, 80));
    BOOST_TEST(shares(next) == "a:2 b:2");
    BOOST_TEST(next.shares[0].first_start.count() == 60);
    scopes[2].next_start_in_ms = 900;
    BOOST_TEST(deal(lanes, scopes, {}, options(64, 80)).shares.empty());
}

BOOST_AUTO_TEST_CASE(starts_with_a_rate_are_dealt_for_when_their_claim_is_committed) {
    auto scopes = all_well();
    DealOptions slow = options(64, 80);
    slow.lead = 150ms;
    const std::vector<Lane> lanes{lane("a", kMany), lane("b", kMany)};
    scopes[2].next_start_in_ms = 60;
    const Deal d = deal(lanes, scopes, {}, slow);
    BOOST_TEST(shares(d) == "a:4 b:4");
    BOOST_TEST(d.shares[0].first_start.count() == 150);
    BOOST_TEST(!d.shares[0].is_after_idle);
    BOOST_TEST(d.limited_for.value().count() == 53);
    scopes[2].next_start_in_ms = 210;
    const Deal next = deal(lanes, scopes, {}, slow);
    BOOST_TEST(shares(next) == "a:2 b:2");
    BOOST_TEST(next.shares[0].first_start.count() == 210);
}

BOOST_AUTO_TEST_CASE(after_a_second_without_any_a_sender_starts_few_at_once) {
    auto scopes = all_well();
    scopes[2].next_start_in_ms = -1000;
    DealOptions slow = options(64, 80);
    slow.lead = 150ms;
    const std::vector<Lane> lanes{lane("a", kMany), lane("b", kMany)};
    const Deal d = deal(lanes, scopes, {}, slow);
    BOOST_TEST(shares(d) == "a:2 b:2");
    BOOST_TEST(d.shares[0].first_start.count() == 0);
    BOOST_TEST(d.shares[0].is_after_idle);
    BOOST_TEST(d.limited_for.value().count() == 10);
}

BOOST_AUTO_TEST_CASE(a_lane_without_a_sender_is_dealt_to_and_is_never_a_probe) {
    auto scopes = all_well();
    scopes[0] = open("provider", 0s);
    const std::vector<Lane> lanes{lane("a", 2, ""), lane("b", 2)};
    const Deal d = deal(lanes, scopes, {}, options(10, 80));
    BOOST_TEST(shares(d) == "a:2 b:1?");
}
