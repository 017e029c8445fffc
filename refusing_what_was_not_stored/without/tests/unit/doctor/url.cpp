#include "doctor/url.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::doctor;

namespace {

using Words = std::vector<std::string>;

#define TEST_DIFFERENCES(other, wanted, ...) \
    BOOST_TEST(differences(other, wanted) == (Words{__VA_ARGS__}), boost::test_tools::per_element())

}  // namespace

BOOST_AUTO_TEST_CASE(a_url_falls_into_its_bytes) {
    const UrlParts url = split_url("HTTPS://User@Shop.Test:8443/Webhooks?a=%2b&&b#rc=5");
    BOOST_TEST(url.scheme == "https");
    BOOST_TEST(url.host == "shop.test");
    BOOST_TEST(url.port == "8443");
    BOOST_TEST(url.path == "/Webhooks");
    BOOST_TEST(url.query == "a=%2b&&b");
    BOOST_TEST(url.fragment == "rc=5");

    const UrlParts v6 = split_url("http://[2001:db8::1]");
    BOOST_TEST(v6.host == "[2001:db8::1]");
    BOOST_TEST(v6.port == "");
    BOOST_TEST(v6.called_port() == "80");
    BOOST_TEST(v6.path == "");
    BOOST_TEST(split_url("[::1]:80").host == "");
    BOOST_TEST(split_url("/only?a").path == "/only");
    BOOST_TEST(split_url("/only?to=https://b.test/").path == "/only");
}

BOOST_AUTO_TEST_CASE(what_differs_is_named_one_by_one) {
    TEST_DIFFERENCES("http://a.test/x", "https://a.test/x", "scheme http instead of https");
    TEST_DIFFERENCES("https://b.test/x", "https://a.test/x", "host b.test instead of a.test");
    TEST_DIFFERENCES("https://a.test:8443/x", "https://a.test/x", "port 8443 instead of 443");
    TEST_DIFFERENCES("https://a.test/x/", "https://a.test/x", "a slash at the end of the path");
    TEST_DIFFERENCES("https://a.test/x", "https://a.test/x/", "no slash at the end of the path");
    TEST_DIFFERENCES("https://a.test/y", "https://a.test/x", "path /y instead of /x");
    TEST_DIFFERENCES("https://a.test", "https://a.test/x", "path (none) instead of /x");
    TEST_DIFFERENCES("https://a.test/x?k=secret", "https://a.test/x", "a query");
    TEST_DIFFERENCES("https://a.test/x", "https://a.test/x?k=secret", "no query");
    TEST_DIFFERENCES("https://a.test/x?k=%20", "https://a.test/x?k=+",
                     "another query, or the same in another spelling");
    TEST_DIFFERENCES("http://b.test:81/y", "https://a.test/x", "scheme http instead of https",
                     "host b.test instead of a.test", "port 81 instead of 443",
                     "path /y instead of /x");
}

BOOST_AUTO_TEST_CASE(what_is_never_signed_or_is_the_same_is_no_difference) {
    TEST_DIFFERENCES("https://a.test/x#rc=5", "https://a.test/x");
    TEST_DIFFERENCES("https://A.test:443/x", "https://a.test/x");
    TEST_DIFFERENCES("http://a.test/x", "https://a.test:443/x", "scheme http instead of https");
}
