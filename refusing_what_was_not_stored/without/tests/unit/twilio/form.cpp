#include "twilio/form.hpp"

#include "twilio/body_format.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;

namespace {

std::string shown(const Params& params) {
    std::string out;
    for (const auto& [key, value] : params) out += "[" + key + "|" + value + "]";
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_body_is_decoded_as_the_signature_needs_it) {
    const std::pair<const char*, const char*> cases[] = {
        {"", ""},
        {"a=1&b=2", "[a|1][b|2]"},
        {"a=x+y%20z", "[a|x y z]"},
        {"a=1%2B1", "[a|1+1]"},
        {"a=%c3%89%C3%89", "[a|ÉÉ]"},
        {"a+b%3D=c", "[a b=|c]"},
        {"a=b=c", "[a|b=c]"},
        {"a", "[a|]"},
        {"a=", "[a|]"},
        {"=a", "[|a]"},
        {"=", "[|]"},
        {"&&a=1&&b=2&", "[a|1][b|2]"},
        {"Tag=b&Tag=a&Tag=b", "[Tag|b][Tag|a][Tag|b]"},
        {"a=%", "[a|%]"},
        {"a=%4", "[a|%4]"},
        {"a=%4g%zz%%41", "[a|%4g%zz%A]"},
        {"a= b ", "[a| b ]"},
    };
    for (const auto& [text, expected] : cases)
        BOOST_TEST(shown(decode_form(text)) == expected, text);
}

BOOST_AUTO_TEST_CASE(what_surrounds_a_bad_percent_sequence_is_decoded) {
    for (const auto& [encoded, decoded] :
         std::initializer_list<std::pair<const char*, const char*>>{{"%+", "% "},
                                                                    {"a%+b", "a% b"},
                                                                    {"%2+", "%2 "},
                                                                    {"%2", "%2"},
                                                                    {"%", "%"},
                                                                    {"+%", " %"},
                                                                    {"%%41", "%A"},
                                                                    {"%4%41", "%4A"},
                                                                    {"%41%", "A%"},
                                                                    {"%zz+%41", "%zz A"},
                                                                    {"%4x%4y+", "%4x%4y "}}) {
        std::string out = "kept ";
        append_decoded(out, encoded);
        BOOST_TEST(out == std::string{"kept "} + decoded);
    }
}

BOOST_AUTO_TEST_CASE(any_byte_comes_through) {
    const Params zero = decode_form("a=%00%FF");
    BOOST_REQUIRE(zero.size() == 1U);
    BOOST_TEST(zero[0].second == std::string("\0\xFF", 2));
}

BOOST_AUTO_TEST_CASE(a_form_in_one_buffer_is_the_same_and_can_be_moved) {
    for (const std::string_view text :
         {"", "&", "a", "a=", "=b", "a=1&a=2&b=%41+%2", "To=whatsapp%3A%2B336&&Body=a+b%26c&"}) {
        const Params params = decode_form(text);
        Form form{text};
        const Form moved{std::move(form)};
        const Form copied{params};
        BOOST_TEST(shown({moved.pairs().begin(), moved.pairs().end()}) == shown(params));
        BOOST_TEST(shown({copied.pairs().begin(), copied.pairs().end()}) == shown(params));
    }
    const Form form{"a=1&a=2&c="};
    BOOST_TEST(form.value("a") == "1");
    BOOST_TEST(form.has("c"));
    BOOST_TEST(!form.has("d"));
    BOOST_TEST(form.value("d").empty());
}

BOOST_AUTO_TEST_CASE(what_is_encoded_is_decoded_again) {
    Params params{{"To", "whatsapp:+33612345678"},
                  {"Body", "Ça coûte 1+1 € & = % ~ ?"},
                  {"", ""},
                  {"a b", "c\nd"}};
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
    params.emplace_back("bytes", every_byte);

    BOOST_TEST(shown(decode_form(encode_form(params))) == shown(params));
    BOOST_TEST(encode_form({{"To", "whatsapp:+336"}, {"Body", "a b&c"}}) ==
               "To=whatsapp%3A%2B336&Body=a+b%26c");
    BOOST_TEST(percent_encode("a b/+~é") == "a%20b%2F%2B~%C3%A9");
}

BOOST_AUTO_TEST_CASE(the_first_of_repeated_keys_is_found) {
    const Params params{{"a", "1"}, {"a", "2"}, {"b", ""}};
    BOOST_REQUIRE(find(params, "a"));
    BOOST_TEST(*find(params, "a") == "1");
    BOOST_TEST(find(params, "c") == nullptr);
    BOOST_REQUIRE(find(params, "b"));
    BOOST_TEST(value_or_empty(params, "c") == "");
}

BOOST_AUTO_TEST_CASE(a_body_is_recognised_by_its_media_type) {
    BOOST_TEST((body_format("application/x-www-form-urlencoded") == BodyFormat::form));
    BOOST_TEST(
        (body_format("Application/X-WWW-Form-URLencoded ; charset=UTF-8") == BodyFormat::form));
    BOOST_TEST((body_format("application/json;charset=utf-8") == BodyFormat::json));
    for (const char* other : {"", "text/plain", "application/jsonp", "application/json5",
                              "multipart/form-data; boundary=x", "x application/json"}) {
        BOOST_TEST(!body_format(other), other);
    }
}
