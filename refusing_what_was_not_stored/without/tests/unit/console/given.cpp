#include "console/given.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace pgcourier::console {
namespace {

std::string problem_of(const Given& given) {
    const auto problem = given.problem();
    return problem ? problem->body : "";
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_given_is_read_by_name) {
    Given given = Given::of_query("q=a%20b&code=63016&empty=&flag=true&at=2026-02-08");
    BOOST_TEST((given.text("q") == "a b"));
    BOOST_TEST((given.number("code") == 63016));
    BOOST_TEST((given.flag("flag") == true));
    BOOST_TEST((given.time("at") == "2026-02-08"));
    BOOST_TEST(!given.text("empty").has_value());
    BOOST_TEST((given.text_or_empty("empty") == ""));
    BOOST_TEST(!given.text_or_empty("missing").has_value());
    BOOST_TEST(problem_of(given) == "");
}

BOOST_AUTO_TEST_CASE(the_first_thing_that_is_wrong_is_told_without_its_value) {
    Given given = Given::of_query("code=%2B33612345678x&at=+33612345678");
    given.number("code");
    given.time("at");
    BOOST_TEST(has(problem_of(given), "code: found something else, expected a whole number"));
    BOOST_TEST(!has(problem_of(given), "336"));
    Given missing = Given::of_query("");
    missing.needed("why", "a reason");
    BOOST_TEST(has(problem_of(missing), "why: found nothing, expected a reason"));
    BOOST_TEST(missing.problem()->status == 400);
}

BOOST_AUTO_TEST_CASE(what_the_database_could_not_hold_is_refused) {
    for (const char* text : {"q=%00", "q=a%00b", "q=%FF", "q=%ED%A0%80"}) {
        Given given = Given::of_query(text);
        given.text("q");
        BOOST_TEST(has(problem_of(given), "expected text in UTF-8"), text);
    }
    Given given = Given::of_query("q=" + std::string(401, 'x'));
    given.text("q");
    BOOST_TEST(has(problem_of(given), "at most 400 bytes"));
}

BOOST_AUTO_TEST_CASE(a_body_is_an_object_whose_parts_keep_their_form) {
    Given given =
        Given::of_json(R"({"ids":["a","b"],"filter":{"code":1},"why":"it \"is\"","none":null})");
    BOOST_TEST((given.texts("ids", 2) == R"(["a","b"])"));
    BOOST_TEST((given.object("filter")->number("code") == 1));
    BOOST_TEST((given.text("why") == "it \"is\""));
    BOOST_TEST(!given.text_or_empty("none").has_value());
    BOOST_TEST(!given.texts("missing", 2).has_value());
    BOOST_TEST(problem_of(given) == "");
    given.texts("filter", 2);
    BOOST_TEST(has(problem_of(given), "filter: found something else, expected an array"));
    for (const char* text : {"", "[]", "null", "{", "\"a\"", "{\"a\":1}}"})
        BOOST_TEST(has(problem_of(Given::of_json(text)), "no JSON object"), text);
}

BOOST_AUTO_TEST_CASE(a_part_of_another_form_is_refused) {
    const auto refused = [](const char* body, auto read) {
        Given given = Given::of_json(body);
        read(given);
        return has(problem_of(given), "a: found something else, expected ");
    };
    const auto texts = [](Given& given) { given.texts("a", 2); };
    for (const char* body : {R"({"a":"[x"})", R"({"a":["x",null]})", R"({"a":[["x"]]})",
                             R"({"a":{}})", R"({"a":["x","y","z"]})"})
        BOOST_TEST(refused(body, texts), body);
    for (const char* body : {R"({"a":"{}"})", R"({"a":[]})", R"({"a":1})"})
        BOOST_TEST(refused(body, [](Given& given) { given.object("a"); }), body);
    for (const char* body : {R"({"a":["x"]})", R"({"a":{}})"})
        BOOST_TEST(refused(body, [](Given& given) { given.text("a"); }), body);
}

BOOST_AUTO_TEST_CASE(a_body_has_nothing_that_is_not_read) {
    Given given = Given::of_json(R"({"why":"x","reasn":"y"})");
    given.text("why");
    given.text("reason");
    BOOST_TEST(
        has(problem_of(given), "reasn: found a name of nothing, expected one of reason, why"));
    given.text("reasn");
    BOOST_TEST(problem_of(given) == "");
    Given twice = Given::of_json(R"({"why":"x","why":"y"})");
    twice.text("why");
    BOOST_TEST(has(problem_of(twice), "why: found something else, expected it once"));
    BOOST_TEST(problem_of(Given::of_query("a=b&a=c")) == "");

    for (const char* body : {R"({"a":null})", R"({"a":""})", R"({"a":" "})", R"({"b":null})"}) {
        Given blank = Given::of_json(body);
        blank.text("a");
        blank.text_or_empty("b");
        blank.refuse_blanks("b");
        BOOST_TEST(has(problem_of(blank), "expected a value, or that it is left out"), body);
    }
    Given empty = Given::of_json(R"({"b":""})");
    empty.text_or_empty("b");
    empty.refuse_blanks("b");
    BOOST_TEST(problem_of(empty) == "");
}

BOOST_AUTO_TEST_CASE(a_rate_is_a_number_that_can_be_kept) {
    for (const char* text : {"rate=0", "rate=-1", "rate=inf", "rate=nan", "rate=1e9", "rate=x"}) {
        Given given = Given::of_query(text);
        given.rate("rate");
        BOOST_TEST(problem_of(given) != "", text);
    }
    Given given = Given::of_query("rate=2.5");
    BOOST_TEST((given.rate("rate") == 2.5));
}

}  // namespace pgcourier::console
