#include "doctor/request_file.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::doctor;

namespace {

SavedRequest read(std::string_view text) {
    auto saved = read_request_file(text);
    BOOST_REQUIRE_MESSAGE(saved, (saved ? "" : saved.error().what));
    return std::move(*saved);
}

std::string problem(std::string_view text) {
    const auto saved = read_request_file(text);
    return saved ? "none" : saved.error().what;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_request_as_it_came_over_the_wire) {
    const SavedRequest saved = read(
        "POST /webhooks/twilio?a=%2b HTTP/1.1\r\nHost: shop.test\r\nx-twilio-signature:  abc= \r\n"
        "Content-Length: 10\r\n\r\nBody=1&To=");
    BOOST_TEST(saved.request.method == "POST");
    BOOST_TEST(saved.request.target == "/webhooks/twilio?a=%2b");
    BOOST_TEST(saved.request.header("Host") == "shop.test");
    BOOST_TEST(saved.request.header("X-Twilio-Signature") == "abc=");
    BOOST_TEST(saved.request.body == "Body=1&To=");
    BOOST_TEST(saved.remarks.empty());
}

BOOST_AUTO_TEST_CASE(an_editors_line_ends_and_its_last_one_do_no_harm) {
    BOOST_TEST(read("POST /x HTTP/1.1\nHost: a\n\nBody=1\n").request.body == "Body=1");
    BOOST_TEST(read("POST /x HTTP/1.1\nHost: a\n\nBody=1\r\n").request.body == "Body=1");
    BOOST_TEST(read("POST /x HTTP/1.1\nHost: a\nContent-Length: 6\n\nBody=1\n").request.body ==
               "Body=1");
    BOOST_TEST(read("POST /x HTTP/1.1\nHost: a\nContent-Length: 7\n\nBody=1\n").request.body ==
               "Body=1\n");
    BOOST_TEST(read("POST /x HTTP/1.1\nHost: a\n\n").request.body == "");
}

BOOST_AUTO_TEST_CASE(what_curl_prints_and_what_http_2_has_are_understood) {
    const SavedRequest curl = read("> POST /x HTTP/1.1\n> Host: a.test\n> Accept: */*\n>\nBody=1");
    BOOST_TEST(curl.request.target == "/x");
    BOOST_TEST(curl.request.header("Accept") == "*/*");
    BOOST_TEST(curl.request.body == "Body=1");

    const SavedRequest http2 = read(
        ":method: POST\n:scheme: https\n:authority: b.test\n:path: /y?z\ncontent-type: text/x\n\n");
    BOOST_TEST(http2.request.method == "POST");
    BOOST_TEST(http2.request.target == "/y?z");
    BOOST_TEST(http2.request.header("Host") == "b.test");
    BOOST_TEST(http2.remarks.empty());
}

BOOST_AUTO_TEST_CASE(a_proxys_whole_url_gives_host_and_path) {
    const SavedRequest saved = read("POST https://c.test:8443/z?q#f HTTP/2\nHost: inside:8080\n\n");
    BOOST_TEST(saved.request.target == "/z?q");
    BOOST_TEST(saved.request.header("Host") == "c.test:8443");
    BOOST_TEST(saved.request.headers.all("Host").size() == 2U);
    BOOST_REQUIRE(saved.remarks.size() == 1U);
    BOOST_TEST(read("POST https://c.test HTTP/2\n\n").request.target == "/");
}

BOOST_AUTO_TEST_CASE(without_a_request_line_it_is_taken_for_the_usual_one) {
    const SavedRequest saved = read("Host: shop.test\nX-Twilio-Signature: abc=\n\nBody=1");
    BOOST_TEST(saved.request.target == "/webhooks/twilio");
    BOOST_TEST(saved.request.header("Host") == "shop.test");
    BOOST_REQUIRE(saved.remarks.size() == 1U);
    BOOST_TEST(saved.remarks[0] == "no request line: taken for a POST to /webhooks/twilio");
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_said_with_its_line) {
    BOOST_TEST(problem("") == "the file is empty");
    BOOST_TEST(problem("POST /x HTTP/1.1\nHost: a\n") ==
               "the file has no blank line, which would stand before the body");
    BOOST_TEST(problem("POST /x HTTP/1.1\nHost: a\nwhat is this\n\n") ==
               "line 3: expected a header field like `Host: shop.example.com`, or a blank line "
               "before the body");
    BOOST_TEST(problem("Host: a\nContent-Length: 7\n\nBody=1") ==
               "the file has 6 bytes of body, Content-Length says 7: it is not whole, or was "
               "changed");
    BOOST_TEST(problem("Host: a\nContent-Length: 4\n\nBody=1") ==
               "the file has 6 bytes of body, Content-Length says 4: the body was changed, or "
               "something stands behind it");
    BOOST_TEST(problem("Host: a\nContent-Length: x\n\n").starts_with("Content-Length: found"));
}
