#pragma once
// From which due_at on a claim reads outbox_queue. Reading it from the start walks the index
// entries of all that was claimed before, as long as somebody's open snapshot keeps them: then
// looks begin at marks, below which nothing of a shop was due a moment ago, and a sweep from the
// start comes seldom. It finds what lies below a mark all the same: rows of a transaction that took
// longer to commit. While reading from the start is quick, each look is a sweep. Pure: time is
// passed in.

#include "base/clock.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pgcourier::outbox {

/// Microseconds since 1970 by the database's clock.
using DueTime = std::int64_t;

/// Where the looks of one walk over the tenants begin.
class Marks {
  public:
    /// From the start: a sweep.
    Marks() = default;
    Marks(DueTime others, std::unordered_map<std::string, DueTime> tenants);

    bool is_sweep() const { return !others_; }
    /// nullopt: from the start
    std::optional<DueTime> of(const std::string& tenant) const;
    /// Of the tenants that are not named.
    std::optional<DueTime> others() const { return others_; }
    /// Of all tenants together.
    std::optional<DueTime> lowest() const { return lowest_; }
    /// `{"shop": 1780000000000000, …}`
    std::string json() const;

  private:
    std::optional<DueTime> others_;
    std::optional<DueTime> lowest_;
    std::unordered_map<std::string, DueTime> tenants_;
};

class Mark {
  public:
    /// A mark is what was first due at least twice so long ago, with many looks not three times:
    /// longer than most transactions take that insert messages.
    static constexpr std::chrono::milliseconds kTrail{250};
    /// Reading the queue from the start takes less when nothing dead lies before what is due.
    static constexpr std::chrono::milliseconds kQuick{5};
    /// Where they are not quick, reading the lanes from the start has this share of the time. The
    /// rest of such a claim takes once or twice as long, and of two senders each makes its own.
    static constexpr int kSweepShare = 120;
    static constexpr std::chrono::seconds kLongestPause{20};

    struct FirstDue {
        std::string_view tenant;
        DueTime at;
    };

    /// A walk over the tenants begins: all its looks read from there on.
    Marks begin(SteadyTime now);

    /// A look of the walk has read the lanes.
    ///
    /// lanes    those that have something due which may be claimed, and since when
    /// now_due  the database's time: whoever else was visited has nothing due that is older. When
    ///          it goes back, what was known is forgotten
    /// took     how long reading them took
    /// is_last  the walk has seen all tenants
    void looked(std::span<const FirstDue> lanes, DueTime now_due, std::chrono::microseconds took,
                bool is_last, SteadyTime now);

    /// Until a sweep is to be made though nobody wakes us; nullopt: the last walk was one.
    std::optional<std::chrono::milliseconds> sweep_in(SteadyTime now) const;

  private:
    /// What whole walks found.
    struct Found {
        std::optional<DueTime> others;
        std::unordered_map<std::string, DueTime> tenants;
        void add(std::string_view tenant, DueTime at);
        void add(const Found& more);
    };

    bool is_sweep_ = true;                  // the walk that goes on, or the last one
    Found walk_;                            // the one that goes on
    std::chrono::microseconds took_{0};     // all its looks
    std::chrono::microseconds longest_{0};  // the longest of them
    DueTime last_now_due_ = 0;
    std::array<Found, 3> found_;  // of kTrail or more each, the latest first
    SteadyTime found_since_{};    // the latest
    SteadyTime next_sweep_{};
};

}  // namespace pgcourier::outbox
