#pragma once
// What Twilio's list says, as the webhook would have said it: the same key, so that whichever comes
// second is a repetition, and the same fields, so that the router needs to know no other. Pure.

#include "inbox/event.hpp"
#include "twilio/message_list.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace pgcourier::backfill {

/// The inbound message. The list tells neither profile name nor WaId nor ExternalUserId, no button,
/// list, location, quoted message or referral; its date goes along as `DateSent`.
///
/// media    of it, in order
/// returns  nullopt: it has no sender or receiver that could be one
std::optional<inbox::NewEvent> message_event(const twilio::ListedMessage& message,
                                             const std::vector<twilio::Media>& media,
                                             std::string_view account_sid);

/// The state of a sent message, as its callback would have told it, at the time of its last change.
///
/// returns  nullopt: a state that says nothing yet (queued, sending…), or none that we know
std::optional<inbox::NewEvent> status_event(const twilio::ListedMessage& message,
                                            std::string_view account_sid);

}  // namespace pgcourier::backfill
