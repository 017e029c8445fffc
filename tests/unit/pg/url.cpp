#include "pg/url.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace pgcourier {
namespace {

std::string keyword(const pg::Target& target, std::string_view name) {
    for (const auto& [key, value] : target.keywords) {
        if (key == name) return value;
    }
    return "";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_prisma_url_is_understood) {
    const auto target = pg::parse_url(
        Secret{"postgresql://shop:p%40ss@db.example.test:6543/"
               "shop?schema=My%20Shop&pgbouncer=true&connection_limit=1&sslmode=require"});
    BOOST_REQUIRE(target);
    BOOST_TEST(keyword(*target, "host") == "db.example.test");
    BOOST_TEST(keyword(*target, "port") == "6543");
    BOOST_TEST(keyword(*target, "password") == "p@ss");
    BOOST_TEST(keyword(*target, "sslmode") == "require");
    BOOST_TEST(target->search_path == "\"My Shop\"");
    BOOST_TEST(target->is_pooled);
    BOOST_TEST(target->described() == "db.example.test:6543/shop");
}

BOOST_AUTO_TEST_CASE(key_value_settings_are_understood) {
    const auto target = pg::parse_url(Secret{"host=/tmp dbname=shop"});
    BOOST_REQUIRE(target);
    BOOST_TEST(keyword(*target, "host") == "/tmp");
    BOOST_TEST(!target->is_pooled);
    BOOST_TEST(target->search_path == "");
}

BOOST_AUTO_TEST_CASE(a_foreign_url_is_refused_without_its_password) {
    for (const char* url :
         {"redis://:s3cret@cache:6379", "mysql://u:s3cret@h/d?a=b", "s3cret",
          "postgresql://u:s3cret@h:port/d?nonsense=1",
          // What is in a password must be encoded there.
          "postgresql://u:new@s3cret@h:5432/d", "postgresql://u:s3cret/9@h:5432/d",
          "postgresql://u:12/s3cret@h/d", "postgresql://u:s3cret", "host=h port=s3cret"}) {
        const auto target = pg::parse_url(Secret{url});
        BOOST_REQUIRE(!target);
        BOOST_TEST(target.error().what.find("postgresql://") != std::string::npos);
        BOOST_TEST(target.error().what.find("s3cret") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(prismas_strict_checks_the_servers_certificate) {
    const std::string url = "postgresql://db/shop?sslaccept=strict";
    for (const char* more : {"&sslrootcert=/ca.pem", "&sslrootcert=/ca.pem&sslmode=require"}) {
        const auto target = pg::parse_url(Secret{url + more});
        BOOST_REQUIRE_MESSAGE(target, more);
        BOOST_TEST(keyword(*target, "sslmode") == "verify-full", more);
        BOOST_TEST(std::ranges::count_if(target->keywords, [](const auto& one) {
                       return one.first == "sslmode";
                   }) == 1);
    }
    // What the URL itself says of checking stays.
    for (const char* mode : {"verify-ca", "verify-full", "disable"}) {
        const auto target = pg::parse_url(Secret{url + "&sslmode=" + mode});
        BOOST_REQUIRE_MESSAGE(target, mode);
        BOOST_TEST(keyword(*target, "sslmode") == mode);
    }
    for (const char* accepts : {"accept_invalid_certs", ""}) {
        const auto target =
            pg::parse_url(Secret{std::string{"postgresql://db/shop?sslaccept="} + accepts});
        BOOST_REQUIRE_MESSAGE(target, accepts);
        BOOST_TEST(keyword(*target, "sslmode") == "");
    }
}

BOOST_AUTO_TEST_CASE(strict_without_authorities_is_refused_with_what_to_write) {
    const auto target =
        pg::parse_url(Secret{"postgresql://u:s3cret@db/shop?sslmode=require&sslaccept=strict"});
    BOOST_REQUIRE(!target);
    BOOST_TEST(target.error().what.starts_with("found sslaccept=strict without"));
    BOOST_TEST(target.error().what.find("expected sslmode=verify-full&sslrootcert=") !=
               std::string::npos);
    BOOST_TEST(target.error().what.find("s3cret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_connect_timeout_of_the_url_counts_when_it_is_a_shorter_one) {
    using std::chrono::seconds;
    const std::pair<const char*, seconds> cases[] = {
        {"", seconds{5}},
        {"?connect_timeout=2", seconds{2}},
        {"?connect_timeout=5", seconds{5}},
        {"?connect_timeout=600", seconds{5}},
        {"?connect_timeout=0", seconds{5}},
        {"?connect_timeout=-1", seconds{5}},
        {"?connect_timeout=soon", seconds{5}},
        {"?connect_timeout=99999999999", seconds{5}},
    };
    for (const auto& [parameters, expected] : cases) {
        const auto target = pg::parse_url(Secret{std::string{"postgresql://db/shop"} + parameters});
        BOOST_REQUIRE_MESSAGE(target, parameters);
        BOOST_TEST((target->connect_timeout(seconds{5}) == expected), parameters);
    }
}

BOOST_AUTO_TEST_CASE(an_empty_schema_is_none) {
    const auto target = pg::parse_url(Secret{"postgresql://db/shop?schema="});
    BOOST_REQUIRE(target);
    BOOST_TEST(target->search_path == "");
}

BOOST_AUTO_TEST_CASE(what_would_break_a_line_or_end_a_text_early_is_refused) {
    for (const auto& [url, found] :
         {std::pair{"postgresql://a%0Ab/shop", "found a control character in its host"},
          {"postgresql://db/sh%1B%5B2Jop", "found a control character in its dbname"},
          {"postgresql://db/shop?schema=a%00b", "found a schema with a zero byte"},
          {"a pass\x1bword://db?a=b", "found something that is no URL"}}) {
        const auto target = pg::parse_url(Secret{url});
        BOOST_REQUIRE_MESSAGE(!target, url);
        BOOST_TEST(target.error().what.starts_with(found), target.error().what);
    }
}

}  // namespace pgcourier
