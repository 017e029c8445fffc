#pragma once
// The head of a request, from bytes to values, strictly: what two servers could read in two ways is
// refused (request smuggling), also where RFC 9112 would allow to guess and Beast 1.81 does. Pure.

#include "http/limits.hpp"
#include "http/request.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pgcourier::http {

struct Head {
    Request request;  // without body and peer
    std::uint64_t content_length = 0;
    bool is_chunked = false;
    bool is_http10 = false;
    bool keeps_alive = false;
    bool expects_continue = false;

    bool has_body() const { return is_chunked || content_length > 0; }
};

/// Where the first head in `bytes` ends, its blank line included.
///
/// from     bytes before it were searched before
/// returns  0 when it is not complete yet
std::size_t head_end(std::string_view bytes, std::size_t from);

/// Whether an incomplete head can become none any more: it begins as no method does (TLS spoken to
/// a plain port), or has a line feed without a carriage return.
bool is_hopeless(std::string_view partial);

/// What is too large in a head of more than Limits::header_bytes, whole or not: 414 when it is the
/// target, else 431.
int oversize_status(std::string_view bytes, const Limits& limits);

/// Whether a method, or the name of a field, may have this character (RFC 9110, 5.6.2).
bool is_token(char c);

/// Reads one complete head, as head_end() delimits it.
///
/// returns  0 and fills `head`, or the status to refuse with: 400, 414, 431
int parse_head(std::string_view bytes, const Limits& limits, Head& head);

}  // namespace pgcourier::http
