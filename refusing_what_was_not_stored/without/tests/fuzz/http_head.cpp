// The head of a request: what is accepted is framed in one way only (one length of digits or one
// `chunked`, one Host, no folded line, no control character), is never hopeless while it arrives,
// and is read as the same again when it is written anew; nothing over a limit is accepted.
#include "fuzz/support.hpp"
#include "http/head.hpp"

#include <algorithm>
#include <string>

using namespace pgcourier::http;
using pgcourier::fuzz::require;

namespace {

/// A byte that HTTP has nowhere within a line; from 0x80 on all are somebody's text.
bool has_ascii_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

std::string written(const Head& head) {
    std::string text = head.request.method + " " + head.request.target + " HTTP/1." +
                       (head.is_http10 ? "0" : "1") + "\r\n";
    for (std::size_t i = 0; i < head.request.headers.size(); ++i) {
        const auto [name, value] = head.request.headers.at(i);
        text.append(name).append(": ").append(value).append("\r\n");
    }
    return text + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes{pgcourier::fuzz::Input{data, size}.rest()};
    Limits limits;
    limits.header_bytes = 2048;
    limits.header_fields = 16;
    limits.target_bytes = 512;

    const std::size_t end = head_end(bytes, 0);
    require(end <= bytes.size(), "a head ends within the bytes");
    for (const std::size_t from : {bytes.size() / 3, bytes.size() / 2}) {
        // What was searched before must not have had the end in it.
        if (from + 1 < end || end == 0)
            require(head_end(bytes, from) == end, "found the same when it arrives in parts");
    }
    if (end == 0) {
        is_hopeless(bytes);
        return 0;
    }
    const std::string text = bytes.substr(0, end);
    Head head;
    const int status = parse_head(text, limits, head);
    require(status == 0 || status == 400 || status == 414 || status == 431,
            "a head is accepted or refused");
    if (status != 0) return 0;

    for (std::size_t part = 1; part < end; part += 1 + end / 40)
        require(!is_hopeless(std::string_view{text}.substr(0, part)),
                "what is accepted was never hopeless");
    const Request& request = head.request;
    require(end <= limits.header_bytes && request.headers.size() <= limits.header_fields &&
                request.target.size() <= limits.target_bytes,
            "what is accepted is within the limits");
    require(!request.method.empty() && !request.target.empty() &&
                !has_ascii_control(request.method) && !has_ascii_control(request.target) &&
                request.target.find(' ') == std::string::npos,
            "the request line has three words");
    require(request.path().size() + request.query().size() <= request.target.size(),
            "path and query are parts of the target");
    const auto lengths = request.headers.all("content-length");
    const auto codings = request.headers.all("transfer-encoding");
    require(lengths.size() + codings.size() <= 1, "a body is framed in one way");
    require(head.is_chunked == (codings.size() == 1), "chunked is what says so");
    require(lengths.empty() ? head.content_length == 0
                            : std::to_string(head.content_length) ==
                                  lengths[0].substr(std::min(lengths[0].find_first_not_of('0'),
                                                             lengths[0].size() - 1)),
            "a length is its digits");
    require(head.is_http10 || request.headers.all("host").size() == 1, "there is one Host");
    require(!head.is_http10 || !head.is_chunked, "HTTP/1.0 has no chunks");
    for (std::size_t i = 0; i < request.headers.size(); ++i) {
        const auto [name, value] = request.headers.at(i);
        require(!name.empty() && name.find_first_of(" \t:") == std::string_view::npos,
                "a name is one word");
        require(value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos,
                "a value is one line");
    }

    Head again;
    require(parse_head(written(head), limits, again) == 0 || written(head).size() > end,
            "written anew it is accepted");
    if (written(head).size() <= end)
        require(written(again) == written(head) && again.content_length == head.content_length &&
                    again.keeps_alive == head.keeps_alive && again.is_chunked == head.is_chunked,
                "written anew it is the same");
    return 0;
}
