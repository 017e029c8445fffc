#pragma once
// One connection of the inbox writer and the events that it has in hand. Nothing leaves its hand
// unanswered: an event is stored, or refused, or its deadline passes. Belongs to one thread.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/rng.hpp"
#include "inbox/event.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace pgcourier::inbox {

/// Called once, on the writer's thread; must not wait.
using Done = std::function<void(Outcome)>;

/// An event that somebody waits for.
struct Waiting {
    NewEvent event;
    SteadyTime deadline;  // from then on nobody waits: it is dropped unwritten
    Done done;
};

class Lane {
  public:
    Lane(pg::ConnectOptions options, const Clock& clock, Rng rng);

    std::size_t size() const { return in_hand_.size(); }
    void take(std::vector<Waiting> waiting);

    /// Stores what is in hand and answers it, connecting first where that is needed. While the
    /// database is away the events stay in hand until their deadlines, and attempts keep a distance
    /// that grows to a second.
    ///
    /// returns  how long to wait before the next call; 0 when the database answered
    std::chrono::milliseconds write();

  private:
    void drop_late();
    void store();
    void store_one_by_one();
    std::chrono::milliseconds pause_after(const pg::Error& error);

    const pg::ConnectOptions options_;
    const Clock& clock_;
    Rng rng_;
    Log log_{"Inbox"};
    std::vector<Waiting> in_hand_;
    std::optional<pg::Connection> db_;
    int failures_ = 0;           // since the database last answered
    SteadyTime next_attempt_{};  // not before then
};

}  // namespace pgcourier::inbox
