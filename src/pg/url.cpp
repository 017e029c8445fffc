#include "pg/url.hpp"

#include "base/environment.hpp"
#include "base/handle.hpp"
#include "base/utf8.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace pgcourier::pg {
namespace {

using OptionsHandle = std::unique_ptr<PQconninfoOption, FreeWith<PQconninfoFree>>;
using MessageHandle = std::unique_ptr<char, FreeWith<PQfreemem>>;

// Prisma's and its relatives' own parameters, which libpq refuses
// (https://www.prisma.io/docs/orm/overview/databases/postgresql).
constexpr std::array<std::string_view, 13> kIgnored = {
    "connection_limit", "pool_timeout", "pgbouncer", "socket_timeout", "statement_cache_size",
    "sslidentity",      "sslpassword",  "sslaccept", "directUrl",      "shadowDatabaseUrl",
    "pooling",          "poolerMode",   "schema"};

constexpr std::string_view kExpected = "expected postgresql://user:password@host:5432/database";

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
            out += static_cast<char>(std::stoi(std::string{text.substr(i + 1, 2)}, nullptr, 16));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

// search_path is parsed as a list of identifiers; Prisma means one, with its capitals.
std::string quoted_identifier(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + '"';
}

/// Prisma's `sslaccept=strict`: the server's certificate is checked, with its name. An sslmode that
/// checks it, or that the URL switches TLS off with, stays as it is.
///
/// returns  what is wrong with that, if anything
std::optional<Problem> check_certificate(Target& target) {
    const auto find = [&target](std::string_view name) {
        return std::ranges::find_if(target.keywords,
                                    [name](const auto& one) { return one.first == name; });
    };
    const auto mode = find("sslmode");
    const bool has_mode = mode != target.keywords.end();
    if (has_mode && (mode->second.starts_with("verify-") || mode->second == "disable"))
        return std::nullopt;
    const auto host = find("host");
    const bool is_local = host != target.keywords.end() && host->second.starts_with('/');
    // libpq 15 knows no authorities of the system's.
    if (find("sslrootcert") == target.keywords.end() && std::getenv("PGSSLROOTCERT") == nullptr &&
        !is_local) {
        return Problem{
            "found sslaccept=strict without the authorities that may vouch for the server, "
            "expected sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt, or the "
            "file that your database's provider gives you"};
    }
    if (has_mode) {
        mode->second = "verify-full";
    } else {
        target.keywords.emplace_back("sslmode", "verify-full");
    }
    return std::nullopt;
}

/// What may be shown: anything else before `://` may be a password.
bool is_scheme(std::string_view text) {
    return text.size() <= 20 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '-' || c == '.';
           });
}

std::string_view scheme_of(std::string_view url) {
    const std::size_t end = url.find("://");
    return end == std::string_view::npos ? std::string_view{} : url.substr(0, end);
}

/// An @ or a / of a password that stands there as it is ends the password: what follows becomes
/// host, port or database, which messages show.
bool has_stray_password(std::string_view url) {
    const std::string_view rest = url.substr(url.find("://") + 3);
    const std::string_view before_parameters = rest.substr(0, rest.find('?'));
    const std::size_t last_at = before_parameters.rfind('@');
    return last_at != std::string_view::npos &&
           (before_parameters.find('@') != last_at || before_parameters.find('/') < last_at);
}

/// One or several with commas between, as libpq takes them. `user:password` without a host is read
/// as host and port.
bool is_port(std::string_view text) {
    return text.find_first_not_of("0123456789,") == std::string_view::npos;
}

}  // namespace

std::string Target::described() const {
    std::string host = "(local socket)";
    std::string port;
    std::string database;
    for (const auto& [name, value] : keywords) {
        if (name == "host" || name == "hostaddr") host = value;
        if (name == "port") port = ":" + value;
        if (name == "dbname") database = "/" + value;
    }
    return host + port + database;
}

std::chrono::seconds Target::connect_timeout(std::chrono::seconds longest) const {
    for (const auto& [name, value] : keywords) {
        if (name != "connect_timeout") continue;
        const auto own = whole_number<int>(value);
        if (own && *own > 0) return std::min(longest, std::chrono::seconds{*own});
    }
    return longest;
}

Result<Target> parse_url(const Secret& url) {
    const std::string& text = url.reveal();
    Target target;
    bool is_strict = false;
    std::string for_libpq = text;
    const std::string_view scheme = scheme_of(text);
    if (scheme == "postgres" || scheme == "postgresql") {
        if (has_stray_password(text)) {
            return Problem{fmt::format(
                "found an @ or a / that is not where a URL has one, {}, with an @ in the password "
                "written as %40 and a / as %2F",
                kExpected)};
        }
        const std::size_t question = text.find('?');
        std::string kept;
        if (question != std::string::npos) {
            std::string_view rest = std::string_view{text}.substr(question + 1);
            while (!rest.empty()) {
                const std::size_t end = std::min(rest.find('&'), rest.size());
                const std::string_view parameter = rest.substr(0, end);
                rest.remove_prefix(std::min(end + 1, rest.size()));
                const std::string_view name = parameter.substr(0, parameter.find('='));
                const std::string value = parameter.size() > name.size()
                                              ? percent_decoded(parameter.substr(name.size() + 1))
                                              : "";
                if (name == "schema") {
                    // A zero byte would end it in the middle; empty it is no identifier.
                    if (value.find('\0') != std::string::npos)
                        return Problem{
                            fmt::format("found a schema with a zero byte, {}", kExpected)};
                    target.search_path = value.empty() ? "" : quoted_identifier(value);
                }
                if (name == "sslaccept") is_strict = value == "strict";
                if (name == "pgbouncer") target.is_pooled = value == "true" || value == "1";
                if (name.empty() ||
                    std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end())
                    continue;
                kept += kept.empty() ? "?" : "&";
                kept += parameter;
            }
            for_libpq = text.substr(0, question) + kept;
        }
    } else if (!scheme.empty() && text.find('=') > scheme.size()) {
        if (!is_scheme(scheme))
            return Problem{fmt::format("found something that is no URL, {}", kExpected)};
        return Problem{fmt::format("found a {}:// URL, {}", scheme, kExpected)};
    } else if (text.find('=') == std::string::npos) {
        return Problem{fmt::format("found neither a URL nor key=value settings, {}", kExpected)};
    }

    char* raw_message = nullptr;
    const OptionsHandle options{PQconninfoParse(for_libpq.c_str(), &raw_message)};
    const MessageHandle message{raw_message};
    // libpq's message quotes the text, and with it the password: it is not passed on.
    if (!options) return Problem{fmt::format("found a form that libpq cannot read, {}", kExpected)};
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr) continue;
        if (std::string_view{option->keyword} == "port" && !is_port(option->val))
            return Problem{fmt::format("found a port that is no number, {}", kExpected)};
        // Messages show where the database is.
        const std::string_view keyword{option->keyword};
        if ((keyword == "host" || keyword == "hostaddr" || keyword == "dbname") &&
            without_controls(option->val) != option->val) {
            return Problem{
                fmt::format("found a control character in its {}, {}", keyword, kExpected)};
        }
        target.keywords.emplace_back(option->keyword, option->val);
    }
    if (is_strict) {
        if (auto problem = check_certificate(target)) return std::move(*problem);
    }
    return target;
}

}  // namespace pgcourier::pg
