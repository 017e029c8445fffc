#pragma once
// A message as a call to Twilio, and what came of the call as an outcome. Pure.

#include "base/secret.hpp"
#include "http/client.hpp"
#include "outbox/store.hpp"
#include "twilio/reply.hpp"

#include <chrono>
#include <string>

namespace pgcourier::outbox {

struct Provider {
    std::string base_url;  // no trailing slash
    std::string account_sid;
    std::string user;  // of basic authentication: an account or a key
    Secret password;
    std::string
        callback_url;  // where delivery callbacks go, without query; empty: none are asked for
    std::chrono::milliseconds timeout{10'000};  // for a whole call
};

/// The scope of these credentials: `credentials:` and eight digits of a hash. New ones are another
/// scope, so that nobody waits for the breaker of the old ones.
std::string credentials_scope(const Provider& provider);

/// The request that sends it. Its StatusCallback carries message and call, so that the callback
/// settles the message by itself, even when the answer to this call is lost.
http::Call call_for(const Claimed& message, const Provider& provider);

/// A call without a whole answer may have been carried out, unless surely nothing was sent.
twilio::SendOutcome outcome_of(const http::Outcome& outcome);

}  // namespace pgcourier::outbox
