#include "http/chunked.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using pgcourier::http::ChunkedDecoder;
using Progress = ChunkedDecoder::Progress;

namespace {

struct Decoded {
    Progress progress = Progress::need_more;
    std::string body;
    std::string rest;
};

// In pieces of `piece` bytes, as a network may cut them.
Decoded decode(const std::string& bytes, std::size_t piece, std::size_t limit = 1000) {
    ChunkedDecoder decoder{limit};
    Decoded decoded;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        std::string_view part = std::string_view{bytes}.substr(at, piece);
        decoded.progress = decoder.feed(part, decoded.body);
        if (decoded.progress != Progress::need_more) {
            decoded.rest = std::string{part};
            break;
        }
    }
    return decoded;
}

struct Case {
    const char* name;
    const char* bytes;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.name;
}

const std::vector<Case> kMalformed = {
    {"no size", "\r\n"},
    {"a signed size", "+5\r\nhello\r\n0\r\n\r\n"},
    {"a prefixed size", "0x5\r\nhello\r\n0\r\n\r\n"},
    {"space before a size", " 5\r\nhello\r\n0\r\n\r\n"},
    {"space after a size", "5 \r\nhello\r\n0\r\n\r\n"},
    {"a bare LF after a size", "5\nhello\r\n0\r\n\r\n"},
    {"a bare CR after a size", "5\rhello\r\n0\r\n\r\n"},
    {"more data than the size", "4\r\nhello\r\n0\r\n\r\n"},
    {"a bare LF after data", "5\r\nhello\n0\r\n\r\n"},
    {"a bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n"},
    {"a bare LF at the end", "0\r\n\n"},
    {"a control character in a trailer", "0\r\nA: \x01\r\n\r\n"},
    {"a trailer without a colon", "0\r\nA\r\n\r\n"},
    {"a trailer without a name", "0\r\n: 1\r\n\r\n"},
    {"space before a trailer's colon", "0\r\nA : 1\r\n\r\n"},
    {"a folded trailer", "0\r\nA: 1\r\n 2\r\n\r\n"},
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_body_comes_out_whole_however_it_is_cut) {
    const std::string bytes =
        "5\r\nhello\r\n6;name=\"v\"\r\n world\r\n0\r\nX-Trailer: dropped\r\n\r\n";
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        const Decoded decoded = decode(bytes, piece);
        BOOST_TEST((decoded.progress == Progress::done));
        BOOST_TEST(decoded.body == "hello world");
        BOOST_TEST(decoded.rest == "");
    }
}

BOOST_AUTO_TEST_CASE(the_last_chunk_may_come_as_three_bytes_and_one) {
    ChunkedDecoder decoder{10};
    std::string body;
    for (std::string_view part : {"0\r\n", "\r"}) {
        BOOST_TEST((decoder.feed(part, body) == Progress::need_more));
    }
    std::string_view last = "\n";
    BOOST_TEST((decoder.feed(last, body) == Progress::done));
}

BOOST_AUTO_TEST_CASE(the_next_request_is_left_alone) {
    const Decoded decoded = decode("2\r\nab\r\n0\r\n\r\nGET / HTTP/1.1\r\n", 100);
    BOOST_TEST((decoded.progress == Progress::done));
    BOOST_TEST(decoded.rest == "GET / HTTP/1.1\r\n");
}

BOOST_DATA_TEST_CASE(anything_else_is_malformed, boost::unit_test::data::make(kMalformed)) {
    BOOST_TEST((decode(sample.bytes, 1).progress == Progress::malformed));
    BOOST_TEST((decode(sample.bytes, 100).progress == Progress::malformed));
}

BOOST_AUTO_TEST_CASE(too_much_is_known_from_the_size_already) {
    BOOST_TEST((decode("a\r\n0123456789\r\n0\r\n\r\n", 100, 10).progress == Progress::done));
    const Decoded one = decode("b\r\n0123", 100, 10);
    BOOST_TEST((one.progress == Progress::too_large));
    BOOST_TEST(one.body == "");
    BOOST_TEST((decode("a\r\n0123456789\r\n1\r\n", 100, 10).progress == Progress::too_large));
    BOOST_TEST((decode("ffffffffffffffffffffffff\r\n", 100, 10).progress == Progress::too_large));
}

BOOST_AUTO_TEST_CASE(endless_extensions_zeros_and_trailers_are_too_large) {
    const std::string filler(6000, '0');
    BOOST_TEST((decode("5;" + filler, 100).progress == Progress::too_large));
    BOOST_TEST((decode(filler, 100).progress == Progress::too_large));
    BOOST_TEST((decode("0\r\nA: " + filler, 100).progress == Progress::too_large));
}

BOOST_AUTO_TEST_CASE(a_body_of_one_byte_chunks_passes) {
    std::string bytes;
    for (int i = 0; i < 500; ++i) bytes += "1\r\nx\r\n";
    const Decoded decoded = decode(bytes + "0\r\n\r\n", 7);
    BOOST_TEST((decoded.progress == Progress::done));
    BOOST_TEST(decoded.body == std::string(500, 'x'));
}
