#include "http/head.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace pgcourier::http;

namespace {

struct Case {
    const char* name;
    std::string head;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.name;
}

const std::string kHost = "Host: shop.example\r\n";
const std::string kPost = "POST /webhooks/twilio HTTP/1.1\r\n" + kHost;

const std::vector<Case> kMalformed = {
    {"content length beside chunked",
     kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"chunked beside content length",
     kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
    {"two lengths", kPost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"},
    {"one length twice", kPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"},
    {"a list of lengths", kPost + "Content-Length: 5, 5\r\n\r\n"},
    {"a signed length", kPost + "Content-Length: +5\r\n\r\n"},
    {"a negative length", kPost + "Content-Length: -5\r\n\r\n"},
    {"a hexadecimal length", kPost + "Content-Length: 0x5\r\n\r\n"},
    {"an empty length", kPost + "Content-Length: \r\n\r\n"},
    {"a length beyond 64 bits", kPost + "Content-Length: 18446744073709551616\r\n\r\n"},
    {"an unknown coding", kPost + "Transfer-Encoding: gzip\r\n\r\n"},
    {"chunked not last", kPost + "Transfer-Encoding: chunked, gzip\r\n\r\n"},
    {"a coding before chunked", kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {"chunked twice", kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"chunked and identity",
     kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"},
    {"a misspelt coding", kPost + "Transfer-Encoding: xchunked\r\n\r\n"},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"a folded field", kPost + "X-A: one\r\n two\r\n\r\n"},
    {"a folded field by tab", kPost + "X-A: one\r\n\ttwo\r\n\r\n"},
    {"a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {"NUL in a value", kPost + std::string{"X-A: a\0b\r\n\r\n", 12}},
    {"NUL in the target", std::string{"GET /\0 HTTP/1.1\r\n", 17} + kHost + "\r\n"},
    {"a control character in a value", kPost + "X-A: a\x01"
                                               "b\r\n\r\n"},
    {"a bare CR in a value", kPost + "X-A: a\rb\r\n\r\n"},
    {"a bare LF after a value", kPost + "X-A: a\nX-B: b\r\n\r\n"},
    {"space before the colon", kPost + "Content-Length : 5\r\n\r\n"},
    {"tab before the colon", kPost + "Content-Length\t: 5\r\n\r\n"},
    {"a field without a colon", kPost + "Content-Length\r\n\r\n"},
    {"a field without a name", kPost + ": 5\r\n\r\n"},
    {"a name that is no token", kPost + "X@A: 5\r\n\r\n"},
    {"no host", "GET / HTTP/1.1\r\n\r\n"},
    {"two hosts", "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n"},
    {"no version", "GET /\r\n" + kHost + "\r\n"},
    {"HTTP/2", "GET / HTTP/2.0\r\n" + kHost + "\r\n"},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" + kHost + "\r\n"},
    {"a lower case version", "GET / http/1.1\r\n" + kHost + "\r\n"},
    {"a space in the target", "GET /a b HTTP/1.1\r\n" + kHost + "\r\n"},
    {"two spaces after the method", "GET  / HTTP/1.1\r\n" + kHost + "\r\n"},
    {"no method", " / HTTP/1.1\r\n" + kHost + "\r\n"},
    {"nothing at all", "\r\n\r\n"},
    {"a whole URL for a target", "GET http://b/ HTTP/1.1\r\n" + kHost + "\r\n"},
    {"a target without its slash", "GET a HTTP/1.1\r\n" + kHost + "\r\n"},
    {"an asterisk without OPTIONS", "GET * HTTP/1.1\r\n" + kHost + "\r\n"},
    {"a fragment", "GET /#a HTTP/1.1\r\n" + kHost + "\r\n"},
    {"a target beyond ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" + kHost + "\r\n"},
    {"an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {"a list of hosts", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"},
    {"a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {"a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {"a host with a word for a port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
    {"a host that is half an address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
};

int status_of(const std::string& bytes, const Limits& limits = {}) {
    Head head;
    return parse_head(bytes, limits, head);
}

}  // namespace

BOOST_DATA_TEST_CASE(what_can_be_read_in_two_ways_is_refused,
                     boost::unit_test::data::make(kMalformed)) {
    BOOST_TEST(status_of(sample.head) == 400);
}

BOOST_AUTO_TEST_CASE(a_request_becomes_values) {
    Head head;
    const std::string bytes =
        "POST /webhooks/twilio?a=1&b=%20 HTTP/1.1\r\nHost: shop.example\r\n"
        "X-Twilio-Signature:  abc= \t\r\ncontent-length: 12\r\nVia: one\r\nvia: "
        "two\r\nX-Empty:\r\n\r\n";

    BOOST_TEST(parse_head(bytes, Limits{}, head) == 0);
    BOOST_TEST(head.request.method == "POST");
    BOOST_TEST(head.request.target == "/webhooks/twilio?a=1&b=%20");
    BOOST_TEST(head.request.path() == "/webhooks/twilio");
    BOOST_TEST(head.request.query() == "a=1&b=%20");
    BOOST_TEST(head.request.header("x-twilio-signature") == "abc=");
    BOOST_TEST(head.request.header("X-EMPTY") == "");
    BOOST_TEST(head.request.headers.has("x-empty"));
    BOOST_TEST(!head.request.headers.has("x-other"));
    const std::vector<std::string_view> expected = {"one", "two"};
    BOOST_TEST(head.request.headers.all("VIA") == expected, boost::test_tools::per_element());
    BOOST_TEST(head.content_length == 12u);
    BOOST_TEST(!head.is_chunked);
    BOOST_TEST(head.has_body());
    BOOST_TEST(head.keeps_alive);
    BOOST_TEST(!head.expects_continue);
}

BOOST_AUTO_TEST_CASE(headers_survive_a_move_and_a_copy) {
    Head head;
    BOOST_REQUIRE(parse_head("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Limits{}, head) == 0);
    const Request copy = head.request;
    const Request moved = std::move(head.request);
    BOOST_TEST(copy.header("host") == "a");
    BOOST_TEST(moved.header("host") == "a");
}

BOOST_AUTO_TEST_CASE(a_query_keeps_its_further_question_marks) {
    const Request request{.target = "/a?b?c"};
    BOOST_TEST(request.path() == "/a");
    BOOST_TEST(request.query() == "b?c");
}

BOOST_AUTO_TEST_CASE(connection_decides_about_keeping_alive) {
    const auto keeps_alive = [](const std::string& bytes) {
        Head head;
        BOOST_REQUIRE(parse_head(bytes, Limits{}, head) == 0);
        return head.keeps_alive;
    };
    BOOST_TEST(keeps_alive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    BOOST_TEST(!keeps_alive("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    BOOST_TEST(!keeps_alive("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n"));
    BOOST_TEST(!keeps_alive("GET / HTTP/1.0\r\n\r\n"));
    BOOST_TEST(keeps_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(limits_have_their_own_answers) {
    const Limits limits{.header_bytes = 300, .header_fields = 3, .target_bytes = 20};
    const std::string start = "GET / HTTP/1.1\r\n" + kHost;
    BOOST_TEST(status_of(start + "A: 1\r\nB: 2\r\n\r\n", limits) == 0);
    BOOST_TEST(status_of(start + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits) == 431);
    BOOST_TEST(status_of(start + "A: " + std::string(300, 'x') + "\r\n\r\n", limits) == 431);
    BOOST_TEST(status_of("GET /1234567890123456789 HTTP/1.1\r\n" + kHost + "\r\n", limits) == 0);
    BOOST_TEST(status_of("GET /12345678901234567890 HTTP/1.1\r\n" + kHost + "\r\n", limits) == 414);
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_the_target_or_the_fields) {
    const Limits limits{.header_bytes = 300, .target_bytes = 20};
    BOOST_TEST(oversize_status("GET /" + std::string(400, 'x'), limits) == 414);
    BOOST_TEST(oversize_status("GET / HTTP/1.1\r\nA: " + std::string(400, 'x'), limits) == 431);
}

BOOST_AUTO_TEST_CASE(a_host_is_a_name_or_an_address_and_a_port) {
    for (const char* host : {"a", "shop.example:8080", "my_service", "a:", "127.0.0.1:80", "[::1]",
                             "[2001:db8::1]:65535"}) {
        BOOST_TEST(status_of(fmt::format("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", host)) == 0, host);
    }
}

BOOST_AUTO_TEST_CASE(bytes_above_127_and_long_lists_are_fine) {
    BOOST_TEST(
        status_of(kPost +
                  "X-Name: Zo\xc3\xab\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n\r\n") == 0);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_head_is_found_across_pieces) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\nnext";
    for (std::size_t size = 0; size < 27; ++size) {
        BOOST_TEST(head_end(bytes.substr(0, size), 0) == 0u);
        BOOST_TEST(head_end(bytes, size) == 27u);
    }
}

BOOST_AUTO_TEST_CASE(a_head_that_can_become_none_is_known_early) {
    BOOST_TEST(!is_hopeless(""));
    BOOST_TEST(!is_hopeless("GE"));
    BOOST_TEST(!is_hopeless("GET / HTTP/1.1\r\nHost"));
    BOOST_TEST(!is_hopeless("\r"));
    BOOST_TEST(is_hopeless("GET / HTTP/1.1\nHost: a\n\n"));
    BOOST_TEST(is_hopeless("\x16\x03\x01"));  // TLS
    BOOST_TEST(is_hopeless("\n"));
}
