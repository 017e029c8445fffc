#include "base/sentry_dsn.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace pgcourier {
namespace {

bool consists_of(std::string_view text, std::string_view besides) {
    return !text.empty() && std::ranges::all_of(text, [besides](unsigned char c) {
        return std::isalnum(c) != 0 || besides.find(static_cast<char>(c)) != besides.npos;
    });
}

/// The key goes with each report: elsewhere it goes over TLS.
bool is_loopback(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, host.find(']') + 1) == "[::1]";
    const std::string_view name = host.substr(0, host.find(':'));
    return name == "localhost" ||
           (name.starts_with("127.") && name.find_first_not_of("0123456789.") == name.npos);
}

}  // namespace

std::optional<SentryDsn> parse_dsn(const Secret& dsn) {
    std::string_view rest = dsn.reveal();
    const std::size_t colon = rest.find("://");
    if (colon == rest.npos) return std::nullopt;
    const std::string_view scheme = rest.substr(0, colon);
    if (scheme != "https" && scheme != "http") return std::nullopt;
    rest.remove_prefix(colon + 3);

    const std::size_t at = rest.find('@');
    if (at == rest.npos) return std::nullopt;
    const std::string_view user = rest.substr(0, at);
    const std::size_t between = std::min(user.find(':'), user.size());
    const std::string_view key = user.substr(0, between);
    const std::string_view secret = user.substr(std::min(between + 1, user.size()));
    rest.remove_prefix(at + 1);

    const std::size_t slash = rest.find('/');
    const std::size_t last_slash = rest.rfind('/');
    if (slash == rest.npos) return std::nullopt;
    const std::string_view host = rest.substr(0, slash);
    const std::string_view path = rest.substr(slash, last_slash - slash);
    const std::string_view project = rest.substr(last_slash + 1);
    const bool is_good = consists_of(key, "-_") && (secret.empty() || consists_of(secret, "-_")) &&
                         consists_of(host, ".-_:[]") &&
                         (path.empty() || consists_of(path, "/.-_~")) && consists_of(project, "-_");
    if (!is_good || (scheme == "http" && !is_loopback(host))) return std::nullopt;
    return SentryDsn{
        .text = dsn,
        .envelope_url = fmt::format("{}://{}{}/api/{}/envelope/", scheme, host, path, project),
        .public_key = Secret{std::string{key}},
        .secret_key = Secret{std::string{secret}}};
}

}  // namespace pgcourier
