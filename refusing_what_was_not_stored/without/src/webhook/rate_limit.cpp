#include "webhook/rate_limit.hpp"

namespace pgcourier::webhook {
namespace {

constexpr std::chrono::seconds kLogInterval{1};

}  // namespace

RateLimit::Verdict RateLimit::count(std::string_view client, SteadyTime now) {
    const auto found = by_client_.find(client);
    Windows::iterator window;
    if (found == by_client_.end()) {
        window = begin_window(client, now);
    } else {
        window = found->second;
        if (now - window->began >= window_) {
            window->began = now;
            window->requests = 0;
            windows_.splice(windows_.end(), windows_, window);
        }
    }

    if (++window->requests <= max_) return {};
    ++window->unlogged;
    if (window->has_logged && now - window->logged < kLogInterval) return {.is_over = true};
    window->has_logged = true;
    window->logged = now;
    return {.is_over = true, .to_log = std::exchange(window->unlogged, 0)};
}

bool RateLimit::is_over(std::string_view client, SteadyTime now) const {
    const auto found = by_client_.find(client);
    return found != by_client_.end() && now - found->second->began < window_ &&
           found->second->requests > max_;
}

RateLimit::Windows::iterator RateLimit::begin_window(std::string_view client, SteadyTime now) {
    if (windows_.size() >= max_clients_) {
        by_client_.erase(windows_.front().client);
        windows_.pop_front();
    }
    windows_.push_back({.client = std::string{client}, .began = now});
    const auto window = std::prev(windows_.end());
    by_client_.emplace(window->client, window);
    return window;
}

}  // namespace pgcourier::webhook
