#include "outbox/step.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace pgcourier::outbox {
namespace {

// Twilio's own wish counts when it is longer than our wait.
Step retry(int attempts, const RetryPolicy& policy, int code, const std::string& reason,
           std::optional<std::chrono::milliseconds> retry_after) {
    if (attempts >= policy.max_attempts) return DeadLetter{code, reason};
    const auto wait = backoff(attempts, policy);
    return RetryAfter{std::max(wait, retry_after.value_or(wait)), code, reason};
}

struct Decide {
    int attempts;
    const RetryPolicy& policy;

    Step operator()(const twilio::Accepted& accepted) const {
        return MarkSent{accepted.message_sid};
    }

    Step operator()(const twilio::Refused& refused) const {
        using twilio::ErrorClass;
        if (refused.error_class == ErrorClass::ambiguous) {
            return Reconcile{refused.code, refused.reason};
        }
        if (refused.error_class == ErrorClass::systemic)
            throw std::logic_error{"a systemic refusal is judged with its scope"};
        // Nobody knows this refusal: it is believed when it is not the first attempt's.
        const bool is_believed = refused.permanent_on_repeat && attempts > 1;
        if (refused.permanent || is_believed) return DeadLetter{refused.code, refused.reason};
        return retry(attempts, policy, refused.code, refused.reason, refused.retry_after);
    }

    Step operator()(const twilio::ProviderDown& down) const {
        return retry(attempts, policy, down.code, down.reason, down.retry_after);
    }

    Step operator()(const twilio::OutcomeUnknown& unknown) const {
        return Reconcile{unknown.code, unknown.reason};
    }
};

}  // namespace

std::chrono::milliseconds backoff(int attempts, const RetryPolicy& policy) {
    auto wait = policy.base;
    for (int i = 1; i < attempts && wait < policy.cap; ++i) wait *= 2;
    return std::min(wait, policy.cap);
}

Step next_step(const twilio::SendOutcome& outcome, int attempts, const RetryPolicy& policy) {
    return std::visit(Decide{attempts, policy}, outcome);
}

}  // namespace pgcourier::outbox
