#pragma once
// When this process answered webhooks 503, which Twilio does not repeat: the database took other
// statements perhaps, but no events (a lock, too many waiting). Once that is over it is a gap.

#include "base/clock.hpp"

#include <chrono>
#include <mutex>
#include <optional>

namespace pgcourier::backfill {

/// All of it is safe from any thread.
class Refusals {
  public:
    /// Over when there was none for so long: a gap for all of them, not one for each.
    static constexpr std::chrono::seconds kQuiet{15};
    /// A webhook is answered within WEBHOOK_DEADLINE_MS, or told to be refused some seconds later.
    static constexpr std::chrono::seconds kToldLate{10};

    void note(SteadyTime now);
    /// Whether there was one within kQuiet.
    bool go_on(SteadyTime now) const;
    /// How long ago webhooks began to be refused, once that is over. nullopt: none was
    std::optional<std::chrono::milliseconds> over(SteadyTime now) const;
    /// The same without waiting until it is over, for a process that ends.
    std::optional<std::chrono::milliseconds> pending(SteadyTime now) const;
    /// They are written down as a gap. What came after `now` stays.
    void forget(SteadyTime now);

  private:
    mutable std::mutex mutex_;
    std::optional<SteadyTime> first_;  // guarded by mutex_
    SteadyTime last_{};                // guarded by mutex_
};

}  // namespace pgcourier::backfill
