#pragma once
// The page's files, of src/console/web/; embedded by cmake/embed_web.cmake.

#include "http/request.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace pgcourier::console {

struct Asset {
    std::string_view name;  // of the file: `index.html`
    std::string_view hash;  // of its content
    std::string_view plain;
    std::string_view packed;  // gzip
};

const std::vector<Asset>& assets();

/// The file as the request wants it: compressed when it takes that, 304 when it has it already.
///
/// returns  nullopt when there is no such file
std::optional<http::Response> asset_reply(const http::Request& request, std::string_view name);

/// The page for whoever is signed in: with who they are, as data in it, and with its first question
/// asked before its script is there. Never kept by a browser.
///
/// session  JSON
http::Response signed_in_page(std::string_view session);

}  // namespace pgcourier::console
