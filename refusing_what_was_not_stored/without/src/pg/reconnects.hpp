#pragma once
// How often a process knocks at a database that does not answer: all its threads together, and not
// each of them. A server that comes back is not met by everybody at once.

#include "base/clock.hpp"
#include "base/rng.hpp"

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

namespace pgcourier::pg {

/// Shared by the connections of a process to one database. Thread-safe.
class Reconnects {
  public:
    /// Between attempts, once one has failed and until one works: at least a second when jittered.
    /// Who tries before the first has failed waits for nothing: a process that starts, or one that
    /// has lost single connections.
    static constexpr std::chrono::milliseconds kPause{1250};

    explicit Reconnects(Rng rng) : rng_{rng} {}

    /// Asks before an attempt.
    /// returns  nothing when it may be made; else with what the last one failed
    std::optional<std::string> refuse(SteadyTime now);
    void worked();
    void failed(std::string why);

  private:
    std::mutex mutex_;
    Rng rng_;                         // guarded by mutex_, as all below
    std::optional<std::string> why_;  // nothing since one has worked
    SteadyTime next_{};
};

}  // namespace pgcourier::pg
