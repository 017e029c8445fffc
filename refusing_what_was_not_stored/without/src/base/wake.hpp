#pragma once
// "Look again now", from NOTIFY or from a timer; carries no data. A notify while nobody waits is
// kept for the next wait, so that no wake is lost between looking and sleeping.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

namespace pgcourier {

class Wake {
  public:
    /// Safe from any thread. Several before one wait count as one.
    void notify() {
        std::shared_ptr<const std::function<void()>> also;
        {
            const std::scoped_lock lock{mutex_};
            notified_ = true;
            also = also_;
        }
        condition_.notify_one();
        if (also) (*also)();
    }

    /// Called after each notify, on the notifying thread: for loops that sleep elsewhere
    /// (`curl_multi_wakeup`).
    void also_call(std::function<void()> hook) {
        auto also = std::make_shared<const std::function<void()>>(std::move(hook));
        const std::scoped_lock lock{mutex_};
        also_ = std::move(also);
    }

    /// Until notified, stopped, or `timeout` has passed.
    /// returns  true when notified
    template <class Rep, class Period>
    bool wait_for(std::stop_token stop, std::chrono::duration<Rep, Period> timeout) {
        std::unique_lock lock{mutex_};
        condition_.wait_for(lock, stop, timeout, [this] { return notified_; });
        return std::exchange(notified_, false);
    }

    /// Whether notified since the last wait or take; forgets it.
    bool take() {
        const std::scoped_lock lock{mutex_};
        return std::exchange(notified_, false);
    }

  private:
    std::mutex mutex_;
    std::condition_variable_any condition_;
    bool notified_ = false;                              // guarded by mutex_
    std::shared_ptr<const std::function<void()>> also_;  // guarded by mutex_
};

}  // namespace pgcourier
