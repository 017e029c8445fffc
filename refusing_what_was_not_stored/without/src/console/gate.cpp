#include "console/gate.hpp"

#include "base/ids.hpp"
#include "base/utf8.hpp"
#include "console/reply.hpp"
#include "twilio/digest.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/payload.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <iterator>
#include <netinet/in.h>
#include <utility>

namespace pgcourier::console {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kCookie = "pgcourier_ops";
constexpr hours kSession{12};
constexpr minutes kWindow{1};
constexpr std::size_t kNameCharacters = 60;
// A random token of so many bytes is not guessed, however many are tried.
constexpr std::size_t kLongToken = 16;
// Cookies that are remembered as given back, some 200 bytes each.
constexpr std::size_t kSignedOut = 10'000;

// Their digests, so that not even their lengths can be measured.
bool is_same(const Secret& secret, std::string_view given) {
    return !secret.empty() &&
           equal_in_constant_time(twilio::sha256_hex(secret.reveal()), twilio::sha256_hex(given));
}

bool is_loopback(std::string_view address) {
    return address.starts_with("127.") || address == "::1";
}

// A browser tells of a request that another site made: with Sec-Fetch-Site where the connection is
// safe, else, and in older ones, with the Origin of a POST. Others send neither.
bool is_from_elsewhere(const http::Request& request) {
    if (request.headers.has("Sec-Fetch-Site")) {
        const std::string_view site = request.header("Sec-Fetch-Site");
        return site == "cross-site" || site == "same-site";
    }
    if (!request.headers.has("Origin")) return false;
    const std::string_view origin = request.header("Origin");
    const std::size_t scheme = origin.find("://");  // none: "null", of a page that hides its own
    return scheme == std::string_view::npos ||
           !http::equal_ignoring_case(origin.substr(scheme + 3), request.header("Host"));
}

// One customer of a provider has a whole /64 of IPv6.
std::string network_of(const std::string& address) {
    in6_addr bytes{};
    if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1 || IN6_IS_ADDR_LOOPBACK(&bytes))
        return address;
    std::fill(std::begin(bytes.s6_addr) + 8, std::end(bytes.s6_addr), std::uint8_t{0});
    char text[INET6_ADDRSTRLEN];
    return std::string{inet_ntop(AF_INET6, &bytes, text, sizeof text)} + "/64";
}

std::string cut_name(std::string_view name) {
    const std::string clean = without_controls(twilio::pg_text(name));
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < kNameCharacters && bytes < clean.size(); ++i)
        bytes += first_code_point(std::string_view{clean}.substr(bytes)).bytes;
    return clean.substr(0, bytes);
}

http::Response not_signed_in() {
    return error_reply(401, "not_signed_in",
                       "nobody is signed in, or the 12 hours of it are over: sign in again");
}

}  // namespace

Gate::Gate(GateOptions options, const Clock& clock)
    : options_{std::move(options)},
      clock_{clock},
      signer_{options_.token, options_.token_readonly},
      wrong_{kWrong - 1, kWindow} {}

std::string_view Gate::cookie_of(const http::Request& request) const {
    for (const std::string_view value : cookie_values(request.header("Cookie"), kCookie)) {
        if (!signer_.read(value, clock_.now())) continue;
        const std::scoped_lock lock{mutex_};
        if (!signed_out_.contains(value)) return value;
    }
    return {};
}

std::optional<Visitor> Gate::visitor(const http::Request& request) const {
    return signer_.read(cookie_of(request), clock_.now());
}

std::optional<http::Response> Gate::refuse_stranger(const http::Request& head) const {
    if (visitor(head)) return std::nullopt;
    return not_signed_in();
}

std::optional<http::Response> Gate::refuse_act(const http::Request& head,
                                               bool is_for_viewers) const {
    const auto who = visitor(head);
    if (!who) return not_signed_in();
    const std::string expected = signer_.csrf_token(cookie_of(head));
    if (is_from_elsewhere(head) || !equal_in_constant_time(expected, head.header("X-CSRF-Token"))) {
        return error_reply(403, "csrf",
                           "the header X-CSRF-Token is missing or another one: GET "
                           "/ops/api/session gives it; load the page again");
    }
    if (who->role == Role::views && !is_for_viewers) {
        return error_reply(403, "not_allowed",
                           "who signed in with OPS_TOKEN_READONLY may look and not act: sign in "
                           "with OPS_TOKEN");
    }
    return std::nullopt;
}

std::optional<Role> Gate::role_of(std::string_view token) const {
    // Both are compared always: which one it is takes no time of its own.
    const bool is_operator = is_same(options_.token, token);
    const bool is_viewer = is_same(options_.token_readonly, token);
    if (is_operator) return Role::operates;
    if (is_viewer) return Role::views;
    return std::nullopt;
}

bool Gate::is_over_limit(const std::string& client) {
    const std::scoped_lock lock{mutex_};
    return wrong_.is_over(client, clock_.steady_now());
}

// A flood of them is a line a second.
void Gate::note_wrong(const std::string& client) {
    webhook::RateLimit::Verdict verdict;
    {
        const std::scoped_lock lock{mutex_};
        verdict = wrong_.count(client, clock_.steady_now());
    }
    if (!verdict.is_over) {
        log_.warn("Wrong token for the console", {{"clientIp", client}});
    } else if (verdict.to_log > 0) {
        log_.warn("Wrong token for the console", {{"clientIp", client}, {"times", verdict.to_log}});
    }
}

http::Response Gate::sign_in(const http::Request& request) {
    const std::string client = client_of(request);
    if (is_from_elsewhere(request))
        return error_reply(403, "csrf",
                           "the request comes from a page of another site, or a proxy before "
                           "pgcourier does not hand the header Host on as it came");
    const bool is_json = request.header("Content-Type").starts_with("application/json");
    const twilio::Params fields =
        is_json ? twilio::json_fields(request.body) : twilio::decode_form(request.body);
    const std::string_view token = twilio::value_or_empty(fields, "token");
    const auto role = role_of(token);
    // Others may come from the same address: the proxy's, or that of a whole office.
    const bool gets_in_always = role && token.size() >= kLongToken;
    if (!gets_in_always && is_over_limit(client)) {
        note_wrong(client);
        http::Response response = error_reply(
            429, "too_many_attempts", "too many wrong tokens: wait a minute, then try once more");
        response.headers.emplace_back("Retry-After", "60");
        return response;
    }
    if (!role) {
        note_wrong(client);
        return error_reply(401, "wrong_token",
                           "this is not the token: it is the value of OPS_TOKEN, or of "
                           "OPS_TOKEN_READONLY, where the service runs");
    }
    log_.info("Signed in to the console",
              {{"clientIp", client}, {"role", *role == Role::operates ? "operator" : "viewer"}});
    return welcome(request, *role, twilio::value_or_empty(fields, "name"), is_json ? 200 : 303);
}

http::Response Gate::follow_link(const http::Request& request) {
    const std::string client = client_of(request);
    const std::string code{twilio::value_or_empty(twilio::decode_form(request.query()), "token")};
    // A proxy on this machine speaks for others. Where there is no link, and from where it could
    // not be used, nothing is counted: a page elsewhere could keep people out with requests of
    // theirs.
    const bool is_here = !options_.link_code.empty() && is_loopback(request.peer_address) &&
                         !request.headers.has("X-Forwarded-For") && request.method == "GET" &&
                         !is_from_elsewhere(request);
    bool is_good = false;
    if (is_here && !is_over_limit(client)) {
        const std::scoped_lock lock{mutex_};
        is_good = !is_link_used_ && is_same(options_.link_code, code);
        is_link_used_ = is_link_used_ || is_good;
    }
    if (!is_good) {
        if (is_here && !code.empty()) note_wrong(client);
        // A person is better served by the page, which lets in who is signed in already.
        if (request.header("Accept").find("text/html") != std::string_view::npos)
            return {.status = 303, .headers = {{"Location", "/ops"}}};
        return error_reply(401, "wrong_token",
                           "this link was used, or is none: go to /ops and sign in there");
    }
    return welcome(request, Role::operates, {}, 303);
}

http::Response Gate::welcome(const http::Request& request, Role role, std::string_view name,
                             int status) const {
    const Visitor visitor{.role = role, .name = cut_name(name), .expires = clock_.now() + kSession};
    const std::string value = signer_.sign(visitor, new_uuid());
    http::Response response =
        status == 303 ? http::Response{.status = 303} : json_reply(session_json(visitor, value));
    if (status == 303) response.headers.emplace_back("Location", "/ops");
    response.headers.emplace_back("Set-Cookie", cookie(request, value, seconds{kSession}.count()));
    return response;
}

http::Response Gate::sign_out(const http::Request& request) {
    if (const auto who = visitor(request)) {
        const WallTime now = clock_.now();
        const std::string_view value = cookie_of(request);
        const std::scoped_lock lock{mutex_};
        std::erase_if(signed_out_, [&](const auto& one) { return one.second <= now; });
        if (signed_out_.size() < kSignedOut) signed_out_.emplace(value, who->expires);
    }
    http::Response response{.status = 204};
    response.headers.emplace_back("Set-Cookie", cookie(request, "", 0));
    return response;
}

http::Response Gate::session(const http::Request& request) const {
    const auto json = session_json(request);
    return json ? json_reply(*json) : not_signed_in();
}

std::optional<std::string> Gate::session_json(const http::Request& request) const {
    const auto who = visitor(request);
    if (!who) return std::nullopt;
    return session_json(*who, cookie_of(request));
}

std::string Gate::session_json(const Visitor& visitor, std::string_view value) const {
    std::string json = "{\"role\":";
    json += visitor.role == Role::operates ? "\"operator\"" : "\"viewer\"";
    json += ",\"name\":" + (visitor.name.empty() ? "null" : twilio::json_string(visitor.name));
    json += ",\"csrf_token\":" + twilio::json_string(signer_.csrf_token(value));
    json += ",\"expires_at\":" + twilio::json_string(to_iso8601(visitor.expires));
    json += ",\"version\":" + twilio::json_string(options_.version);
    return json + '}';
}

std::string Gate::cookie(const http::Request& request, std::string_view value,
                         long seconds_left) const {
    std::string cookie =
        std::string{kCookie} + '=' + std::string{value} +
        "; Path=/ops; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds_left);
    if (is_https(request)) cookie += "; Secure";
    return cookie;
}

std::string Gate::client_of(const http::Request& request) const {
    return network_of(webhook::client_address(
        request.peer_address, request.headers.all("X-Forwarded-For"), options_.trusted_proxies));
}

bool Gate::is_https(const http::Request& request) const {
    // What stands before us need not be a trusted proxy to speak HTTPS.
    const bool is_public = !options_.https_host.empty() &&
                           http::equal_ignoring_case(request.header("Host"), options_.https_host);
    return options_.has_tls || is_public ||
           (options_.trusted_proxies.contains(request.peer_address) &&
            request.header("X-Forwarded-Proto").starts_with("https"));
}

}  // namespace pgcourier::console
