#include "cli/table.hpp"

#include "cli/text.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::cli {
namespace {

const Table kShops{{{"id", "name", "waiting", "state"},
                    {"3f2c8f9e-5bbe-4c9f-80c4-6c47b845c904", "Chez Zoé", "12", "ok"},
                    {"zoe", "An unusually long name that somebody has given", "3", "alert"}},
                   {2}};

std::vector<std::string> lines_of(std::size_t width, bool has_colours = false) {
    return lay_out(kShops, {.width = width, .has_colours = has_colours});
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_bound_nothing_is_cut_and_numbers_stand_to_the_right) {
    const std::vector<std::string> expected{
        "id                                    name                                            "
        "waiting  state",
        "3f2c8f9e-5bbe-4c9f-80c4-6c47b845c904  Chez Zoé                                        "
        "     12  ok",
        "zoe                                   An unusually long name that somebody has given  "
        "      3  alert"};
    BOOST_TEST(lines_of(0) == expected, boost::test_tools::per_element());
    BOOST_TEST(lines_of(200) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(words_are_cut_before_ids) {
    const std::vector<std::string> lines = lines_of(80);
    for (const std::string& line : lines) BOOST_TEST(width_of(line) <= 80u);
    BOOST_TEST(lines[1].starts_with("3f2c8f9e-5bbe-4c9f-80c4-6c47b845c904  Chez Zoé"));
    BOOST_TEST(lines[2].find("An unusually long name th…") != std::string::npos, lines[2]);
    BOOST_TEST(lines[2].ends_with("alert"));
}

BOOST_AUTO_TEST_CASE(however_narrow_it_is_no_line_is_wider) {
    for (std::size_t width = 1; width < 130; ++width) {
        for (const std::string& line : lines_of(width)) BOOST_TEST(width_of(line) <= width);
    }
    BOOST_TEST(lines_of(40)[1].find("3f2c8f9e") == 0u);
}

BOOST_AUTO_TEST_CASE(what_would_lose_an_id_a_number_or_a_time_does_not_fit) {
    const Table letters{
        {{"id", "recipient", "created_at", "reason"},
         {"3c656449-3285-4039-9f0b-0f6b1a2c3d4e", "+336…04", "2026-11-26 01:13:52", "twilio 63016"},
         {"7a", "+336…05", "2026-11-26 01:13:53", ""}},
        {}};
    // 36, 9 for its head, 19, and 12 for the words, with two between
    BOOST_TEST(fits(letters, 82u));
    BOOST_TEST(!fits(letters, 81u));
    const std::vector<std::string> expected{"id          3c656449-3285-4039-9f0b-0f6b1a2c3d4e",
                                            "recipient   +336…04",
                                            "created_at  2026-11-26 01:13:52",
                                            "reason      twilio 63016",
                                            "",
                                            "id          7a",
                                            "recipient   +336…05",
                                            "created_at  2026-11-26 01:13:53"};
    BOOST_TEST(lay_out_records(letters, {.width = 40}) == expected,
               boost::test_tools::per_element());
    BOOST_TEST(fits(kShops, 80u));
    BOOST_TEST(fits({}, 1u));
}

BOOST_AUTO_TEST_CASE(words_that_name_a_masked_number_may_be_cut) {
    const Table table{{{"reason", "scope"},
                       {"it was not sent to +336…78, who asked for no more", "sender:+337…01"}},
                      {}};
    BOOST_TEST(fits(table, 30u));
    BOOST_TEST(lay_out(table, {.width = 30})[1].ends_with("sender:+337…01"));
}

BOOST_AUTO_TEST_CASE(colours_tell_states_and_take_no_room) {
    const std::vector<std::string> lines = lines_of(80, true);
    BOOST_TEST(lines[0].starts_with("\033[1mid"));
    BOOST_TEST(lines[1].find("\033[32mok\033[0m") != std::string::npos);
    BOOST_TEST(lines[2].find("\033[31malert\033[0m") != std::string::npos);
    BOOST_TEST(lines_of(80)[2].find('\033') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(columns_that_were_wider_above_stay_so) {
    std::vector<std::size_t> widths;
    lay_out(kShops, {}, &widths);
    const Table next{{{"id", "name", "waiting", "state"}, {"a", "b", "1", "ok"}}, {2}};
    BOOST_TEST(lay_out(next, {}, &widths)[1].find("ok") == lines_of(0)[0].find("state"));
}

BOOST_AUTO_TEST_CASE(letters_are_counted_as_a_terminal_shows_them) {
    BOOST_TEST(width_of("Zoé") == 3u);
    BOOST_TEST(width_of("Zoe\u0301") == 3u);
    BOOST_TEST(width_of("上海") == 4u);
    BOOST_TEST(width_of("🛒 ok") == 5u);
    BOOST_TEST(width_of("\xC3") == 1u);
    BOOST_TEST(cut("Zoé", 3) == "Zoé");
    BOOST_TEST(cut("Zoéline", 4) == "Zoé…");
    BOOST_TEST(cut("上海市", 4) == "上…");
    BOOST_TEST(cut("ab", 1) == "…");
    BOOST_TEST(cut("ab", 0) == "");
}

BOOST_AUTO_TEST_CASE(lines_are_broken_between_words_where_they_can_be) {
    const auto broken = [](std::string_view text, std::size_t columns) {
        std::string all;
        for (const std::string& line : wrapped(text, columns)) all += line + "|";
        return all;
    };
    BOOST_TEST(broken("a bc def", 0) == "a bc def|");
    BOOST_TEST(broken("a bc def", 8) == "a bc def|");
    BOOST_TEST(broken("a bc def", 4) == "a bc|def|");
    BOOST_TEST(broken("a bc def", 5) == "a bc|def|");
    BOOST_TEST(broken("abcdefg hi", 3) == "abc|def|g|hi|");
    BOOST_TEST(broken("é上海", 1) == "é|上海|");
    BOOST_TEST(broken("", 5) == "|");
}

BOOST_AUTO_TEST_CASE(what_would_move_the_cursor_is_not_printed) {
    BOOST_TEST(printable("a\033[2Jb\n\tc\x7F") == "a [2Jb  c ");
    BOOST_TEST(printable("a\u009B2Jb\u202Ec") == "a 2Jb c");
    BOOST_TEST(printable("Chez Zoé") == "Chez Zoé");
}

}  // namespace pgcourier::cli
