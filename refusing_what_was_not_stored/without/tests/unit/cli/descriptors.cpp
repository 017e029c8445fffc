#include "cli/descriptors.hpp"

#include <boost/test/unit_test.hpp>

using pgcourier::cli::connections_within;

BOOST_AUTO_TEST_CASE(a_server_takes_what_the_limit_leaves_beside_the_reserve) {
    BOOST_TEST(connections_within(65536, 10000, 256) == 10000u);
    BOOST_TEST(connections_within(1024, 10000, 256) == 768u);
    BOOST_TEST(connections_within(256, 10000, 256) == 32u);
    BOOST_TEST(connections_within(64, 10000, 256) == 32u);
}
