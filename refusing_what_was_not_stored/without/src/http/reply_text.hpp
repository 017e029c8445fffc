#pragma once
// A Response as the bytes that go out. Written by hand, since it is one append after another into a
// buffer that is used again. Pure.

#include "http/request.hpp"

#include <string>
#include <string_view>

namespace pgcourier::http {

struct ReplyForm {
    bool without_body = false;  // to HEAD
    bool keeps_alive = true;
    bool is_http10 = false;
    bool is_endless = false;  // ends with the connection, so keeps_alive is false
    std::string_view date;    // as http_date() writes it; empty: no Date field
};

/// Appends status line, fields and body. Content-Length, Date and Connection are written here
/// alone; a control character in a field becomes a space, so that no value can begin a field of its
/// own.
void append_reply(std::string& out, const Response& response, const ReplyForm& form);

/// `Not Found` for 404; `Unknown` for a number without a name.
std::string_view reason_phrase(int status);

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7) for seconds since 1970.
std::string http_date(long long unix_seconds);

}  // namespace pgcourier::http
