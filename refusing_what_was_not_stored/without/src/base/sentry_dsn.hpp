#pragma once
// A Sentry DSN: where errors are reported to, and the key that lets us.
// https://develop.sentry.dev/sdk/foundations/transport/authentication/

#include "base/secret.hpp"

#include <optional>
#include <string>

namespace pgcourier {

struct SentryDsn {
    Secret text;               // as given
    std::string envelope_url;  // where envelopes are posted, without the key
    Secret public_key;
    Secret secret_key;  // of old servers; mostly empty
};

/// `https://key@host/project`, with a path before the project where the server has one.
/// returns  nullopt for anything else
std::optional<SentryDsn> parse_dsn(const Secret& dsn);

}  // namespace pgcourier
