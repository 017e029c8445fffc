#pragma once
// A thread for one piece of work at a time, beside a loop that must not stand still meanwhile.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace pgcourier {

class Background {
  public:
    /// when_done  called on that thread after each piece of work, when is_busy() says false
    explicit Background(std::function<void()> when_done) : when_done_{std::move(when_done)} {}
    /// Not while is_busy(). What the caller wrote before it is seen by the work, and what the work
    /// wrote by whoever saw is_busy() say false. The thread begins with the first work.
    ///
    /// work  throws nothing
    void start(std::function<void()> work);
    bool is_busy() const { return is_busy_; }
    void wait() const { is_busy_.wait(true); }

  private:
    void run(const std::stop_token& stop);

    const std::function<void()> when_done_;
    std::atomic<bool> is_busy_{false};
    std::mutex mutex_;
    std::condition_variable_any given_;
    std::function<void()> work_;  // guarded by mutex_
    std::jthread thread_;  // last: it uses all of the above, and does its work before it ends
};

}  // namespace pgcourier
