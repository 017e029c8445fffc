#include "base/background.hpp"

#include <utility>

namespace pgcourier {

void Background::start(std::function<void()> work) {
    if (!thread_.joinable()) {
        thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
    }
    is_busy_ = true;
    {
        const std::scoped_lock lock{mutex_};
        work_ = std::move(work);
    }
    given_.notify_one();
}

void Background::run(const std::stop_token& stop) {
    while (true) {
        std::function<void()> work;
        {
            std::unique_lock lock{mutex_};
            if (!given_.wait(lock, stop, [this] { return static_cast<bool>(work_); })) return;
            work = std::exchange(work_, nullptr);
        }
        work();
        is_busy_ = false;
        is_busy_.notify_all();
        when_done_();
    }
}

}  // namespace pgcourier
