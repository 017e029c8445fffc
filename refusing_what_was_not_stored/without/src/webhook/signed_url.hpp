#pragma once
// Which URLs Twilio may have signed. Path and query stay byte for byte as received. Trying several
// weakens nothing: a signature over any of them needs the key. Pure.

#include "http/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::webhook {

/// The candidates, the likeliest first; the other spelling of the port is added by twilio::verify.
///
/// public_url  WEBHOOK_PUBLIC_URL: then it is the only one. Empty: rebuilt from Host (https and
///             http, since TLS ends before us) and, where they may be believed, from
///             X-Forwarded-Proto, -Host and -Port
std::vector<std::string> signed_urls(const http::Request& request, std::string_view public_url,
                                     bool is_from_trusted_proxy);

/// For the log: query values, which may say who somebody is, become `…`; at most 200 bytes.
std::string masked_url(std::string_view url);

}  // namespace pgcourier::webhook
