#pragma once
// Decodes a chunked body (RFC 9112, 7.1), strictly: CRLF only, no signs, no white space around a
// size. Extensions and trailer fields are read, their form is checked, and they are dropped. Pure;
// bytes come in pieces of any size. It is ours because Beast 1.81's decoder stops the process with
// an assertion when the last chunk `0\r\n\r\n` arrives as 3 bytes, then 1.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgcourier::http {

class ChunkedDecoder {
  public:
    enum class Progress { need_more, done, malformed, too_large };

    /// limit  of the body in bytes; sizes, extensions and trailers together may take `kOverhead`
    /// bytes beside it
    ///        and as much again as the body, so that small chunks pass and endless extensions do
    ///        not
    explicit ChunkedDecoder(std::size_t limit) : limit_{limit} {}

    /// Takes from the front of `bytes` what belongs to the body and appends the data to `body`.
    /// After `done`, what remains in `bytes` is the next request.
    Progress feed(std::string_view& bytes, std::string& body);

    static constexpr std::size_t kOverhead = 4096;

  private:
    enum class State {
        size_first,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        line_start,
        trailer_name,
        trailer,
        trailer_lf,
        last_lf
    };
    State state_ = State::size_first;
    std::size_t limit_;
    std::size_t overhead_ = 0;
    std::uint64_t size_ = 0;  // of the chunk; what is left of it while in data
};

}  // namespace pgcourier::http
