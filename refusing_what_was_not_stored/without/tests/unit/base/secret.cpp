#include "base/secret.hpp"

#include <boost/test/unit_test.hpp>

#include <ostream>

using namespace pgcourier;

namespace {
template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};
}  // namespace

BOOST_AUTO_TEST_CASE(a_secret_is_printed_by_no_accident) {
    static_assert(!Printable<Secret>);
    static_assert(!std::is_convertible_v<Secret, std::string>);
    static_assert(!std::is_convertible_v<std::string, Secret>);

    BOOST_TEST(Secret{"token"}.reveal() == "token");
    BOOST_TEST(Secret{}.empty());
}

BOOST_AUTO_TEST_CASE(only_equal_texts_are_equal) {
    BOOST_TEST(equal_in_constant_time("", ""));
    BOOST_TEST(equal_in_constant_time("token", "token"));
    BOOST_TEST(!equal_in_constant_time("token", "Token"));
    BOOST_TEST(!equal_in_constant_time("token", "tokem"));
    BOOST_TEST(!equal_in_constant_time("token", "toke"));
    BOOST_TEST(!equal_in_constant_time("", "t"));
}

BOOST_AUTO_TEST_CASE(a_zero_byte_does_not_end_the_comparison) {
    using namespace std::string_view_literals;

    BOOST_TEST(!equal_in_constant_time("a\0b"sv, "a\0c"sv));
}
