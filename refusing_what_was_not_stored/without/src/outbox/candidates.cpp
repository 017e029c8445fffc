#include "outbox/candidates.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace pgcourier::outbox {
namespace {

using twilio::ListedMessage;

/// Blanks at the ends are not what tells two messages apart.
std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

struct Times {
    WallTime from;
    WallTime until;
    bool hold(const ListedMessage& message) const {
        return message.created && *message.created >= from && *message.created <= until;
    }
};

/// What may be the message, as far as people and times go. One without a date may be.
std::vector<const ListedMessage*> unexplained(const UnknownSend& send, const Listing& listing,
                                              const std::function<bool(std::string_view)>& is_known,
                                              const Times& times) {
    std::vector<const ListedMessage*> found;
    for (const ListedMessage& message : listing.messages) {
        const bool is_to_them = message.to == send.to;
        const bool is_from_us =
            send.from.empty() || message.from.empty() || message.from == send.from;
        const bool is_then = !message.created || times.hold(message);
        if (message.is_outbound() && is_to_them && is_from_us && is_then && !is_known(message.sid))
            found.push_back(&message);
    }
    return found;
}

LookStep try_again(std::string reason, int attempts, const LookPolicy& policy) {
    const bool is_last = attempts >= policy.max_attempts;
    return {.act = is_last ? LookAct::dead : LookAct::failed, .reason = std::move(reason)};
}

}  // namespace

Verdict judge(const UnknownSend& send, const Listing& listing,
              const std::function<bool(std::string_view sid)>& is_known, const SendWindow& window) {
    const Times sure{send.attempted - window.before, send.attempted + window.after};
    const Times possible{send.attempted - window.skew, send.attempted + window.after + window.skew};
    const auto candidates = unexplained(send, listing, is_known, possible);

    std::vector<const ListedMessage*> matches;
    for (const ListedMessage* candidate : candidates) {
        const bool is_text = send.is_template || trimmed(candidate->body) == trimmed(send.body);
        if (is_text && sure.hold(*candidate)) matches.push_back(candidate);
    }
    // Of equal texts any may be ours, and it does not matter which: each is adopted once. Of a
    // template we know no text, so that it must be the only thing that nobody explains.
    const bool is_clear = send.is_template ? candidates.size() == 1 : !matches.empty();
    if (!matches.empty() && is_clear) {
        const auto* oldest = *std::min_element(
            matches.begin(), matches.end(), [](const ListedMessage* a, const ListedMessage* b) {
                return a->created != b->created ? a->created < b->created : a->sid < b->sid;
            });
        return FoundAt{oldest->sid, oldest->from};
    }
    if (!candidates.empty()) {
        return Doubtful{"Twilio lists " + candidates.front()->sid +
                        ", which nobody here is known to have sent and which may be this message"};
    }
    if (!listing.is_whole) return Doubtful{"Twilio's list is too long to be read to its end"};
    return Absent{};
}

LookStep after_look(const Verdict& verdict, int looks, int attempts, const LookPolicy& policy) {
    if (const auto* found = std::get_if<FoundAt>(&verdict)) {
        return {.act = LookAct::sent, .sid = found->sid, .from = found->from};
    }
    // Also after a doubtful first look: another message may have been on its way, whose sid is
    // known by now.
    if (looks + 1 < policy.looks) return {.act = LookAct::next_look, .wait = policy.between_looks};
    if (const auto* doubtful = std::get_if<Doubtful>(&verdict)) {
        return {.act = LookAct::held, .reason = doubtful->reason};
    }
    return try_again("not sent: Twilio's list does not have it", attempts, policy);
}

LookStep after_failed_look(int failures, const LookPolicy& policy) {
    auto wait = policy.retry_base;
    for (int i = 0; i < failures && wait < policy.retry_cap; ++i) wait *= 2;
    return {.act = LookAct::retry_look, .wait = std::min(wait, policy.retry_cap)};
}

LookStep without_look(UnknownPolicy unknown, int attempts, const LookPolicy& policy) {
    switch (unknown) {
        case UnknownPolicy::hold:
            return {.act = LookAct::held,
                    .reason = "it may have been sent, and OUTBOX_UNKNOWN_POLICY is hold"};
        case UnknownPolicy::resend:
            return try_again("it may have been sent, and OUTBOX_UNKNOWN_POLICY is resend", attempts,
                             policy);
        case UnknownPolicy::reconcile:
            break;
    }
    throw std::logic_error{"a policy that asks Twilio"};
}

}  // namespace pgcourier::outbox
