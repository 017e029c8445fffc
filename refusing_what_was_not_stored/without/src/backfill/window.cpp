#include "backfill/window.hpp"

#include "twilio/opt_out.hpp"

#include <algorithm>

namespace pgcourier::backfill {
namespace {

using namespace std::chrono;

// Over the minute that is left to webhooks, so that the last seconds of the gap are old enough.
constexpr seconds kAfterEnd{75};
constexpr seconds kAfterMargin{65};
constexpr milliseconds kFirstPause{5'000};
constexpr milliseconds kLongestPause{300'000};

}  // namespace

Window window_of(const Gap& gap, WallTime now, WallTime kept_from) {
    if (!gap.is_automatic) return {std::max(gap.since, kept_from), gap.until, now - kYoung};
    const WallTime from = gap.covered_until.value_or(gap.since) - kClockMargin;
    return {std::max(from, kept_from), gap.until + kClockMargin, now - kYoung};
}

std::vector<sys_days> days_of(const Window& window, WallTime now) {
    // Today's are asked for even where Twilio's day has begun and ours has not.
    const sys_days last = floor<days>(std::min(window.until, now + kClockMargin));
    std::vector<sys_days> all;
    for (sys_days day = floor<days>(window.from); day <= last; day += days{1}) all.push_back(day);
    return all;
}

std::optional<sys_seconds> date_of(const twilio::ListedMessage& message) {
    return message.sent ? message.sent : message.created;
}

Fate fate_of(const twilio::ListedMessage& message, const Window& window, Take take) {
    const auto date = date_of(message);
    if (!message.is_inbound() || !date) return Fate::other;
    // Twilio's dates have whole seconds.
    if (*date + seconds{1} <= window.from || *date > window.until) return Fate::other;
    const bool is_word = twilio::opt_word(message.body) != twilio::OptWord::none;
    if (take == Take::words) return is_word ? Fate::take : Fate::other;
    return *date > window.young ? Fate::young : Fate::take;
}

bool is_before(const std::vector<twilio::ListedMessage>& page, const Window& window) {
    return !page.empty() && std::ranges::all_of(page, [&](const twilio::ListedMessage& message) {
        const auto date = date_of(message);
        return date && *date + seconds{1} <= window.from;
    });
}

std::optional<milliseconds> next_walk_in(const Gap& gap, WallTime now) {
    if (!gap.is_automatic) return std::nullopt;
    const WallTime covered = gap.covered_until.value_or(gap.since);
    const WallTime end = gap.until + kClockMargin;
    if (covered >= end) return std::nullopt;
    const bool has_gap_itself = covered >= gap.until + (kAfterEnd - kYoung);
    const WallTime next = has_gap_itself ? end + kAfterMargin : gap.until + kAfterEnd;
    // A gap ends in the future where the database's clock went back.
    return std::clamp(milliseconds{next - now}, milliseconds{1'000}, milliseconds{kLongestWait});
}

// A walk at its end or later covers all but the last minute.
bool needs_deliveries(const Gap& gap) {
    return !gap.covered_until || *gap.covered_until + kYoung < gap.until;
}

milliseconds pause_after(int failures) {
    const int doublings = std::clamp(failures - 1, 0, 10);
    return std::min(kFirstPause * (1 << doublings), kLongestPause);
}

}  // namespace pgcourier::backfill
