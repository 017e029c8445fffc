#pragma once
// When the line `Worker metrics` is due: after 100 jobs of the process, or five minutes after the
// last one with fewer. Its workers share one.

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

namespace pgcourier::router {

class JobReport {
  public:
    static constexpr std::size_t kJobs = 100;
    static constexpr std::chrono::minutes kInterval{5};

    struct Due {
        std::size_t jobs;
        std::chrono::nanoseconds since_last;
    };
    /// Adds jobs that were done. From any thread.
    /// returns  what is to be told now, by whoever gets it
    std::optional<Due> add(std::size_t jobs, SteadyTime now) {
        const std::scoped_lock lock{mutex_};
        if (!told_at_) told_at_ = now;
        jobs_ += jobs;
        const bool is_due = jobs_ >= kJobs || now - *told_at_ >= kInterval;
        if (jobs_ == 0 || !is_due) return std::nullopt;
        const Due due{jobs_, now - *told_at_};
        jobs_ = 0;
        told_at_ = now;
        return due;
    }

    /// When jobs that were not told of are due at the latest; nullopt: there are none.
    std::optional<SteadyTime> due_at() const {
        const std::scoped_lock lock{mutex_};
        return jobs_ > 0 ? std::optional{*told_at_ + kInterval} : std::nullopt;
    }

  private:
    mutable std::mutex mutex_;
    std::size_t jobs_ = 0;               // guarded by mutex_
    std::optional<SteadyTime> told_at_;  // guarded by mutex_; the first time, when it began
};

}  // namespace pgcourier::router
