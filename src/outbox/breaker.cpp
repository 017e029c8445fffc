#include "outbox/breaker.hpp"

#include <algorithm>
#include <variant>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

constexpr int kRun = 3;
// A message that was put back so often is suspected to be the cause itself: what happens to it
// while others are sent uses attempts.
constexpr int kSuspect = 3;
constexpr milliseconds kSuspectWaits{30'000};
// Others were sent so recently that one message's failures are its own.
constexpr milliseconds kRecently{60'000};
// Of an account that sends too much at the same time.
constexpr int kMostWhenThrottled = 64;
// So long after Twilio has taken a message it may still tell that its sender does not work.
constexpr milliseconds kCallbackWithin{30'000};

// At most one probe a minute.
constexpr milliseconds kFirstProbe{60'000};
constexpr milliseconds kFirstProbeOfRun{10'000};
constexpr milliseconds kLongestProbe{300'000};
constexpr int kMostDeferrals = 32'767;  // the column's largest

milliseconds probe_interval(int failed_probes) {
    auto wait = kFirstProbe;
    for (int i = 1; i < failed_probes && wait < kLongestProbe; ++i) wait *= 2;
    return std::min(wait, kLongestProbe);
}

void succeed(Scope& scope, bool is_probe) {
    // While it is open, a success may be of a call that began before: only a probe's counts.
    if (scope.is_open && !is_probe) return;
    if (scope.is_open && scope.is_by_callback) {
        // Taken it was before too. The next probe's success counts, if no callback comes until
        // then.
        scope.is_by_callback = false;
        scope.probe_in = kCallbackWithin;
        return;
    }
    const bool is_cold = !scope.success_ago || *scope.success_ago > kColdAfter;
    const int calls = is_cold || scope.is_open ? 1 : scope.calls;
    scope.calls = std::min(calls * 2, kFullSpeed);
    scope.is_closing = scope.is_closing || (scope.is_open && !scope.is_opening);
    scope.is_open = false;
    scope.is_opening = false;
    scope.failures = 0;
    scope.failed_message.clear();
    scope.probes = 0;
    scope.probe_in.reset();
    scope.has_success = true;
    scope.success_ago = milliseconds{0};
}

void fail(Scope& scope, bool is_probe, int code, const std::string& reason,
          milliseconds first_probe) {
    if (!scope.is_open) {
        scope.is_open = true;
        scope.is_opening = !scope.is_closing;
        scope.is_closing = false;
        scope.calls = 1;
        scope.code = code;
        scope.reason = reason;
        scope.probe_in = first_probe;
    } else if (is_probe) {
        ++scope.probes;
        scope.probe_in = std::max(first_probe, probe_interval(scope.probes));
    }
}

bool was_well_a_moment_ago(const Scope& scope) {
    return !scope.is_open && scope.success_ago && *scope.success_ago <= kRecently;
}

/// The parts of an outcome that do not depend on what it is.
struct Facts {
    int code = 0;
    int http_status = 0;
    std::string reason;
    std::optional<milliseconds> retry_after;
    bool is_surely_not_sent = true;
};

struct ReadFacts {
    Facts operator()(const twilio::Accepted&) const { return {}; }
    Facts operator()(const twilio::Refused& r) const {
        return {r.code, r.http_status, r.reason, r.retry_after};
    }
    Facts operator()(const twilio::ProviderDown& d) const {
        return {d.code, d.http_status, d.reason, d.retry_after};
    }
    Facts operator()(const twilio::OutcomeUnknown& u) const {
        return {u.code, u.http_status, u.reason, std::nullopt, false};
    }
};

struct ReadBearing {
    Bearing operator()(const twilio::Accepted&) const { return Bearing::success; }
    Bearing operator()(const twilio::ProviderDown&) const { return Bearing::failure; }
    Bearing operator()(const twilio::OutcomeUnknown&) const { return Bearing::failure; }
    Bearing operator()(const twilio::Refused& refused) const {
        using twilio::ErrorClass;
        const bool is_senders = refused.scope == twilio::ErrorScope::sender;
        if (refused.error_class == ErrorClass::systemic)
            return is_senders ? Bearing::sender : Bearing::credentials;
        if (refused.error_class == ErrorClass::rate_limited)
            return is_senders ? Bearing::sender : Bearing::throttled;
        if (refused.error_class == ErrorClass::ambiguous || refused.http_status >= 500)
            return Bearing::failure;
        return refused.http_status == 0 ? Bearing::none : Bearing::success;
    }
};

// What nobody knows, a page of a firewall's or a new code, may be said of one shop's messages
// alone: while others are sent its number pauses, and not the account. Of three numbers in a row it
// is the account's.
bool is_senders_alone(const Claimed& message, const twilio::Refused& refused, Scope* credentials,
                      const Scope* sender) {
    if (!refused.is_guess || !sender || !credentials || !was_well_a_moment_ago(*credentials))
        return false;
    if (credentials->failed_message != message.from) {
        ++credentials->failures;
        credentials->failed_message = message.from;
    }
    return credentials->failures < kRun;
}

}  // namespace

Bearing bearing_of(const twilio::SendOutcome& outcome) {
    return std::visit(ReadBearing{}, outcome);
}

Breaker::Breaker(std::vector<Scope> scopes, ScopeNames names, const RetryPolicy& policy)
    : scopes_{std::move(scopes)}, names_{std::move(names)}, policy_{policy} {}

Scope* Breaker::find(const std::string& name) {
    const auto found = std::ranges::find(scopes_, name, &Scope::name);
    return found == scopes_.end() ? nullptr : &*found;
}

Step Breaker::put_back(const Claimed& message, int code, const std::string& reason,
                       milliseconds wait) const {
    return PutBack{wait, code, reason, std::min(message.deferrals + 1, kMostDeferrals)};
}

// Of the account or the sender, or of this message alone? One that hits one message again and
// again, while others are sent, is the message's own.
Step Breaker::judge_systemic(const Claimed& message, const twilio::Refused& refused,
                             Scope* scope) const {
    const bool is_suspect =
        message.deferrals >= kSuspect && scope && was_well_a_moment_ago(*scope) &&
        (scope->failed_message.empty() || scope->failed_message == message.id.value);
    if (is_suspect) {
        scope->failed_message = message.id.value;
        if (message.attempt >= policy_.max_attempts)
            return DeadLetter{refused.code, refused.reason + " (others are sent)"};
        return RetryAfter{kSuspectWaits, refused.code, refused.reason};
    }
    if (scope) {
        fail(*scope, message.is_probe, refused.code, refused.reason,
             std::min(refused.retry_after.value_or(kFirstProbe), kLongestProbe));
    }
    return put_back(message, refused.code, refused.reason, milliseconds{0});
}

Step Breaker::judge(const Claimed& message, const twilio::SendOutcome& outcome) {
    const Bearing bearing = bearing_of(outcome);
    const Facts facts = std::visit(ReadFacts{}, outcome);
    Scope* const provider = find(names_.provider);
    Scope* const credentials = find(names_.credentials);
    Scope* const sender = find(sender_scope(message.from));
    const auto first_probe = [&](milliseconds usual) { return facts.retry_after.value_or(usual); };

    switch (bearing) {
        case Bearing::success:
            for (Scope* scope : {provider, credentials, sender}) {
                if (scope) succeed(*scope, message.is_probe);
            }
            return next_step(outcome, message.attempt, policy_);

        case Bearing::none:
            return next_step(outcome, message.attempt, policy_);

        case Bearing::throttled: {
            // Fewer at once, and the message waits longer each time.
            if (credentials && !credentials->is_open)
                credentials->calls =
                    std::max(1, std::min(credentials->calls, kMostWhenThrottled) / 2);
            const auto wait = backoff(message.deferrals + 1, policy_);
            return put_back(message, facts.code, facts.reason,
                            std::max(wait, facts.retry_after.value_or(wait)));
        }

        case Bearing::credentials:
        case Bearing::sender: {
            const auto& refused = std::get<twilio::Refused>(outcome);
            const bool is_senders = bearing == Bearing::sender ||
                                    is_senders_alone(message, refused, credentials, sender);
            Scope* const scope = is_senders && sender ? sender : credentials;
            if (refused.error_class == twilio::ErrorClass::systemic)
                return judge_systemic(message, refused, scope);
            if (scope) {
                fail(*scope, message.is_probe, facts.code, facts.reason,
                     first_probe(kFirstProbeOfRun));
            }
            return put_back(message, facts.code, facts.reason, milliseconds{0});
        }

        case Bearing::failure:
            break;
    }

    // The provider does not work, for all of its senders or for this one.
    bool is_open = false;
    int run = 0;
    for (Scope* scope : {provider, sender}) {
        if (!scope || is_open) continue;
        if (scope->is_open) {
            fail(*scope, message.is_probe, facts.code, facts.reason, kFirstProbe);
        } else {
            // An answer that one message gets again and again, while others were sent a moment
            // ago, is about that message.
            const bool is_repeated = facts.http_status != 0 &&
                                     scope->failed_message == message.id.value &&
                                     was_well_a_moment_ago(*scope);
            if (!is_repeated) ++scope->failures;
            scope->failed_message = message.id.value;
            // One call is no harm, whatever a proxy on the way asks for.
            if (scope->failures >= kRun)
                fail(*scope, message.is_probe, facts.code, facts.reason,
                     std::min(first_probe(kFirstProbeOfRun), kLongestProbe));
        }
        is_open = is_open || scope->is_open;
        run = std::max(run, scope->failures);
    }
    Step step = next_step(outcome, message.attempt, policy_);
    if (!facts.is_surely_not_sent) return step;
    if (is_open) return put_back(message, facts.code, facts.reason, milliseconds{0});
    // Perhaps an outage that has just begun: it must not have the last attempts.
    if (std::holds_alternative<DeadLetter>(step) && run > 1)
        return put_back(message, facts.code, facts.reason, backoff(message.attempt, policy_));
    return step;
}

}  // namespace pgcourier::outbox
