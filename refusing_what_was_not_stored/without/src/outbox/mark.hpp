#pragma once
// From which due_at on a claim reads outbox_queue. Reading it from the start walks the index
// entries of all that was claimed before, as long as somebody's open snapshot keeps them: then
// walks over the tenants begin at marks, below which nothing of a shop was due just before, and
// what was claimed since is all that they meet. A transaction that took longer to commit has rows
// below a mark: some walks a second begin at marks of longer ago, and before one now and then all
// that is due is asked for from the start, in the order of time. While reading from the start is
// quick, each walk does. Pure: time is passed in.

#include "base/clock.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace pgcourier::outbox {

/// Microseconds since 1970 by the database's clock.
using DueTime = std::int64_t;

/// Since when messages are due.
struct FirstDue {
    std::unordered_map<std::string, DueTime> tenants;
    DueTime others = 0;                 // nothing of any other tenant is due that is older
    std::chrono::microseconds took{0};  // finding out, in the database
    std::size_t messages = 0;           // so many told
    bool is_whole = true;               // false: there may be more due messages than those

    /// The older ones of both: each is as good for whom it names, and for the others.
    void add(const FirstDue& more);
};

/// Where the looks of one walk over the tenants begin.
class Marks {
  public:
    /// From the start.
    Marks() = default;
    Marks(DueTime others, std::unordered_map<std::string, DueTime> tenants);

    bool are_none() const { return !others_; }
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
    /// A mark is this much below what the walk before found, in µs: longer than a quick transaction
    /// takes that inserts messages.
    static constexpr DueTime kJustBefore = 25'000;
    /// So often a walk begins at what was first due at least twice so long ago: it finds what
    /// transactions of up to that time have inserted. The same where nobody looked meanwhile.
    static constexpr std::chrono::milliseconds kTrail{500};
    /// Reading the queue from the start takes less when nothing dead lies before what is due:
    /// tenant by tenant, and in the order of time beside what each due message takes.
    static constexpr std::chrono::milliseconds kQuick{5};
    static constexpr std::chrono::milliseconds kQuickInOrder{1};
    static constexpr std::chrono::microseconds kEach{2};
    /// Where it is not quick, the start is read in this share of the time. Of two senders each does
    /// for itself.
    static constexpr int kShare = 120;
    static constexpr std::chrono::seconds kShortestPause{1};
    static constexpr std::chrono::seconds kLongestPause{20};

    /// Before a walk begins: whether first_due() is to be told what is due, from the start. It is
    /// asked for once; should that fail, not again for a while.
    bool asks_first_due(SteadyTime now);
    void first_due(FirstDue found);

    /// A walk over the tenants begins: all its looks read from there on.
    Marks begin(SteadyTime now);

    /// A look of the walk has read the lanes.
    ///
    /// found    those that have something due which may be claimed; of the others nothing is due
    ///          that is older than the database's time. When that goes back, what was known is
    ///          forgotten
    /// is_last  the walk has seen all tenants
    void looked(const FirstDue& found, bool is_last, SteadyTime now);

    /// Until a walk is to begin lower though nobody wakes us; nullopt: the last one began at the
    /// start.
    std::optional<std::chrono::milliseconds> look_in(SteadyTime now) const;

  private:
    enum class Walk { from_start, from_first_due, from_trail, from_last };

    FirstDue trailing() const;
    void walked(SteadyTime now);

    bool is_slow_ = true;            // reading from the start, the last time; at first nobody knows
    bool reads_from_start_ = false;  // a walk that did not end yet
    Walk kind_ = Walk::from_start;   // the walk that goes on, or the last one
    std::optional<FirstDue> first_;  // what was asked for before this walk, until its first look
    std::optional<FirstDue> walk_;   // what the one that goes on has found
    std::chrono::microseconds longest_{0};  // of its looks
    DueTime last_now_due_ = 0;
    FirstDue last_;  // what the walk before found
    std::array<FirstDue, 5>
        trail_{};               // what walks found in kTrail/2 or more each, the latest first
    SteadyTime trail_since_{};  // the latest
    SteadyTime next_trailing_{};
    SteadyTime next_first_due_{};
};

}  // namespace pgcourier::outbox
