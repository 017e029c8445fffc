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

constexpr std::string_view kPlace = "<!-- signed in -->";
// What the page asks first of all, in the words of its own fetch(), or the browser asks twice.
constexpr std::string_view kFirstQuestions =
    "<link rel=\"preload\" as=\"fetch\" crossorigin href=\"/ops/api/overview\">\n";

// JSON that cannot end the element that it stands in: `<` is only found within its strings.
std::string within_script(std::string_view json) {
    std::string text;
    for (const char c : json) {
        if (c == '<')
            text += "\\u003c";
        else
            text += c;
    }
    return text;
}

}  // namespace

http::Response signed_in_page(std::string_view session) {
    const auto page = std::ranges::find(assets(), std::string_view{"index.html"}, &Asset::name);
    http::Response response{.content_type = std::string{type_of(page->name)},
                            .body = std::string{page->plain}};
    response.headers = {{"Cache-Control", "no-store"}, {"Vary", "Cookie"}};
    // A block of data is no script, and the policy has nothing against it.
    std::string data{kFirstQuestions};
    data.append("<script type=\"application/json\" id=\"session\">");
    data.append(within_script(session)).append("</script>");
    response.body.replace(response.body.find(kPlace), kPlace.size(), data);
    return response;
}

std::optional<http::Response> asset_reply(const http::Request& request, std::string_view name) {
    const auto found = std::ranges::find(assets(), name, &Asset::name);
    if (found == assets().end()) return std::nullopt;
    const bool is_packed = takes_gzip(request) && found->packed.size() < found->plain.size();
    const std::string tag = "\"" + std::string{found->hash} + (is_packed ? "-gz" : "") + "\"";

    http::Response response;
    response.headers = {
        {"ETag", tag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding, Cookie"}};
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
