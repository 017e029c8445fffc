#include "webhook/client_address.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::webhook;

namespace {

TrustedProxies trusting(const std::vector<std::string>& list) {
    auto proxies = TrustedProxies::parse(list);
    BOOST_REQUIRE(proxies);
    return std::move(*proxies);
}

std::string client_of(std::string_view peer, std::vector<std::string_view> forwarded_for,
                      const std::vector<std::string>& trusted) {
    return client_address(peer, forwarded_for, trusting(trusted));
}

}  // namespace

BOOST_AUTO_TEST_CASE(ranges_match_by_their_prefix) {
    const TrustedProxies proxies =
        trusting({"10.0.0.0/8", "192.0.2.7", "198.51.100.128/25", "2001:db8::/33", "::1"});

    for (const char* inside :
         {"10.0.0.0", "10.255.255.255", "192.0.2.7", "198.51.100.128", "198.51.100.255",
          "2001:db8::1", "2001:db8:7fff::1", "::1", "::ffff:10.1.2.3"}) {
        BOOST_TEST(proxies.contains(inside), inside);
    }
    for (const char* outside : {"11.0.0.0", "192.0.2.8", "198.51.100.127", "2001:db8:8000::1",
                                "::2", "", "unknown", "10.0.0", "10.0.0.0/8", "::ffff:11.1.2.3"}) {
        BOOST_TEST(!proxies.contains(outside), outside);
    }
}

BOOST_AUTO_TEST_CASE(a_range_of_all_addresses_of_one_family_leaves_the_other_out) {
    BOOST_TEST(trusting({"0.0.0.0/0"}).contains("203.0.113.9"));
    BOOST_TEST(!trusting({"0.0.0.0/0"}).contains("2001:db8::1"));
    BOOST_TEST(trusting({"::/0"}).contains("2001:db8::1"));
}

BOOST_AUTO_TEST_CASE(what_is_no_range_is_named) {
    for (const char* bad : {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x",
                            "proxy.example", "2001:db8::/129"}) {
        const auto proxies = TrustedProxies::parse({"10.0.0.1", bad});
        BOOST_REQUIRE(!proxies);
        BOOST_TEST(proxies.error().what.find(bad) != std::string::npos, proxies.error().what);
    }
}

BOOST_AUTO_TEST_CASE(an_untrusted_peer_is_the_client_whatever_it_says) {
    BOOST_TEST(client_of("203.0.113.9", {"198.51.100.1"}, {}) == "203.0.113.9");
    BOOST_TEST(client_of("203.0.113.9", {"198.51.100.1"}, {"10.0.0.0/8"}) == "203.0.113.9");
}

BOOST_AUTO_TEST_CASE(behind_proxies_the_client_is_the_right_most_address_that_is_none_of_them) {
    const std::vector<std::string> trusted{"10.0.0.0/8", "fd00::/8"};

    BOOST_TEST(client_of("10.0.0.1", {"198.51.100.1"}, trusted) == "198.51.100.1");
    BOOST_TEST(client_of("10.0.0.1", {"6.6.6.6, 198.51.100.1 , 10.0.0.2"}, trusted) ==
               "198.51.100.1");
    BOOST_TEST(client_of("10.0.0.1", {"6.6.6.6", "198.51.100.1", "10.0.0.2,10.0.0.3"}, trusted) ==
               "198.51.100.1");
    BOOST_TEST(client_of("fd00::1", {"[2001:db8::5]:4711"}, trusted) == "2001:db8::5");
    BOOST_TEST(client_of("10.0.0.1", {"198.51.100.1:4711"}, trusted) == "198.51.100.1");
    BOOST_TEST(client_of("10.0.0.1", {"::ffff:198.51.100.1"}, trusted) == "198.51.100.1");
}

BOOST_AUTO_TEST_CASE(without_a_usable_field_the_nearest_known_hop_is_the_client) {
    const std::vector<std::string> trusted{"10.0.0.0/8"};

    BOOST_TEST(client_of("10.0.0.1", {}, trusted) == "10.0.0.1");
    BOOST_TEST(client_of("10.0.0.1", {""}, trusted) == "10.0.0.1");
    BOOST_TEST(client_of("10.0.0.1", {"198.51.100.1, unknown"}, trusted) == "10.0.0.1");
    BOOST_TEST(client_of("10.0.0.1", {"198.51.100.1, _hidden, 10.0.0.2"}, trusted) == "10.0.0.2");
    BOOST_TEST(client_of("10.0.0.1", {"10.0.0.3, 10.0.0.2"}, trusted) == "10.0.0.3");
    BOOST_TEST(client_of("10.0.0.1", {"[,],:"}, trusted) == "10.0.0.1");
}
