#include "base/utf8.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier {

BOOST_AUTO_TEST_CASE(controls_become_spaces_and_broken_bytes_a_replacement) {
    BOOST_TEST(without_controls("plain \u00e9 \U0001F600") == "plain \u00e9 \U0001F600");
    BOOST_TEST(without_controls("a\nb\x7f\u0085\u2029") == "a b   ");
    BOOST_TEST(without_controls("\xED\xA0\x80\xFF") == "\uFFFD\uFFFD\uFFFD\uFFFD");
    BOOST_TEST(without_controls(std::string_view{"a\0b", 3}) == "a b");
    BOOST_TEST(without_controls("") == "");
}

BOOST_AUTO_TEST_CASE(json_keeps_its_white_space_and_escapes_the_rest) {
    BOOST_TEST(json_without_controls("{\n \"a\": \"\u009b\x7f\u202e\u2028\"}") ==
               "{\n \"a\": \"\\u009b\\u007f\\u202e\\u2028\"}");
    BOOST_TEST(json_without_controls("\"caf\xC3\"") == "\"caf\uFFFD\"");
}

}  // namespace pgcourier
