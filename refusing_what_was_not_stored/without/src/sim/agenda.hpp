#pragma once
// What the simulator does later: one thread that runs tasks at their time and posts webhooks.

#include "base/clock.hpp"
#include "http/client.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace pgcourier::sim {

class Agenda {
  public:
    /// Receives the HTTP status of a post, 0 when no whole answer came.
    using Done = std::function<void(int status)>;

    explicit Agenda(const Clock& clock);
    /// Drops what is left to do and cuts off the posts that are under way; their `done` never runs.
    ~Agenda();
    Agenda(const Agenda&) = delete;
    Agenda& operator=(const Agenda&) = delete;

    /// Runs `task` on the agenda's thread once `delay` has passed. From any thread.
    void after(std::chrono::milliseconds delay, std::function<void()> task);
    /// Posts at once, or when one of the 64 connections is free. Like Twilio it tries a second time
    /// only where no connection came about. From any thread; `done` runs on the agenda's.
    void post(http::Call call, Done done);
    /// Forgets tasks and posts that have not begun. From any thread.
    void clear();

  private:
    struct Task {
        SteadyTime due;
        std::uint64_t order;
        std::function<void()> run;
        bool operator<(const Task& other) const {  // the queue's top is the greatest
            return due != other.due ? due > other.due : order > other.order;
        }
    };
    struct Post {
        http::Call call;
        Done done;
        int attempts = 0;
    };

    void run(std::stop_token stop);
    std::chrono::milliseconds run_due();
    void start_posts();
    void finish(const http::Finished& finished);

    const Clock& clock_;
    http::Client client_;                                // belongs to thread_
    std::unordered_map<std::uint64_t, Post> in_flight_;  // belongs to thread_
    std::uint64_t next_tag_ = 0;                         // belongs to thread_

    std::mutex mutex_;
    std::priority_queue<Task> tasks_;  // guarded by mutex_
    std::uint64_t next_order_ = 0;     // guarded by mutex_
    std::deque<Post> posts_;           // guarded by mutex_
    std::jthread thread_;
};

}  // namespace pgcourier::sim
