#include "console/cursor.hpp"

#include "console/cookie.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace pgcourier::console {
namespace {

namespace data = boost::unit_test::data;

std::string cursor_of(std::string_view at, std::string_view id) {
    return to_base64url(std::string{at} + '\n' + std::string{id});
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_cursor_is_a_time_and_an_id_of_any_characters) {
    const auto cursor = cursor_from(cursor_of("2026-02-08T10:00:00.123Z", "it's\n$(x) \u202E"));
    BOOST_REQUIRE(cursor.has_value());
    BOOST_TEST(cursor->at == "2026-02-08T10:00:00.123Z");
    BOOST_TEST(cursor->id == "it's\n$(x) \u202E");
    BOOST_TEST(cursor_from(cursor_of("", "shop"))->id == "shop");
}

BOOST_DATA_TEST_CASE(what_is_no_cursor_is_refused,
                     data::make(std::vector<std::string>{
                         "", "!", "abc", to_base64url("no line"), cursor_of("yesterday", "x"),
                         cursor_of("2026-02-30T10:00:00Z", "x"),
                         cursor_of("2026-02-08T10:00:00Z'; --", "x"),
                         cursor_of("2026-02-08T10:00:00Z", std::string_view{"a\0b", 3})})) {
    BOOST_TEST(!cursor_from(sample).has_value());
}

BOOST_DATA_TEST_CASE(a_time_is_one_that_postgresql_reads,
                     data::make(std::vector<std::string>{
                         "2026-02-08", "2026-02-08T10:00", "2026-02-08 10:00",
                         "2026-02-08T10:00:00", "2026-02-08T10:00:00Z", "2026-02-08T10:00:00.1Z",
                         "2024-02-29T23:59:59.123456Z", "2026-02-08T10:00:00+01:00",
                         "2026-02-08T10:00:00-05"})) {
    BOOST_TEST(is_time(sample));
}

BOOST_DATA_TEST_CASE(other_times_are_none,
                     data::make(std::vector<std::string>{"",
                                                         "now",
                                                         "infinity",
                                                         "2026",
                                                         "2026-2-8",
                                                         "2026-13-01",
                                                         "2026-00-01",
                                                         "2026-02-00",
                                                         "2026-04-31",
                                                         "2025-02-29",
                                                         "2026-02-08T24:00",
                                                         "2026-02-08T10:60",
                                                         "2026-02-08T10:00:61Z",
                                                         "2026-02-08T10:00:00.Z",
                                                         "2026-02-08T10:00:00.1234567890Z",
                                                         "2026-02-08T10:00:00Zulu",
                                                         "2026-02-08T10:00:00+99",
                                                         "2026-02-08T10:00:00+01:",
                                                         "-026-02-08",
                                                         "2026-02-08T-1:00"})) {
    BOOST_TEST(!is_time(sample));
}

BOOST_AUTO_TEST_CASE(a_page_has_one_to_a_hundred_rows) {
    BOOST_TEST((limit_from("") == 50));
    BOOST_TEST((limit_from("1") == 1));
    BOOST_TEST((limit_from("100") == 100));
    for (const char* wrong : {"0", "101", "-1", "1e2", "ten", "1 ", "99999999999"})
        BOOST_TEST(!limit_from(wrong).has_value(), wrong);
}

}  // namespace pgcourier::console
