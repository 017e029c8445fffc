#pragma once
// When the sender asks the database for due messages: after each wake, at the time at which the
// next one falls due, and never else, so that being idle costs nothing.

#include "base/clock.hpp"

#include <chrono>
#include <optional>

namespace pgcourier::outbox {

class Looks {
  public:
    /// Look at once, then again after 5, 10, 20 … ms for at least a second: a writer does not
    /// notify while another committing transaction does, so that a wake may come a moment before
    /// the row that it is also meant for.
    void woken(SteadyTime now);

    /// After a look.
    ///
    /// may_find_more  it took all that it asked for, or moved rows out of the way: look again at
    /// once next_due       until the next row falls due. Zero: one is due that was not claimable,
    /// since another claim has it
    ///                locked or its conversation is just being settled; then again soon, at growing
    ///                intervals up to 1 s
    /// limited_for    until a rate or a breaker lets more through
    void looked(SteadyTime now, bool may_find_more,
                std::optional<std::chrono::milliseconds> next_due,
                std::optional<std::chrono::milliseconds> limited_for = std::nullopt);

    bool is_due(SteadyTime now) const { return next_ && *next_ <= now; }
    /// nullopt: not before a wake
    std::optional<SteadyTime> next() const { return next_; }

  private:
    std::optional<SteadyTime> next_;
    std::chrono::milliseconds echo_{0};     // the next step of 5, 10, 20 …; 0: none
    std::chrono::milliseconds blocked_{0};  // the last wait for a due row that was not claimable
};

}  // namespace pgcourier::outbox
