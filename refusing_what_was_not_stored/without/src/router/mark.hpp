#pragma once
// Where a worker's next claim begins in webhook_queue. Ids are claimed in order, and a claim that
// begins at 0 walks the dead index entries of all that was routed before; so it begins at a mark.
// The mark trails: an id may be committed after a higher one was claimed. Each second or more while
// there is work, a sweep from 0 finds what lies below the mark all the same: events that are queued
// again, and rows of a worker that crashed while they were skipped as locked. Pure: time is passed
// in.

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace pgcourier::router {

class Mark {
  public:
    /// An id counts as passed once it was seen this long ago: longer than any committer's
    /// transaction may take.
    static constexpr std::chrono::seconds kTrail{2};
    static constexpr std::chrono::seconds kSweepInterval{1};
    /// A sweep that takes long (another session's snapshot keeps dead entries) comes seldom: at
    /// most a fortieth of the time.
    static constexpr int kSweepShare = 40;
    static constexpr std::chrono::seconds kMaxSweepInterval{30};

    /// The id after which the claim that starts now looks; 0 when it is a sweep.
    std::int64_t begin(SteadyTime now);

    /// What that claim found: its highest id (0: nothing), and whether there may be more.
    void found(std::int64_t highest, bool is_full, SteadyTime now);

    /// What was claimed went back to the queue: look below at once.
    void went_back(SteadyTime now);

    /// Told that there is something: also below the mark.
    void woken() { is_sweep_wanted_ = true; }

    /// When to look again without having been told; nullopt: never.
    std::optional<SteadyTime> next_sweep() const {
        return is_sweep_wanted_ ? std::optional{next_sweep_} : std::nullopt;
    }
    bool is_sweep_due(SteadyTime now) const { return is_sweep_wanted_ && now >= next_sweep_; }

  private:
    struct Seen {
        SteadyTime at;
        std::int64_t id;
    };

    std::int64_t trail_ = 0;
    std::int64_t head_ = 0;    // the highest id claimed
    std::int64_t cursor_ = 0;  // the highest id of the last claim
    bool is_full_ =
        false;  // the last claim took as many as it could: the next goes on from the cursor
    std::deque<Seen> seen_;  // head_ as it was at some times of the last kTrail
    bool is_sweep_wanted_ = true;
    bool is_sweeping_ = false;
    SteadyTime next_sweep_{};  // not before
    SteadyTime begun_{};
};

}  // namespace pgcourier::router
