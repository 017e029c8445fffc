#pragma once
// How many calls will end in a while, foreseen from how fast they ended before: so many messages
// are claimed for the slots that they leave. What started together ends together, so that the time
// since the last exchange alone would foresee none between two bursts. Pure.

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>

namespace pgcourier::outbox {

class CallEnds {
  public:
    using Seconds = std::chrono::duration<double>;

    /// A call ended.
    void ended(SteadyTime now);
    /// An exchange with the database begins, which may claim: ends count for the next one from now
    /// on.
    void exchange_began(SteadyTime now);
    /// How many will end within `ahead`. None after a standstill of half a second: what is claimed
    /// for calls that hang would have to be put back.
    ///
    /// least  what is taken at least for the time since the last exchange, above 0: right after it,
    /// one
    ///        end says little
    double expected(SteadyTime now, Seconds least, Seconds ahead) const;

  private:
    double a_second(Seconds since) const { return static_cast<double>(ended_) / since.count(); }

    SteadyTime exchange_began_{};
    SteadyTime last_end_{};
    std::size_t ended_ = 0;  // since exchange_began_
    double smoothed_ = 0;    // a second, until exchange_began_
};

}  // namespace pgcourier::outbox
