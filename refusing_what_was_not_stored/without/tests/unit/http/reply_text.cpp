#include "http/reply_text.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace pgcourier::http;

namespace {

std::string text_of(const Response& response, const ReplyForm& form = {}) {
    std::string out;
    append_reply(out, response, form);
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_answer_is_status_fields_and_body) {
    const Response response{
        .content_type = "text/xml", .body = "<Response/>", .headers = {{"X-A", "1"}}};
    BOOST_TEST(
        text_of(response, {.date = "Sun, 06 Nov 1994 08:49:37 GMT"}) ==
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/xml\r\n"
        "X-A: 1\r\nContent-Length: 11\r\n\r\n<Response/>");
}

BOOST_AUTO_TEST_CASE(an_empty_answer_says_so) {
    BOOST_TEST(text_of({.status = 503}) ==
               "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(head_gets_the_length_without_the_body) {
    BOOST_TEST(text_of({.body = "12345"}, {.without_body = true}) ==
               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(an_answer_that_goes_on_has_no_length) {
    BOOST_TEST(text_of({.body = "one"}, {.keeps_alive = false, .is_endless = true}) ==
               "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none");
}

BOOST_AUTO_TEST_CASE(no_content_has_neither_length_nor_body) {
    BOOST_TEST(text_of({.status = 204, .body = "ignored"}) == "HTTP/1.1 204 No Content\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(connection_is_said_where_it_is_not_the_default) {
    BOOST_TEST(text_of({}, {.keeps_alive = false}) ==
               "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    BOOST_TEST(text_of({}, {.is_http10 = true}) ==
               "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(no_value_begins_a_field_of_its_own) {
    const Response response{.headers = {{"Location", "/a\r\nSet-Cookie: b"}}};
    BOOST_TEST(text_of(response) ==
               "HTTP/1.1 200 OK\r\nLocation: /a  Set-Cookie: b\r\nContent-Length: 0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(dates_are_written_as_http_wants_them) {
    BOOST_TEST(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    BOOST_TEST(http_date(1770544800) == "Sun, 08 Feb 2026 10:00:00 GMT");
    BOOST_TEST(http_date(1709164800) == "Thu, 29 Feb 2024 00:00:00 GMT");
}
