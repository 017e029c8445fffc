#pragma once
// What the simulator does differently from a healthy Twilio, as rules. The first rule that fits a
// call decides it.

#include "base/result.hpp"
#include "base/rng.hpp"
#include "sim/progress.hpp"
#include "twilio/form.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::sim {

enum class ApiCall { create, list, fetch, media, account, senders };

enum class Answer {
    normal,     // as Twilio does; perhaps late
    error,      // `status` with Twilio's `code`; with code 0 a gateway's HTML page
    hang,       // none, until `delay` (or two minutes) has passed and the connection is reset
    reset,      // none, the connection is reset at once
    close,      // none, the connection is closed without a byte
    cut,        // half of the answer's bytes, then the connection is closed
    truncated,  // a whole answer that holds half of its JSON
    invalid,    // an answer that is no JSON
    huge,       // the answer and `size` bytes of blanks
    empty       // an answer without a body
};

std::string_view to_text(ApiCall call);
std::string_view to_text(Answer answer);

struct Behaviour {
    Answer answer = Answer::normal;
    std::optional<bool> processes;  // whether the call takes effect; by default all but `error` do
    int status = 500;               // of `error`
    int code = 0;
    std::string message;                             // empty: what the table of codes says
    std::optional<int> retry_after;                  // seconds, the header
    std::optional<std::chrono::milliseconds> delay;  // before the answer; the effect is at once
    std::size_t size = 10 * 1024 * 1024;
    ProgressChange progress;

    bool is_processed() const { return processes.value_or(answer != Answer::error); }
};

struct Rule {
    // Which calls; what is empty fits all.
    std::optional<ApiCall> call = ApiCall::create;  // nullopt: any
    std::string to;                                 // with or without `whatsapp:`
    std::string from;
    std::string body_prefix;
    std::uint64_t skip = 0;   // so many calls that fit are let through first
    std::uint64_t times = 0;  // and after so many decisions the rule is spent; 0: never
    double probability = 1;

    Behaviour then;
};

/// Reads a rule from flat fields, as a form or a JSON object has them: `call` (create, list, fetch,
/// media, account, senders, any), `to`, `from`, `body_prefix`, `skip`, `times`, `probability`;
/// `answer` (a name of Answer; with `status` alone it is error), `processes`, `status`, `code`,
/// `message`, `retry_after`, `delay_ms`, `size`; for what follows an accepted message `callbacks`,
/// `step_ms`, `last`, `error_code`, `copies`, `shuffled`, `loss` (Progress).
///
/// returns  the rule, or which field is wrong, what was found and what is expected
Result<Rule> read_rule(const twilio::Params& fields);

/// Reads rules from a form, or from JSON objects, one a line.
Result<std::vector<Rule>> read_rules(std::string_view text);

struct CallFacts {
    ApiCall call;
    std::string_view to;
    std::string_view from;
    std::string_view body;
};

/// The rules in force. Safe from any thread.
class Script {
  public:
    explicit Script(std::uint64_t seed) : rng_{seed} {}

    /// A rule stands behind those added before.
    void add(Rule rule);
    void clear();
    std::size_t size() const;

    /// returns  the first fitting rule's behaviour, and counts it; nullopt when none fits
    std::optional<Behaviour> decide(const CallFacts& facts);

  private:
    struct Counted {
        Rule rule;
        std::uint64_t fitting = 0;
        std::uint64_t decided = 0;
    };
    mutable std::mutex mutex_;
    std::vector<Counted> rules_;  // guarded by mutex_
    Rng rng_;                     // guarded by mutex_
};

}  // namespace pgcourier::sim
