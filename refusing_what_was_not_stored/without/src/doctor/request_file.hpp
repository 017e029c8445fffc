#pragma once
// A request as somebody saved it: by a proxy, by `curl -v`, by hand. Made into what the server
// would have received. Pure.

#include "base/result.hpp"
#include "http/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::doctor {

struct SavedRequest {
    http::Request request;
    std::vector<std::string> remarks;  // what had to be guessed
};

/// Reads a request line, header fields, a blank line and the body.
///
/// - Lines may end with CR LF or LF; `> ` before each of the head, as curl -v prints it, is left
///   out.
/// - Without a request line, and without HTTP/2's `:path`, it is a POST to /webhooks/twilio.
/// - A target with scheme and host, as proxies have it, becomes the path; its host comes before
/// that
///   of the field Host.
/// - The body ends where Content-Length says. Without that, one line end after it is the editor's.
///
/// text     the whole file
/// returns  or what is wrong with it, with the line's number
Result<SavedRequest> read_request_file(std::string_view text);

}  // namespace pgcourier::doctor
