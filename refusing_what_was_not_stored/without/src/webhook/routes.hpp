#pragma once
// Where Twilio's webhooks arrive: limit, verify, read, hand to the inbox, answer after its commit.
// A request is answered 200 only when it is on disk, or dropped on request of
// WEBHOOK_RATE_LIMIT_DROP_SIGNED.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "http/routes.hpp"
#include "inbox/writer.hpp"
#include "webhook/client_address.hpp"
#include "webhook/signing_keys.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace pgcourier::webhook {

struct Options {
    std::string public_url;  // scheme and host; empty: rebuilt from the request
    TrustedProxies trusted_proxies;
    std::shared_ptr<SigningKeys> signing_keys;
    std::uint64_t rate_limit_max = 120;
    std::chrono::milliseconds rate_limit_window{60'000};
    bool drops_signed_over_limit = false;
    std::chrono::milliseconds deadline{900};
    /// A webhook was answered 503, which Twilio does not repeat, since the inbox took none then.
    /// From any thread.
    std::function<void()> on_unavailable{};
    /// The same of one that the database refused, which takes others, perhaps.
    std::function<void()> on_refused{};
};

/// How long signed webhooks took to be answered; of the process.
Histogram& answer_times();

/// returns  the webhook's part of the configuration, or the trusted proxy that is none
Result<Options> options_from(const Config& config);

/// Adds POST /webhooks/twilio, /api/webhooks/twilio and /webhooks/twilio/status.
///
/// writer, clock  outlive the server that serves these routes
void add_routes(http::Routes& routes, Options options, inbox::Writer& writer, const Clock& clock);

}  // namespace pgcourier::webhook
