// Chunked bodies: in one piece or in many it is the same body, the same verdict and the same next
// request; never more than the limit; any body that is encoded comes back. The first line says how
// the pieces are cut.
#include "fuzz/support.hpp"
#include "http/chunked.hpp"

#include <cstdio>
#include <string>

using pgcourier::fuzz::Input;
using pgcourier::fuzz::require;
using pgcourier::fuzz::small_number;
using pgcourier::http::ChunkedDecoder;
using Progress = ChunkedDecoder::Progress;

namespace {

constexpr std::size_t kLimit = 1000;

struct Decoded {
    Progress progress = Progress::need_more;
    std::string body{};
    std::size_t used = 0;
};

Decoded decoded(std::string_view bytes, std::size_t piece) {
    ChunkedDecoder decoder{kLimit};
    Decoded result;
    while (result.used < bytes.size() && result.progress == Progress::need_more) {
        // A copy of just that size, so that reading on would be seen.
        const std::string part{bytes.substr(result.used, piece)};
        std::string_view view{part};
        result.progress = decoder.feed(view, result.body);
        require(result.progress != Progress::need_more || view.empty(),
                "as long as more is needed all is taken");
        result.used += part.size() - view.size();
    }
    require(result.body.size() <= kLimit, "a body is never over the limit");
    return result;
}

std::string encoded(std::string_view body, std::size_t piece) {
    std::string out;
    while (!body.empty()) {
        const std::string_view part = body.substr(0, piece);
        body.remove_prefix(part.size());
        char size[32];
        std::snprintf(size, sizeof size, "%zX\r\n", part.size());
        out.append(size).append(part).append("\r\n");
    }
    return out + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const auto piece = static_cast<std::size_t>(1 + small_number(input.line()) % 100);
    const std::string_view bytes = input.rest();

    const Decoded whole = decoded(bytes, bytes.size() + 1);
    for (const std::size_t cut : {piece, std::size_t{1}}) {
        const Decoded parts = decoded(bytes, cut);
        require(parts.progress == whole.progress, "in pieces it has the same verdict");
        require(parts.body == whole.body && parts.used == whole.used,
                "in pieces it is the same body and ends at the same byte");
    }
    if (whole.progress == Progress::done)
        require(bytes.substr(0, whole.used).ends_with("\r\n\r\n") ||
                    bytes.substr(0, whole.used).ends_with("\n\r\n"),
                "it ends with an empty line");

    const std::string_view body = bytes.substr(0, kLimit);
    const std::string text = encoded(body, piece) + "GET / HTTP/1.1\r\n";
    const Decoded back = decoded(text, text.size());
    require(back.progress == Progress::done && back.body == body, "decode(encode(x)) == x");
    require(text.substr(back.used) == "GET / HTTP/1.1\r\n", "the next request is left alone");
    return 0;
}
