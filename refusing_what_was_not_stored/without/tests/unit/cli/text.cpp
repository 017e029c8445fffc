#include "cli/text.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::cli {

BOOST_AUTO_TEST_CASE(what_a_terminal_obeys_is_not_printed) {
    BOOST_TEST(printable("a\x1b[31m\r\n\tb") == "a [31m   b");
    BOOST_TEST(printable("\u009b2J \u202eabc\u2066 \u2028") == " 2J  abc   ");
    BOOST_TEST(printable("Zo\u00e9 \u65e5\u672c") == "Zo\u00e9 \u65e5\u672c");
}

BOOST_AUTO_TEST_CASE(a_broken_letter_hides_no_control_character) {
    // The first byte of a letter of two, then ESC, which is none of its bytes.
    BOOST_TEST(printable("\xC3\x1b[2J") == "\uFFFD [2J");
    BOOST_TEST(printable("\xF0\x9F\x1b]0;x\x07") == "\uFFFD ]0;x ");
    BOOST_TEST(printable("\x9b") == "\uFFFD");
    BOOST_TEST(printable("\xC0\x9b") == "\uFFFD\uFFFD");
}

BOOST_AUTO_TEST_CASE(lines_stay_lines) {
    BOOST_TEST(printable_lines("a\x1b\n\nb\r\n") == "a \n\nb \n");
    BOOST_TEST(printable_lines("") == "");
}

BOOST_AUTO_TEST_CASE(a_text_is_cut_to_its_columns) {
    BOOST_TEST(cut("abcdef", 6) == "abcdef");
    BOOST_TEST(cut("abcdef", 4) == "abc\u2026");
    BOOST_TEST(cut("\u65e5\u672c\u8a9e", 4) == "\u65e5\u2026");
    BOOST_TEST(cut("abc", 0) == "");
}

}  // namespace pgcourier::cli
