#pragma once
// The calls that `pgcourier doctor` makes of Twilio: each only reads, and waits for a bounded time.

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "doctor/finding.hpp"
#include "doctor/limits.hpp"
#include "http/client.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pgcourier::doctor {

struct Credentials {
    std::string user;
    Secret password;
    std::string variable;  // that the password comes from
};

struct Answer {
    int status = 0;  // 0: none came
    int code = 0;    // Twilio's own, of a refusal
    std::string body{};
    std::string why{};  // of all but 200: in words, without a body or a secret
    /// By how much Twilio's clock is before this host's, and how far that may be wrong.
    struct Ahead {
        std::chrono::milliseconds by;
        std::chrono::milliseconds uncertainty;
    };
    std::optional<Ahead> ahead{};

    bool is_there() const { return status != 0; }
    bool is_good() const { return status == 200; }
    /// These credentials may not read this.
    bool is_refusal() const { return status == 401 || status == 403 || status == 404; }
};

class TwilioCalls {
  public:
    TwilioCalls(const Limits& limits, const Clock& clock);

    /// Waits for the whole answer, `Limits::answer_timeout` at most.
    Answer get(const std::string& url, const Credentials& credentials);

  private:
    const Limits& limits_;
    const Clock& clock_;
    http::Client client_;
};

}  // namespace pgcourier::doctor
