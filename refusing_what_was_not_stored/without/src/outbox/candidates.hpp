#pragma once
// Whether a message of unknown outcome is at Twilio, and what becomes of it then: pure decisions
// over what Twilio's list says and what is known here. They err towards not sending again.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "twilio/message_list.hpp"

#include <chrono>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace pgcourier::outbox {

/// A send that nobody knows the outcome of.
struct UnknownSend {
    std::string to;    // bare
    std::string from;  // bare; empty: not known, so that any sender may have been ours
    std::string body;
    bool is_template = false;  // what Twilio lists is a text that we do not know
    WallTime attempted;        // when it was claimed, by the database's clock
};

/// When Twilio may have created the message of an attempt.
struct SendWindow {
    /// By clocks that agree: the attempt began after it was claimed, and its last byte left or was
    /// given up a little later. Twilio's times have whole seconds.
    std::chrono::seconds before{5};
    std::chrono::seconds after{31};  // 1 s to start, 10 s call, 10 s TCP_USER_TIMEOUT, 10 s Twilio
    /// How far Twilio's clock and the database's may be apart. What lies outside the times above
    /// and within this is not adopted, and not taken for nothing either.
    std::chrono::seconds skew{300};
};

/// It was taken.
struct FoundAt {
    std::string sid;
    std::string from;  // bare
};
/// It is not there.
struct Absent {};
/// Something is there that nobody here sent, and that it may be: a body that Twilio has rewritten
/// (link shortening, smart encoding), or clocks that disagree.
struct Doubtful {
    std::string reason;
};
using Verdict = std::variant<FoundAt, Absent, Doubtful>;

struct Listing {
    std::vector<twilio::ListedMessage> messages;
    bool is_whole = true;  // reaches back beyond the window
};

/// Looks for the message in what Twilio lists for its recipient.
///
/// is_known  whether a sid belongs to another message, or was adopted for one
Verdict judge(const UnknownSend& send, const Listing& listing,
              const std::function<bool(std::string_view sid)>& is_known, const SendWindow& window);

struct LookPolicy {
    int max_attempts = 5;  // OUTBOX_MAX_RETRIES
    int looks = 2;         // that must not find it before it is taken for not sent
    std::chrono::milliseconds between_looks{15'000};
    // Of a look that failed: doubles with each, up to the cap.
    std::chrono::milliseconds retry_base{5'000};
    std::chrono::milliseconds retry_cap{60'000};
};

/// What becomes of the message. `next_look` and `retry_look` leave it unknown.
enum class LookAct { sent, failed, dead, held, next_look, retry_look };

struct LookStep {
    LookAct act = LookAct::retry_look;
    std::string sid;                    // sent
    std::string from;                   // sent
    std::string reason;                 // failed, dead, held
    std::chrono::milliseconds wait{0};  // next_look, retry_look
};

/// After a look that Twilio answered.
///
/// looks     answered ones before this
/// attempts  made at sending it
LookStep after_look(const Verdict& verdict, int looks, int attempts, const LookPolicy& policy);

/// After one that it did not answer, which counts for nothing.
///
/// failures  in a row before this
LookStep after_failed_look(int failures, const LookPolicy& policy);

/// When the first look is due and Twilio is not to be asked: `hold` or `resend`.
LookStep without_look(UnknownPolicy unknown, int attempts, const LookPolicy& policy);

}  // namespace pgcourier::outbox
