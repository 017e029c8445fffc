#include "http/chunked.hpp"

#include "http/head.hpp"

#include <algorithm>

namespace pgcourier::http {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Inside an extension or a trailer: anything but control characters.
bool is_text(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

}  // namespace

ChunkedDecoder::Progress ChunkedDecoder::feed(std::string_view& bytes, std::string& body) {
    while (!bytes.empty()) {
        if (state_ == State::data) {
            const auto taken =
                static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size()));
            body.append(bytes.substr(0, taken));
            bytes.remove_prefix(taken);
            size_ -= taken;
            if (size_ == 0) state_ = State::data_cr;
            continue;
        }

        const char c = bytes.front();
        bytes.remove_prefix(1);
        if (++overhead_ > kOverhead && overhead_ - kOverhead > limit_) return Progress::too_large;
        switch (state_) {
            case State::size_first:
            case State::size:
                if (const int digit = hex_value(c); digit >= 0) {
                    size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
                    // Checked at every digit, so that it cannot overflow either.
                    if (size_ > limit_ - body.size()) return Progress::too_large;
                    state_ = State::size;
                } else if (state_ == State::size_first) {
                    return Progress::malformed;
                } else if (c == ';') {
                    state_ = State::extension;
                } else if (c == '\r') {
                    state_ = State::size_lf;
                } else {
                    return Progress::malformed;
                }
                break;
            case State::extension:
                if (c == '\r') {
                    state_ = State::size_lf;
                } else if (!is_text(c)) {
                    return Progress::malformed;
                }
                break;
            case State::size_lf:
                if (c != '\n') return Progress::malformed;
                state_ = size_ == 0 ? State::line_start : State::data;
                break;
            case State::data_cr:
                if (c != '\r') return Progress::malformed;
                state_ = State::data_lf;
                break;
            case State::data_lf:
                if (c != '\n') return Progress::malformed;
                state_ = State::size_first;
                break;
            case State::line_start:
                if (c == '\r') {
                    state_ = State::last_lf;
                } else if (is_token(c)) {
                    state_ = State::trailer_name;
                } else {
                    return Progress::malformed;
                }
                break;
            case State::trailer_name:
                if (c == ':') {
                    state_ = State::trailer;
                } else if (!is_token(c)) {
                    return Progress::malformed;
                }
                break;
            case State::trailer:
                if (c == '\r') {
                    state_ = State::trailer_lf;
                } else if (!is_text(c)) {
                    return Progress::malformed;
                }
                break;
            case State::trailer_lf:
                if (c != '\n') return Progress::malformed;
                state_ = State::line_start;
                break;
            case State::last_lf:
                return c == '\n' ? Progress::done : Progress::malformed;
            case State::data:
                break;  // above
        }
    }
    return Progress::need_more;
}

}  // namespace pgcourier::http
