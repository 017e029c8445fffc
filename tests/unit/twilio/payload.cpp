#include "twilio/payload.hpp"

#include "base/rng.hpp"
#include "base/utf8.hpp"
#include "twilio/json.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::twilio;
using namespace std::string_literals;

namespace {

std::string form(std::string_view raw) {
    return payload_json(BodyFormat::form, raw);
}
std::string json(std::string_view raw) {
    return payload_json(BodyFormat::json, raw);
}

bool is_pg_text(std::string_view text) {
    while (!text.empty()) {
        const CodePoint c = first_code_point(text);
        if (!c.is_valid || c.value == 0) return false;
        text.remove_prefix(c.bytes);
    }
    return true;
}

std::string nested(int depth) {
    return R"({"a":)" + std::string(static_cast<std::size_t>(depth) - 1, '[') +
           std::string(static_cast<std::size_t>(depth) - 1, ']') + "}";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_text_keeps_all_that_postgres_can_hold) {
    for (const std::string& text : {""s, "plain"s, "Ça coûte 1+1 € ? 🛍️"s, "\x01\x7F\t\n"s,
                                    "\uD7FF\uE000\uFFFF\U0010FFFF"s}) {
        BOOST_TEST(pg_text(text) == text);
    }
}

BOOST_AUTO_TEST_CASE(each_maximal_invalid_part_becomes_one_replacement_character) {
    const std::pair<std::string, std::string> cases[] = {
        {"a\0b"s, "a\uFFFDb"},
        {"\xFF"s, "\uFFFD"},
        {"\x80\x80"s, "\uFFFD\uFFFD"},
        {"\xC0\xAF"s, "\uFFFD\uFFFD"},              // overlong
        {"\xE0\x80\x80"s, "\uFFFD\uFFFD\uFFFD"},    // overlong
        {"\xED\xA0\x80x"s, "\uFFFD\uFFFD\uFFFDx"},  // a surrogate
        {"\xE2\x82"s, "\uFFFD"},                    // cut short
        {"\xE2\x82y"s, "\uFFFDy"},
        {"\xF0\x9F\x9B"s, "\uFFFD"},
        {"\xF4\x90\x80\x80"s, "\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
        {"\xF1\x80\x80\xE1\x80\xC2z"s, "\uFFFD\uFFFD\uFFFDz"},
    };
    for (const auto& [bytes, expected] : cases) BOOST_TEST(pg_text(bytes) == expected);
}

BOOST_AUTO_TEST_CASE(a_form_is_an_object_of_texts) {
    BOOST_TEST(form("") == "{}");
    BOOST_TEST(form("To=whatsapp%3A%2B33&Body=a%22b%5C+%C3%A9%0A") ==
               R"({"Body":"a\"b\\ é\n","To":"whatsapp:+33"})");
    BOOST_TEST(form("a") == R"({"a":""})");
    BOOST_TEST(form("=x") == R"({"":"x"})");
}

BOOST_AUTO_TEST_CASE(a_repeated_key_has_an_array_of_its_values) {
    BOOST_TEST(form("Tag=b&x=1&Tag=a&Tag=b") == R"({"Tag":["b","a","b"],"x":"1"})");
    // Two keys that are the same text to PostgreSQL are one.
    BOOST_TEST(form("%FF=1&%FE=2") == "{\"\uFFFD\":[\"1\",\"2\"]}");
}

BOOST_AUTO_TEST_CASE(a_form_with_hostile_bytes_is_still_an_object) {
    BOOST_TEST(form("a=%00&b=%ED%A0%80") == "{\"a\":\"\uFFFD\",\"b\":\"\uFFFD\uFFFD\uFFFD\"}");
    BOOST_TEST(form("\0\xFF{"s) == "{\"\uFFFD\uFFFD{\":\"\"}");
}

BOOST_AUTO_TEST_CASE(a_json_object_is_written_anew) {
    BOOST_TEST(json(R"( {"a" : [1, 2.50, -0, 1e5, true, null, {"b":"é\u00e9\/"}] } )") ==
               R"({"a":[1,2.50,-0,1e5,true,null,{"b":"éé/"}]})");
    BOOST_TEST(json("{}") == "{}");
}

BOOST_AUTO_TEST_CASE(what_jsonb_cannot_hold_is_replaced) {
    const std::pair<std::string, std::string> cases[] = {
        {R"({"a":"x\u0000y"})", "{\"a\":\"x\uFFFDy\"}"},
        {R"({"\u0000":1})", "{\"\uFFFD\":1}"},
        {R"({"a":"\ud83d\ude00"})", "{\"a\":\"😀\"}"},
        {R"({"a":"\uD83D"})", "{\"a\":\"\uFFFD\"}"},
        {R"({"a":"\ude00x"})", "{\"a\":\"\uFFFDx\"}"},
        {R"({"a":"\ud83d\ud83d\ude00"})", "{\"a\":\"\uFFFD😀\"}"},
        {R"({"a":"\ud83d\u0041"})", "{\"a\":\"\uFFFDA\"}"},
        {R"({"a":"\ud83d\\ude00"})", "{\"a\":\"\uFFFD\\\\ude00\"}"},
        {R"({"a":"\\u0000"})", R"({"a":"\\u0000"})"},  // a backslash and five characters
        {"{\"a\":\"x\0y\xFF\"}"s, "{\"a\":\"x\uFFFDy\uFFFD\"}"},
        {R"({"a":1e999999,"b":-1E-131072,"c":1e99})",
         R"({"a":"1e999999","b":"-1E-131072","c":1e99})"},
        {"{\"a\":" + std::string(200000, '9') + "}",
         "{\"a\":\"" + std::string(200000, '9') + "\"}"},
        {R"({"a":0.1234567890123456789012345678901})",
         R"({"a":"0.1234567890123456789012345678901"})"},
        {R"({"1e999":"1e999"})", R"({"1e999":"1e999"})"},
    };
    for (const auto& [raw, expected] : cases) BOOST_TEST(json(raw) == expected);
}

BOOST_AUTO_TEST_CASE(other_json_is_kept_under_raw) {
    BOOST_TEST(json("[1,\"\\u0000\"]") == "{\"raw\":[1,\"\uFFFD\"]}");
    BOOST_TEST(json(" \"text\" ") == R"({"raw":"text"})");
    BOOST_TEST(json("1e400") == R"({"raw":"1e400"})");
    BOOST_TEST(json("null") == R"({"raw":null})");
}

BOOST_AUTO_TEST_CASE(what_is_no_json_is_kept_as_a_string) {
    for (const std::string& raw :
         {""s, "{"s, "{\"a\":}"s, "{\"a\":01}"s, "{\"a\":1.}"s, "{\"a\":1.2.3e9999}"s, "{\"a\":-}"s,
          "{\"a\":1e}"s, "{\"a\":NaN}"s, "{\"a\":1} x"s, "{'a':1}"s, "{\"a\":\"\n\"}"s,
          "{\"a\":\"\\u12\"}"s, "{\"a\":\"\\"s, "{\"a\":\"\\u"s, "\xFF\0"s, "\"\\ud83d"s}) {
        BOOST_TEST(json(raw) == "{\"raw\":" + json_string(raw) + "}");
    }
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded) {
    BOOST_TEST(json(nested(64)) == nested(64));
    BOOST_TEST(json(nested(65)) == "{\"raw\":" + json_string(nested(65)) + "}");
    const std::string endless(500000, '[');
    BOOST_TEST(json(endless) == "{\"raw\":\"" + endless + "\"}");
    const std::string endless_objects = [] {
        std::string text;
        for (int i = 0; i < 100000; ++i) text += "{\"a\":";
        return text;
    }();
    BOOST_TEST(json_fields(endless_objects).empty());
}

BOOST_AUTO_TEST_CASE(a_huge_body_is_told_by_its_size) {
    BOOST_TEST(form(std::string(1 << 20, 'a')).size() > std::size_t{1} << 20);
    BOOST_TEST(form(std::string((1 << 20) + 1, 'a')) == R"({"raw_bytes":1048577})");
    BOOST_TEST(json(std::string((1 << 20) + 1, ' ')) == R"({"raw_bytes":1048577})");
}

BOOST_AUTO_TEST_CASE(many_keys_take_no_quadratic_time) {
    std::string body;
    for (int i = 0; i < 30000; ++i) body += "a&";
    BOOST_TEST(form(body).size() == 7U + 30000U * 3U);
    BOOST_TEST(form(body).starts_with(R"({"a":["","",)"));
}

// Of 10^6 digits: looked at from each of them on, it would take minutes.
BOOST_AUTO_TEST_CASE(many_digits_that_are_no_number_take_no_quadratic_time) {
    for (const std::size_t length : {std::size_t{64} * 1024, std::size_t{1'000'000}}) {
        const std::string zeros(length, '0');
        const std::string nines(length, '9');
        for (const std::string& raw :
             {"{\"a\":" + zeros + "}", "{\"a\":-" + zeros + "}", "{\"a\":" + nines + ".}",
              "{\"a\":" + nines + "e}", "{\"a\":0" + nines + "}", zeros}) {
            BOOST_TEST((json(raw) == "{\"raw\":" + json_string(raw) + "}"), raw.substr(0, 20));
            BOOST_TEST(json_fields(raw).empty(), raw.substr(0, 20));
        }
        BOOST_TEST((json("{\"a\":" + nines + "}") == "{\"a\":\"" + nines + "\"}"));
    }
}

BOOST_AUTO_TEST_CASE(fields_of_an_object_are_read_as_a_form) {
    const Params fields = json_fields(
        R"({"code":21211,"message":"é","ok":true,"no":false,"none":null,"list":[1,{"a":"b"},[]],"obj":{"x":{"y":1e999}},"code":2})");
    std::string shown;
    for (const auto& [key, value] : fields) shown += key + "=" + value + ";";
    BOOST_TEST(
        shown ==
        R"(code=21211;message=é;ok=true;no=false;none=;list=[1,{"a":"b"},[]];obj={"x":{"y":"1e999"}};code=2;)");
    for (const char* other :
         {"", "[]", "[{\"a\":1}]", "1", "\"a\"", "null", "true", "{\"a\":1", "{\"a\":1}}"}) {
        BOOST_TEST(json_fields(other).empty(), other);
    }
}

BOOST_AUTO_TEST_CASE(random_bytes_always_give_a_text_for_postgres) {
    constexpr std::uint64_t kSeed = 7;
    Rng rng{kSeed};
    const std::string_view alphabet = "{}[]\":,\\u0dD8e1.-&=%+ tn\x80\xED\xA0\xF0\xC3\xA9";
    for (int i = 0; i < 20000; ++i) {
        std::string raw;
        for (std::uint64_t n = rng.between(0, 40); n > 0; --n) {
            raw += rng.between(0, 20) == 0 ? static_cast<char>(rng.between(0, 255))
                                           : alphabet[rng.between(0, alphabet.size() - 1)];
        }
        for (const BodyFormat format : {BodyFormat::form, BodyFormat::json}) {
            const std::string payload = payload_json(format, raw);
            BOOST_TEST_REQUIRE(is_pg_text(payload), "seed " << kSeed << " round " << i);
            BOOST_TEST_REQUIRE((payload.front() == '{' && payload.back() == '}'), payload);
            // Written anew, nothing changes: it was clean JSON.
            BOOST_TEST_REQUIRE(payload_json(BodyFormat::json, payload) == payload, payload);
        }
    }
}
