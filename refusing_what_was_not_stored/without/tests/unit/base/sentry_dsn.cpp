#include "base/sentry_dsn.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace pgcourier;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_CASE(a_dsn_tells_where_envelopes_go_and_under_which_key) {
    const auto dsn = parse_dsn(Secret{"https://abc123@o1.ingest.de.sentry.io/42"});
    BOOST_REQUIRE(dsn.has_value());
    BOOST_TEST(dsn->envelope_url == "https://o1.ingest.de.sentry.io/api/42/envelope/");
    BOOST_TEST(dsn->public_key.reveal() == "abc123");
    BOOST_TEST(dsn->secret_key.empty());
}

BOOST_AUTO_TEST_CASE(a_server_may_have_a_port_a_path_and_an_old_secret_key) {
    const auto dsn = parse_dsn(Secret{"http://abc:def@127.0.0.1:9000/my/sentry/shop"});
    BOOST_REQUIRE(dsn.has_value());
    BOOST_TEST(dsn->envelope_url == "http://127.0.0.1:9000/my/sentry/api/shop/envelope/");
    BOOST_TEST(dsn->secret_key.reveal() == "def");
}

BOOST_DATA_TEST_CASE(anything_else_is_none,
                     data::make({"", "abc", "https://sentry.example.com/42", "https://@host/42",
                                 "https://key@/42", "https://key@host/", "https://key@host",
                                 "ftp://key@host/42", "https://key@host/4 2",
                                 "https://k\"y@host/42", "https://key@host/42?x=1",
                                 "https://key@host\r\n/42"}),
                     text) {
    BOOST_TEST(!parse_dsn(Secret{text}).has_value());
}
