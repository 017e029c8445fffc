#pragma once
// Two URLs side by side: what one has and the other has not. For people who look for the reason why
// a signature does not fit. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::doctor {

/// The bytes of a URL, nothing decoded.
struct UrlParts {
    std::string scheme;    // small letters
    std::string host;      // small letters, without port
    std::string port;      // empty: none is written
    std::string path;      // from the first slash
    std::string query;     // without `?`
    std::string fragment;  // without `#`; never sent, never signed
    bool has_query = false;

    /// The port that is called: the scheme's own where none is written.
    std::string called_port() const;
};

/// Of `scheme://host…`; scheme and host are empty where it is none.
UrlParts split_url(std::string_view url);

/// In which respects `other` differs from `wanted`, a phrase each: `scheme http instead of https`.
/// Fragments do not count, and a scheme's own port is the same as none. Values of a query are not
/// shown.
///
/// returns  empty when nothing differs
std::vector<std::string> differences(std::string_view other, std::string_view wanted);

}  // namespace pgcourier::doctor
