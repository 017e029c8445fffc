#include "console/reply.hpp"

#include "http/reply_text.hpp"
#include "twilio/json.hpp"

#include <utility>

namespace pgcourier::console {
namespace {

constexpr const char* kRetryAfterSeconds = "2";

// No script, style, image or connection but our own; nothing inline; nobody may frame it.
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

bool has(const http::Response& response, std::string_view name) {
    for (const auto& [own, value] : response.headers) {
        if (http::equal_ignoring_case(own, name)) return true;
    }
    return false;
}

}  // namespace

http::Response json_reply(std::string json, int status) {
    return {.status = status, .content_type = "application/json", .body = std::move(json)};
}

http::Response error_reply(int status, std::string_view code, std::string_view message) {
    http::Response response = json_reply("{\"error\":{\"code\":" + twilio::json_string(code) +
                                             ",\"message\":" + twilio::json_string(message) + "}}",
                                         status);
    if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
    return response;
}

http::Response server_error_reply(int status, std::size_t most_bytes) {
    if (status == 413) {
        return secured(error_reply(status, "too_large",
                                   "found a body over " + std::to_string(most_bytes / 1024) +
                                       " KiB; choose fewer at once"));
    }
    return secured(
        error_reply(status, "failed",
                    std::string{http::reason_phrase(status)} + "; the service's log tells more"));
}

http::Response secured(http::Response response) {
    response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
    response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
    response.headers.emplace_back("X-Frame-Options", "DENY");  // for browsers before CSP level 2
    if (!has(response, "Cache-Control")) response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

}  // namespace pgcourier::console
