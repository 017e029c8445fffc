#pragma once
// What the outcomes of a batch say about the scopes they share, and what becomes of each message in
// the light of that: a failure that is not its own uses no attempt. Pure; the rows are
// outbox_scopes.

#include "outbox/lanes.hpp"
#include "outbox/step.hpp"
#include "outbox/store.hpp"
#include "twilio/reply.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pgcourier::outbox {

/// A row of outbox_scopes, as it was locked, and then what the batch made of it.
struct Scope {
    std::string name;
    int calls = 1;
    int failures = 0;            // the run
    std::string failed_message;  // of the run's last failure
    bool is_open = false;
    int probes = 0;  // failed ones since it opened
    std::optional<std::chrono::milliseconds> success_ago;
    bool is_by_callback = false;  // what opened it was told after Twilio had taken the message

    bool has_success = false;
    bool is_opening = false;  // by this batch: alert
    bool is_closing = false;
    int code = 0;                                         // of its opening
    std::string reason;                                   // of its opening
    std::optional<std::chrono::milliseconds> probe_in{};  // nullopt: as it was
};

/// Which scopes a message stands in.
struct ScopeNames {
    std::string provider = "provider";
    std::string credentials;
};

/// What an outcome says about the scopes of its message.
enum class Bearing {
    success,      // the provider took the message or refused it for its own sake
    none,         // nothing: it never reached the provider
    throttled,    // too many requests of the account at the same time
    failure,      // of the provider: three in a row open a breaker
    credentials,  // the account or its credentials do not work
    sender        // the sender does not work, or is sent from too fast
};
Bearing bearing_of(const twilio::SendOutcome& outcome);

class Breaker {
  public:
    /// scopes  the provider, the credentials and the senders of all messages to be judged
    Breaker(std::vector<Scope> scopes, ScopeNames names, const RetryPolicy& policy);

    /// What becomes of one message; its scopes change with it. In the order in which the outcomes
    /// came.
    Step judge(const Claimed& message, const twilio::SendOutcome& outcome);

    const std::vector<Scope>& scopes() const { return scopes_; }

  private:
    Scope* find(const std::string& name);
    Step put_back(const Claimed& message, int code, const std::string& reason,
                  std::chrono::milliseconds wait) const;
    Step judge_systemic(const Claimed& message, const twilio::Refused& refused, Scope* scope) const;

    std::vector<Scope> scopes_;
    ScopeNames names_;
    const RetryPolicy& policy_;
};

}  // namespace pgcourier::outbox
