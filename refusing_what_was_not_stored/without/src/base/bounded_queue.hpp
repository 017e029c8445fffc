#pragma once
// A queue between threads with a bound: when full, `push` refuses and the caller says so to whoever
// asked.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <stop_token>
#include <vector>

namespace pgcourier {

template <class T>
class BoundedQueue {
  public:
    explicit BoundedQueue(std::size_t bound) : bound_{bound} {}

    /// returns  false, and leaves `item` as it was, when full
    bool push(T&& item) {
        {
            const std::scoped_lock lock{mutex_};
            if (items_.size() >= bound_) return false;
            items_.push_back(std::move(item));
        }
        condition_.notify_one();
        return true;
    }

    /// Waits until there is something, or stop is requested, or `timeout` has passed; takes up to
    /// `limit` in order.
    template <class Rep, class Period>
    std::vector<T> pop(std::size_t limit, std::stop_token stop,
                       std::chrono::duration<Rep, Period> timeout) {
        std::unique_lock lock{mutex_};
        condition_.wait_for(lock, stop, timeout, [this] { return !items_.empty(); });
        std::vector<T> taken;
        const std::size_t count = std::min(limit, items_.size());
        taken.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            taken.push_back(std::move(items_.front()));
            items_.pop_front();
        }
        return taken;
    }

    std::size_t size() const {
        const std::scoped_lock lock{mutex_};
        return items_.size();
    }

  private:
    const std::size_t bound_;
    mutable std::mutex mutex_;
    std::condition_variable_any condition_;
    std::deque<T> items_;  // guarded by mutex_
};

}  // namespace pgcourier
