#include "doctor/url.hpp"

#include "base/environment.hpp"

#include <fmt/format.h>

namespace pgcourier::doctor {
namespace {

std::string_view take_until(std::string_view& rest, std::string_view marks) {
    const std::string_view part = rest.substr(0, rest.find_first_of(marks));
    rest.remove_prefix(part.size());
    return part;
}

std::string path_difference(const std::string& other, const std::string& wanted) {
    if (other == wanted + "/") return "a slash at the end of the path";
    if (other + "/" == wanted) return "no slash at the end of the path";
    return fmt::format("path {} instead of {}", other.empty() ? "(none)" : other,
                       wanted.empty() ? "(none)" : wanted);
}

std::string query_difference(const UrlParts& other, const UrlParts& wanted) {
    if (!wanted.has_query) return "a query";
    if (!other.has_query) return "no query";
    return "another query, or the same in another spelling";
}

}  // namespace

std::string UrlParts::called_port() const {
    if (!port.empty()) return port;
    return scheme == "https" ? "443" : scheme == "http" ? "80" : "";
}

UrlParts split_url(std::string_view url) {
    UrlParts parts;
    std::string_view rest = url;
    // Not one that stands in a query.
    const std::size_t mark = url.find("://");
    if (mark != std::string_view::npos && url.find_first_of("/?#") == mark + 1) {
        parts.scheme = lower(url.substr(0, mark));
        rest.remove_prefix(mark + 3);
        std::string_view authority = take_until(rest, "/?#");
        authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0
        const std::size_t bracket = authority.rfind(']');
        const std::size_t colon =
            authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
        parts.host = lower(authority.substr(0, colon));
        if (colon != std::string_view::npos) parts.port = authority.substr(colon + 1);
    }
    parts.path = take_until(rest, "?#");
    if (rest.starts_with('?')) {
        rest.remove_prefix(1);
        parts.has_query = true;
        parts.query = take_until(rest, "#");
    }
    if (rest.starts_with('#')) parts.fragment = rest.substr(1);
    return parts;
}

std::vector<std::string> differences(std::string_view other, std::string_view wanted) {
    const UrlParts a = split_url(other);
    const UrlParts b = split_url(wanted);
    std::vector<std::string> all;
    if (a.scheme != b.scheme)
        all.push_back(fmt::format("scheme {} instead of {}", a.scheme, b.scheme));
    if (a.host != b.host) all.push_back(fmt::format("host {} instead of {}", a.host, b.host));
    const bool are_own_ports = a.called_port() == UrlParts{.scheme = a.scheme}.called_port() &&
                               b.called_port() == UrlParts{.scheme = b.scheme}.called_port();
    if (a.called_port() != b.called_port() && !are_own_ports)
        all.push_back(fmt::format("port {} instead of {}", a.called_port(), b.called_port()));
    if (a.path != b.path) all.push_back(path_difference(a.path, b.path));
    if (a.has_query != b.has_query || a.query != b.query) all.push_back(query_difference(a, b));
    return all;
}

}  // namespace pgcourier::doctor
