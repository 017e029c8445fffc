#pragma once
// The console's answers: JSON, errors in one form, and the fields that keep a browser from doing
// with them what it should not.

#include "http/request.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace pgcourier::console {

http::Response json_reply(std::string json, int status = 200);

/// `{"error": {"code": …, "message": …}}`
/// message  what was found, what was expected and what to do; for the page's user
http::Response error_reply(int status, std::string_view code, std::string_view message);
/// The same for what the server itself refuses: 405, 413, 500.
/// most_bytes  of a body
http::Response server_error_reply(int status, std::size_t most_bytes);

/// The same answer with the security fields, which every answer of the console has.
http::Response secured(http::Response response);

}  // namespace pgcourier::console
