#pragma once
// Who may come in: sign-in by a token, the cookie that it gives, the token that an act must carry.
// On the server's threads; never waits.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "console/cookie.hpp"
#include "http/request.hpp"
#include "webhook/client_address.hpp"
#include "webhook/rate_limit.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace pgcourier::console {

struct GateOptions {
    Secret token;           // not empty
    Secret token_readonly;  // empty: nobody only views
    Secret link_code;       // signs in once, from this machine; empty: none
    webhook::TrustedProxies trusted_proxies;
    bool has_tls = false;      // the server speaks TLS itself
    std::string https_host{};  // that of WEBHOOK_PUBLIC_URL, where it begins with https
    std::string version;
};

/// Wrong tokens of one client that are told so, in a minute; more are answered 429. The right one
/// too, where it has fewer than 16 bytes and so could be guessed; a longer one gets in whatever
/// others try, also those of whom a proxy makes the same client. There is no bound for all
/// together.
constexpr std::uint64_t kWrong = 5;

class Gate {
  public:
    Gate(GateOptions options, const Clock& clock);

    /// Whoever has a cookie of ours that is still good.
    std::optional<Visitor> visitor(const http::Request& request) const;
    /// The cookie that is ours and good, a part of the request; empty when there is none.
    std::string_view cookie_of(const http::Request& request) const;
    /// 401 for whoever is not signed in; nothing for others.
    std::optional<http::Response> refuse_stranger(const http::Request& head) const;
    /// 401, or 403 without the CSRF token, or of a viewer where that may not act.
    std::optional<http::Response> refuse_act(const http::Request& head, bool is_for_viewers) const;

    /// POST /ops/sign-in, with the token in a form or in JSON.
    http::Response sign_in(const http::Request& request);
    /// GET /ops/sign-in?token=…, the link of `dev`.
    http::Response follow_link(const http::Request& request);
    /// POST /ops/sign-out. This process takes the cookie no more; another one, and this one after a
    /// restart, would take a copy of it until its end. What goes on with it is the caller's to end.
    http::Response sign_out(const http::Request& request);
    /// GET /ops/api/session.
    http::Response session(const http::Request& request) const;
    /// Its answer as JSON; nothing for whoever is not signed in.
    std::optional<std::string> session_json(const http::Request& request) const;

  private:
    std::optional<Role> role_of(std::string_view token) const;
    bool is_over_limit(const std::string& client);
    void note_wrong(const std::string& client);
    http::Response welcome(const http::Request& request, Role role, std::string_view name,
                           int status) const;
    std::string cookie(const http::Request& request, std::string_view value, long seconds) const;
    std::string session_json(const Visitor& visitor, std::string_view value) const;
    std::string client_of(const http::Request& request) const;
    bool is_https(const http::Request& request) const;

    const GateOptions options_;
    const Clock& clock_;
    const Signer signer_;
    const Log log_{"Console"};
    mutable std::mutex mutex_;
    webhook::RateLimit wrong_;                                 // guarded by mutex_
    bool is_link_used_ = false;                                // guarded by mutex_
    std::map<std::string, WallTime, std::less<>> signed_out_;  // guarded by mutex_; until when
};

}  // namespace pgcourier::console
