#pragma once
// Words with which a person stops and resumes messages. On WhatsApp Twilio acts on none of them:
// the application must.

#include <string_view>

namespace pgcourier::twilio {

enum class OptWord { none, stop, start };

/// What the message, as a whole, asks for: STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE,
/// OPTOUT, OPT-OUT, ARRÊT, DÉSABONNER stop, START, UNSTOP, REPRENDRE start, with or without
/// accents, composed or decomposed, in any case, with any Unicode space around and punctuation
/// after, alone or followed only by courtesies (please, svp, s'il vous plaît, merci).
///
/// is_choice  it is the text of a button or of a list's entry, which the shop wrote: CANCEL, END,
///            QUIT, REVOKE, START and REPRENDRE are then about something else ("Cancel" an order)
OptWord opt_word(std::string_view body, bool is_choice = false);

}  // namespace pgcourier::twilio
