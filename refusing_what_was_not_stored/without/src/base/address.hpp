#pragma once
// Addresses of people and shops: E.164 numbers or WhatsApp user ids (people can hide their number).
// Stored and compared without Twilio's `whatsapp:` prefix; shown masked.

#include <string>
#include <string_view>

namespace pgcourier {

/// Without a leading `whatsapp:` (any case) and without spaces around.
std::string_view bare_address(std::string_view address);

/// `+` and 8 to 15 digits, the first not 0.
bool is_e164(std::string_view address);

/// A business-scoped user id: `FR.1349…` or `US.ENT.…` (two capitals, a dot, up to 128 letters and
/// digits).
bool is_user_id(std::string_view address);

/// For logs and metrics: `+33612345678` is `+336…78`, a user id keeps its country, anything else
/// becomes `…`.
std::string masked(std::string_view address);

}  // namespace pgcourier
