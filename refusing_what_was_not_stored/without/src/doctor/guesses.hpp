#pragma once
// Every URL that Twilio may have called to cause a request, as far as the request tells. Pure.

#include "http/request.hpp"

#include <string>
#include <vector>

namespace pgcourier::doctor {

/// The nearest ones first; at most some thousand.
///
/// known  whole URLs: the configured ones, and others that somebody thinks of
std::vector<std::string> guessed_urls(const http::Request& request,
                                      const std::vector<std::string>& known);

}  // namespace pgcourier::doctor
