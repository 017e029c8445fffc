#include "doctor/request_file.hpp"

#include "base/environment.hpp"
#include "doctor/url.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgcourier::doctor {
namespace {

constexpr const char* kUsualTarget = "/webhooks/twilio";

std::string_view trimmed(std::string_view text) {
    const std::size_t start = std::min(text.find_first_not_of(" \t"), text.size());
    const std::size_t end = text.find_last_not_of(" \t");
    return end == std::string_view::npos ? std::string_view{} : text.substr(start, end + 1 - start);
}

/// The next line of `rest`, which goes on behind its end.
std::string_view take_line(std::string_view& rest) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// `POST /webhooks/twilio HTTP/1.1`
bool is_request_line(std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return false;
    return std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space),
                       [](char c) { return c >= 'A' && c <= 'Z'; });
}

void set_target(SavedRequest& saved, std::string_view target) {
    const UrlParts url = split_url(target);
    http::Request& request = saved.request;
    request.target = url.scheme.empty() ? std::string{target.substr(0, target.find('#'))}
                                        : url.path + (url.has_query ? "?" + url.query : "");
    if (request.target.empty()) request.target = "/";
    if (url.host.empty()) return;
    saved.remarks.push_back("the request line has scheme and host: the file is a proxy's");
    request.headers.add("Host", url.port.empty() ? url.host : url.host + ":" + url.port);
}

void set_request_line(SavedRequest& saved, std::string_view line) {
    const std::size_t space = line.find(' ');
    saved.request.method = line.substr(0, space);
    std::string_view target = trimmed(line.substr(space));
    if (const std::size_t version = target.rfind(" HTTP/"); version != std::string_view::npos)
        target = trimmed(target.substr(0, version));
    set_target(saved, target);
}

/// HTTP/2 has the request line in fields whose names begin with a colon.
void set_pseudo_field(SavedRequest& saved, std::string_view name, std::string_view value) {
    if (name == ":method") saved.request.method = value;
    if (name == ":path") saved.request.target = value;
    if (name == ":authority") saved.request.headers.add("Host", value);
}

Result<void> set_body(SavedRequest& saved, std::string_view body) {
    const std::string_view length = saved.request.header("Content-Length");
    if (!length.empty()) {
        const auto bytes = whole_number<std::size_t>(length);
        if (!bytes) return Problem{fmt::format("Content-Length: found {}", shown(length))};
        if (body.size() < *bytes) {
            return Problem{
                fmt::format("the file has {} bytes of body, Content-Length says {}: it is not "
                            "whole, or was changed",
                            body.size(), *bytes)};
        }
        if (body.substr(*bytes).find_first_not_of("\r\n") != std::string_view::npos) {
            return Problem{
                fmt::format("the file has {} bytes of body, Content-Length says {}: the body was "
                            "changed, or something stands behind it",
                            body.size(), *bytes)};
        }
        saved.request.body = body.substr(0, *bytes);
        return {};
    }
    if (body.ends_with('\n')) body.remove_suffix(1);
    if (body.ends_with('\r')) body.remove_suffix(1);
    saved.request.body = body;
    return {};
}

}  // namespace

Result<SavedRequest> read_request_file(std::string_view text) {
    SavedRequest saved;
    saved.request.method = "POST";
    saved.request.headers.reserve(text.size(), 32);
    std::string_view rest = text;
    for (int number = 1;; ++number) {
        if (rest.empty()) {
            return Problem{number == 1
                               ? "the file is empty"
                               : "the file has no blank line, which would stand before the body"};
        }
        std::string_view line = take_line(rest);
        if (line.starts_with("> ") || line == ">") line.remove_prefix(1);
        line = trimmed(line);
        if (line.empty()) break;
        if (number == 1 && is_request_line(line)) {
            set_request_line(saved, line);
            continue;
        }
        const std::size_t colon = line.find(':', 1);  // that of :path is at its beginning
        if (colon == std::string_view::npos) {
            return Problem{
                fmt::format("line {}: expected a header field like `Host: shop.example.com`, or a "
                            "blank line before the body",
                            number)};
        }
        const std::string_view name = trimmed(line.substr(0, colon));
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (name.starts_with(':')) {
            set_pseudo_field(saved, name, value);
        } else {
            saved.request.headers.add(name, value);
        }
    }
    if (saved.request.target.empty()) {
        saved.request.target = kUsualTarget;
        saved.remarks.push_back(
            fmt::format("no request line: taken for a POST to {}", kUsualTarget));
    }
    if (const Result<void> body = set_body(saved, rest); !body) return body.error();
    return saved;
}

}  // namespace pgcourier::doctor
