#pragma once
// The page's files, as they stand in src/console/web/; embedded by cmake/embed_web.cmake.

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

}  // namespace pgcourier::console
