#pragma once
// Who is signed in, as a signed text in a cookie: there is no table of sessions. What a token has
// let in is signed with a key made of that token alone: every instance that has it takes the
// cookie, a restart ends nothing, another token ends all that the old one let in. Pure.

#include "base/clock.hpp"
#include "base/secret.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::console {

enum class Role { operates, views };

struct Visitor {
    Role role = Role::views;
    std::string name{};  // as they gave it at sign-in; may be empty
    WallTime expires{};
    /// For event_log: `console`, or `console: Zoé`.
    std::string by() const { return name.empty() ? "console" : "console: " + name; }
};

class Signer {
  public:
    /// Takes some 0.05 s a token: whoever has a cookie could try tokens against it at home.
    /// readonly  empty: nobody only views
    Signer(const Secret& token, const Secret& readonly);

    /// A cookie's value: letters, digits, `-`, `_` and `.`.
    /// nonce  makes two sign-ins in one millisecond differ
    std::string sign(const Visitor& visitor, std::string_view nonce) const;
    /// returns  nullopt when it is not ours, was changed, or has expired
    std::optional<Visitor> read(std::string_view value, WallTime now) const;

    /// What an act of whoever has this cookie must carry: a page of another site cannot know it.
    std::string csrf_token(std::string_view value) const;

  private:
    const Secret& key_of(Role role) const { return role == Role::operates ? operator_ : viewer_; }
    Secret operator_;
    Secret viewer_;  // empty: nobody only views
};

/// The values of the cookies of this name in a Cookie header, in its order. Of several, another
/// host of the same domain may have set all but one.
std::vector<std::string_view> cookie_values(std::string_view header, std::string_view name);

/// Letters, digits, `-` and `_` (RFC 4648, 5), without padding.
std::string to_base64url(std::string_view bytes);
/// returns  nullopt when it is none
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace pgcourier::console
