#include "base/config_file.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;

namespace {

std::optional<std::string> nothing(const char*) {
    return std::nullopt;
}

ConfigFile parsed(std::string_view text) {
    auto file = ConfigFile::parse(text, "x.env");
    BOOST_REQUIRE_MESSAGE(file.has_value(), file.error().what);
    return *file;
}

std::string value_of(std::string_view text, const char* name) {
    const Environment environment = parsed(text).over(nothing);
    return EnvironmentReader{environment}.text(name).value_or("nothing");
}

std::string problem_of(std::string_view text) {
    const auto file = ConfigFile::parse(text, "x.env");
    BOOST_REQUIRE(file.has_error());
    return file.error().what;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_line_is_a_name_and_a_value) {
    BOOST_TEST(value_of("PORT=9000", "PORT") == "9000");
    BOOST_TEST(value_of("PORT=9000\n", "PORT") == "9000");
    BOOST_TEST(value_of("  PORT = 9000  \r\n", "PORT") == "9000");
    BOOST_TEST(value_of("export PORT='9000'\n", "PORT") == "9000");
    BOOST_TEST(value_of("DATABASE_URL=\"postgresql://h/d?a=b#c\"\n", "DATABASE_URL") ==
               "postgresql://h/d?a=b#c");
    BOOST_TEST(value_of("# PORT=1\n\n   \nPORT=9000\n#", "PORT") == "9000");
    BOOST_TEST(value_of("PORT=1\nPORT=2\n", "PORT") == "2");
    BOOST_TEST(value_of("PORT=\n", "PORT") == "nothing");
    BOOST_TEST(value_of("", "PORT") == "nothing");
}

BOOST_AUTO_TEST_CASE(a_line_stands_over_the_environment_also_when_it_is_empty) {
    const Environment environment = [](const char*) { return std::optional<std::string>{"env"}; };
    const Environment both = parsed("HOST=file\nPORT=\n").over(environment);
    BOOST_TEST(both("HOST").value() == "file");
    BOOST_TEST(both("PORT").value() == "");
    BOOST_TEST(both("LOG_LEVEL").value() == "env");
}

BOOST_AUTO_TEST_CASE(a_line_knows_its_number) {
    const ConfigFile file = parsed("# a\nHOST=x\nPORT=1\nHOST=y\n");
    BOOST_TEST(file.line_of("HOST").value() == 4);
    BOOST_TEST(file.line_of("PORT").value() == 3);
    BOOST_TEST(!file.line_of("LOG_LEVEL"));
}

BOOST_AUTO_TEST_CASE(another_line_is_named_by_its_number_and_never_shown) {
    BOOST_TEST(problem_of("PORT=1\npa55word\n") ==
               "PGCOURIER_CONFIG_FILE: line 2 of x.env is not of the form NAME=value");
    BOOST_TEST(problem_of("=pa55word").find("pa55word") == std::string::npos);
    BOOST_TEST(problem_of("two words=pa55word").find("line 1") != std::string::npos);
    BOOST_TEST(problem_of("1ST=pa55word").find("line 1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_file_is_as_good_as_an_empty_one) {
    const auto file = ConfigFile::named_in(nothing);
    BOOST_REQUIRE(file.has_value());
    BOOST_TEST(file->path() == "");
}

BOOST_AUTO_TEST_CASE(a_control_character_is_refused) {
    for (const std::string& text :
         {std::string{"PORT=1\nHOST=127.0.0.1\0x\n", 22},
          std::string{"PORT=1\nTLS_CERT_FILE=a\x1b[2Jb"}, std::string{"PORT=1\nHOST=a\rb"}}) {
        BOOST_TEST(problem_of(text) ==
                   "PGCOURIER_CONFIG_FILE: line 2 of x.env has a control character in it");
    }
    BOOST_TEST(parsed("HOST=\t::1\r\n").line_of("HOST").value() == 1);
}
