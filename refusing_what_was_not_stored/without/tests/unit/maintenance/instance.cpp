#include "maintenance/instance.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::maintenance {
namespace {

const Instance kSelf{.id = "self", .host = "shop-1", .pid = 7, .version = "1", .roles = "webhook"};

Neighbour neighbour(std::string host, int pid, double silent_ms, bool has_process) {
    return {.id = "other",
            .host = std::move(host),
            .pid = pid,
            .silent_ms = silent_ms,
            .has_process = has_process};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_process_of_this_host_that_is_gone_has_crashed_however_lately_it_was_heard) {
    BOOST_TEST(crashed(kSelf, {neighbour("shop-1", 8, 5, false)}).ids.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_process_of_this_host_that_runs_has_not_crashed) {
    BOOST_TEST(crashed(kSelf, {neighbour("shop-1", 8, 29999, true)}).ids.empty());
}

BOOST_AUTO_TEST_CASE(a_silent_one_has_crashed_though_another_process_has_its_number_now) {
    BOOST_TEST(crashed(kSelf, {neighbour("shop-1", 8, 30001, true)}).ids.size() == 1);
}

BOOST_AUTO_TEST_CASE(our_own_number_in_another_row_is_a_crash_as_containers_reuse_it) {
    BOOST_TEST(crashed(kSelf, {neighbour("shop-1", 7, 5, true)}).ids.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_process_elsewhere_is_judged_by_its_silence_alone) {
    BOOST_TEST(crashed(kSelf, {neighbour("shop-2", 8, 29999, false)}).ids.empty());
    BOOST_TEST(crashed(kSelf, {neighbour("shop-2", 8, 30001, true)}).ids.size() == 1);
}

}  // namespace pgcourier::maintenance
