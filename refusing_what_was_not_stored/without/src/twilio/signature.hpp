#pragma once
// X-Twilio-Signature, as Twilio's own libraries compute and check it.
// https://www.twilio.com/docs/usage/webhooks/webhooks-security

#include "base/secret.hpp"
#include "twilio/body_format.hpp"
#include "twilio/form.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::twilio {

/// Signs as Twilio does: base64 of HMAC-SHA1 over the URL and the parameters, keys ascending, for
/// each key its distinct values ascending. A JSON request is signed with no parameters.
std::string sign(const Secret& key, std::string_view url, const Params& params);

/// Whether it can be a signature at all: 28 characters of base64, the last one `=`.
bool is_well_formed_signature(std::string_view signature);

/// The URL as given and its other spelling of the port, since Twilio's signing side is
/// inconsistent: with the scheme's default port where it has none, without any where it has one.
/// All other bytes stay.
///
/// url      `http(s)://…`, as configured in Twilio
/// returns  two texts, the given one first; one when `url` is no http(s) URL
std::vector<std::string> url_variants(std::string_view url);

struct SignedRequest {
    std::vector<std::string>
        urls;  // what may have been signed, scheme to query; port variants are added by verify
    BodyFormat format = BodyFormat::form;
    std::string_view body;       // as received
    std::string_view query;      // as received, without `?`
    std::string_view signature;  // the header's value
};

/// Checks a request against every key and every spelling of its URLs, always all of them, so that
/// time tells nothing about which one fits. A JSON body must also be the one whose SHA-256 stands
/// in the query as `bodySHA256`, exactly once; where a form's query has one, it must be true there
/// too. An empty key never fits.
///
/// returns  the index of the first key that signed it, nullopt when none did
std::optional<std::size_t> verify(const SignedRequest& request, std::span<const Secret> keys);

}  // namespace pgcourier::twilio
