#include "console/assets.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace pgcourier::console {
namespace {

constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
};

std::string_view type_of(std::string_view name) {
    for (const auto& [ending, type] : kTypes) {
        if (name.ends_with(ending)) return type;
    }
    return "text/plain; charset=utf-8";
}

// One that takes gzip with a weight of zero does not exist outside of tests of proxies: such a
// header has no `gzip` in it.
bool takes_gzip(const http::Request& request) {
    const std::string_view accepted = request.header("Accept-Encoding");
    return accepted.find("gzip") != std::string_view::npos &&
           accepted.find("gzip;q=0") == std::string_view::npos;
}

}  // namespace

std::optional<http::Response> asset_reply(const http::Request& request, std::string_view name) {
    const auto found = std::ranges::find(assets(), name, &Asset::name);
    if (found == assets().end()) return std::nullopt;
    const bool is_packed = takes_gzip(request) && found->packed.size() < found->plain.size();
    const std::string tag = "\"" + std::string{found->hash} + (is_packed ? "-gz" : "") + "\"";

    http::Response response;
    response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}};
    if (request.header("If-None-Match").find(tag) != std::string_view::npos) {
        response.status = 304;
        return response;
    }
    response.content_type = type_of(name);
    if (is_packed) response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = is_packed ? found->packed : found->plain;
    return response;
}

}  // namespace pgcourier::console
