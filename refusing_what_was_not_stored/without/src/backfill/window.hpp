#pragma once
// Which of the messages that Twilio lists are to be fetched, and when its list is read again. Pure;
// all times are the database's, the one clock that all instances share.

#include "base/clock.hpp"
#include "twilio/message_list.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace pgcourier::backfill {

/// How far Twilio's clock may be from ours. A gap is read with so much on either side.
inline constexpr std::chrono::minutes kClockMargin{5};
/// What is younger is left to its webhook, which tells more than the list does: Twilio calls for 15
/// s, and its clock and ours may differ.
inline constexpr std::chrono::seconds kYoung{60};
/// Longer than a gap ever waits, for its next walk or after a failure. One that is due later than
/// that is due: the database's clock went back.
inline constexpr std::chrono::minutes kLongestWait{10};

/// A gap as its row has it.
struct Gap {
    WallTime since;
    WallTime until;
    std::optional<WallTime> covered_until;  // of Twilio's dates, by earlier walks
    bool is_automatic = true;  // else a person's, who means the times as they stand, once
};

/// The dates of one walk through the list: from `from` to `until`, both included.
struct Window {
    WallTime from;
    WallTime until;
    WallTime young;  // from here on messages are left to their webhooks
};

/// What a walk at `now` has to look at, not further back than `kept_from`: what is older may have
/// been here and been deleted.
Window window_of(const Gap& gap, WallTime now, WallTime kept_from);

/// The days in GMT on which the window's messages were sent, the oldest first.
std::vector<std::chrono::sys_days> days_of(const Window& window, WallTime now);

enum class Take {
    words,  // STOP and START only: at once, however young they are, since sending waits for them
    all
};

enum class Fate {
    take,
    other,  // of another time, or no message of a person's
    young   // left to its webhook
};

/// What is to be done about a listed message, if it is not here yet.
Fate fate_of(const twilio::ListedMessage& message, const Window& window, Take take);

/// Twilio's date of it: when it was sent, else when it was created.
std::optional<std::chrono::sys_seconds> date_of(const twilio::ListedMessage& message);

/// Whether the whole page is older than the window: Twilio lists the newest first.
bool is_before(const std::vector<twilio::ListedMessage>& page, const Window& window);

/// After a whole walk: how long until the next one. It reads what was too young; the last one, what
/// a clock of Twilio's that goes ahead has dated after the end.
///
/// returns  nullopt: nothing is left to be read
std::optional<std::chrono::milliseconds> next_walk_in(const Gap& gap, WallTime now);

/// Whether what became of sent messages is to be read after this walk of messages: after the first
/// one, and after each that another gap was added before.
bool needs_deliveries(const Gap& gap);

/// How long to wait after failure number `failures`, from 1: 5 s, 10 s… up to 5 minutes.
std::chrono::milliseconds pause_after(int failures);

}  // namespace pgcourier::backfill
