#include "base/environment.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace pgcourier;

namespace {

const Environment kEnvironment = [](const char* name) -> std::optional<std::string> {
    static const std::map<std::string, std::string, std::less<>> values = {
        {"EMPTY", ""},          {"BLANK", " \t"},        {"PLAIN", "value"},
        {"SPACED", "  value "}, {"WINDOWS", "value\r"},  {"QUOTED", "\"value\""},
        {"SINGLE", "'value'"},  {"NO_PAIR", "\"value"},  {"ONLY_QUOTES", "\"\""},
        {"NUMBER", "42"},       {"TEXT_NUMBER", "42x"},  {"HUGE", "99999999999999999999"},
        {"NEGATIVE", "-1"},     {"FRACTION", "1.5"},     {"ON", "On"},
        {"OFF", "off"},         {"SPACE_SECRET", "a b"}, {"LINE_SECRET", "a\nb"},
    };
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional{found->second};
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_empty_variable_is_not_set) {
    const EnvironmentReader env{kEnvironment};

    for (const char* name : {"MISSING", "EMPTY", "BLANK", "ONLY_QUOTES"}) {
        BOOST_TEST_CONTEXT(name) {
            BOOST_TEST(!env.is_set(name));
        }
    }
}

BOOST_AUTO_TEST_CASE(spaces_and_a_pair_of_quotes_are_not_part_of_a_value) {
    const EnvironmentReader env{kEnvironment};

    for (const char* name : {"PLAIN", "SPACED", "WINDOWS", "QUOTED", "SINGLE"}) {
        BOOST_TEST_CONTEXT(name) {
            BOOST_TEST(env.text(name).value() == "value");
        }
    }
    BOOST_TEST(env.text("NO_PAIR").value() == "\"value");
}

BOOST_AUTO_TEST_CASE(a_number_is_read_and_a_missing_one_leaves_the_default) {
    EnvironmentReader env{kEnvironment};
    int number = 7;

    env.number("MISSING", number, 1, 100);
    BOOST_TEST(number == 7);
    env.number("NUMBER", number, 42, 42);
    BOOST_TEST(number == 42);
    BOOST_TEST(!env.problem());
}

BOOST_AUTO_TEST_CASE(what_is_no_whole_number_in_range_is_a_problem) {
    for (const char* name : {"TEXT_NUMBER", "HUGE", "NEGATIVE", "FRACTION", "NUMBER", "PLAIN"}) {
        BOOST_TEST_CONTEXT(name) {
            EnvironmentReader env{kEnvironment};
            int number = 7;
            env.number(name, number, 1, 41);
            BOOST_TEST(env.problem().has_value());
            BOOST_TEST(number == 7);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_first_problem_is_kept) {
    EnvironmentReader env{kEnvironment};
    int number = 0;
    env.number("TEXT_NUMBER", number, 1, 100);
    env.number("FRACTION", number, 1, 100);

    BOOST_TEST(env.problem().value().what ==
               "TEXT_NUMBER: found \"42x\", expected a whole number from 1 to 100");
}

BOOST_AUTO_TEST_CASE(a_flag_is_on_or_off_in_any_case) {
    EnvironmentReader env{kEnvironment};
    bool flag = false;

    env.flag("ON", flag, "on or off");
    BOOST_TEST(flag);
    env.flag("OFF", flag, "on or off");
    BOOST_TEST(!flag);
    env.flag("PLAIN", flag, "on or off");
    BOOST_TEST(env.problem().value().what == "PLAIN: found \"value\", expected on or off");
}

BOOST_AUTO_TEST_CASE(a_secret_that_would_break_a_header_is_refused_and_not_shown) {
    for (const char* name : {"SPACE_SECRET", "LINE_SECRET"}) {
        BOOST_TEST_CONTEXT(name) {
            EnvironmentReader env{kEnvironment};
            env.secret(name);
            BOOST_TEST(env.problem().value().what == std::string{name} +
                                                         ": found a value with spaces or control "
                                                         "characters in it, expected one without");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_list_has_commas_and_any_spaces) {
    BOOST_TEST(list_of(" a, b ,,c,") == (std::vector<std::string>{"a", "b", "c"}),
               boost::test_tools::per_element());
    BOOST_TEST(list_of("").empty());
    BOOST_TEST(list_of(" , ").empty());
}

BOOST_AUTO_TEST_CASE(a_harmless_value_is_shown) {
    BOOST_TEST(shown("8o80") == "\"8o80\"");
    BOOST_TEST(shown("https://shop.example.com/webhooks/twilio") ==
               "\"https://shop.example.com/webhooks/twilio\"");
    for (const char* text :
         {"99999", "yesterday", "twelve-chars", "shop.example.com", "proxy.example.com:8080",
          "192.168.100.200/33", "2001:db8::1/129", "http://10.0.0.1", "http://127.0.0.1:4010/x",
          "http://localhost:4010/twilio", "ftp://shop.example.com",
          "https://shop.example.com:99999", "file:///etc/passwd", "2026-02-08T10:00:00.123Z",
          "2026-02-08 25:00:00+01"}) {
        BOOST_TEST(shown(text) == std::string{"\""} + text + "\"");
    }
}

// What somebody pasted into the wrong variable: with signs in it, or not as long as a token.
BOOST_AUTO_TEST_CASE(a_secret_of_any_form_is_only_counted) {
    for (const std::string_view value :
         {"s3cret-auth-token", "correcthorsebattery", "aB3_x9-Qz7.pL2+mN8/",
          "pa55word=pa55word=", "0123456789abcdef", "key.live.0aBcDeFgHiJ",
          "SG.abcdefghijklmnopqrstuv.xyz", "+33 6 12 34 56 78", "1234567890123",
          "c2VjcmV0OnBhc3N3b3Jk", "550e8400-e29b-41d4-a716-446655440000", "aa:bb:ccccccccccc:dd",
          "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
          "https://abcdefghijklmnop.example.com", "shop.example.com:pa55word", "2026-02-08-s3cret",
          "redis://cache.example.com", "postgresql://db/shop"}) {
        BOOST_TEST(shown(value) == std::to_string(value.size()) + " characters that are not shown");
    }
}

BOOST_AUTO_TEST_CASE(what_may_be_a_secret_is_only_counted) {
    BOOST_TEST(shown("0123456789abcdef0123456789abcdef") == "32 characters that are not shown");
    BOOST_TEST(shown("a\u009b2Jb") == "6 characters that are not shown");  // C1's CSI
    BOOST_TEST(shown("https://user:password@host") == "26 characters that are not shown");
    BOOST_TEST(shown("https://host/?key=value") == "23 characters that are not shown");
    BOOST_TEST(shown("two\nlines") == "9 characters that are not shown");
    BOOST_TEST(shown(std::string(65, '-')) == "65 characters that are not shown");
}
