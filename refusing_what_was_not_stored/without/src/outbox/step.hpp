#pragma once
// What becomes of a message after an attempt at sending it: the whole retry policy, as a function
// of values.

#include "twilio/reply.hpp"

#include <chrono>
#include <string>
#include <variant>

namespace pgcourier::outbox {

struct RetryPolicy {
    int max_attempts = 5;                   // in all; OUTBOX_MAX_RETRIES
    std::chrono::milliseconds base{1'000};  // the wait after the first failure; doubles with each
    std::chrono::milliseconds cap{30'000};  // OUTBOX_BACKOFF_MAX_MS
};

/// Twilio has it.
struct MarkSent {
    std::string message_sid;
};

/// Surely not sent: `failed`, due again after `wait`.
struct RetryAfter {
    std::chrono::milliseconds wait;
    int code = 0;  // Twilio's, 0: none
    std::string reason;
};

/// Given up: `dead`, with one dead letter.
struct DeadLetter {
    int code = 0;
    std::string reason;
};

/// Surely not sent, and not the message's fault: `pending`, due after `wait`, the attempt returned.
struct PutBack {
    std::chrono::milliseconds wait;
    int code = 0;
    std::string reason;
    int deferrals = 0;  // as the row is to hold them
};

/// It may have been sent: `unknown`, never sent again before somebody knows.
struct Reconcile {
    int code = 0;
    std::string reason;
};

using Step = std::variant<MarkSent, RetryAfter, DeadLetter, PutBack, Reconcile>;

/// min(2^(attempts-1) × base, cap), without jitter.
///
/// attempts  made so far, from 1
std::chrono::milliseconds backoff(int attempts, const RetryPolicy& policy);

/// What becomes of a message after an attempt, by its own outcome alone: what concerns others too
/// (breaker.hpp) is decided before.
///
/// attempts  made so far, this one included; from 1
/// throws    std::logic_error for a systemic refusal: that is never the message's own
Step next_step(const twilio::SendOutcome& outcome, int attempts, const RetryPolicy& policy);

}  // namespace pgcourier::outbox
