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
    /// So many attempts are free after one that worked: a process that starts, or that has lost
    /// single connections, waits for nothing. Then there is one each kPause.
    static constexpr int kAtOnce = 8;
    static constexpr std::chrono::milliseconds kPause{1250};  // at least a second when jittered

    explicit Reconnects(Rng rng) : rng_{rng} {}

    /// Asks before an attempt.
    /// returns  nothing when it may be made; else with what the last one failed
    std::optional<std::string> refuse(SteadyTime now);
    void worked();
    void failed(std::string why);

  private:
    std::mutex mutex_;
    Rng rng_;  // guarded by mutex_, as all below
    int free_ = kAtOnce;
    SteadyTime next_{};
    std::string why_;
};

}  // namespace pgcourier::pg
