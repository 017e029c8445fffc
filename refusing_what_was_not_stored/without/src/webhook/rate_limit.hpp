#pragma once
// Counts requests by client address in windows of a fixed length. It only counts and tells: what
// becomes of a request over the limit is the route's to decide. Pure: time is passed in; bounded:
// it forgets the oldest client.

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pgcourier::webhook {

class RateLimit {
  public:
    static constexpr std::size_t kMaxClients = 10'000;

    /// max  requests that a client may send in each window
    RateLimit(std::uint64_t max, std::chrono::milliseconds window,
              std::size_t max_clients = kMaxClients)
        : max_{max}, window_{window}, max_clients_{max_clients} {}

    struct Verdict {
        bool is_over = false;
        /// How many requests over the limit are to be logged now; 0: none, at most one log a second
        /// and client.
        std::uint64_t to_log = 0;
    };

    /// Counts one request.
    Verdict count(std::string_view client, SteadyTime now);
    /// Whether the client's last counted request was over the limit.
    bool is_over(std::string_view client, SteadyTime now) const;

    std::size_t clients() const { return windows_.size(); }

  private:
    struct Window {
        std::string client;
        SteadyTime began;
        std::uint64_t requests = 0;
        SteadyTime logged{};  // only with has_logged
        bool has_logged = false;
        std::uint64_t unlogged = 0;
    };
    using Windows = std::list<Window>;  // the oldest window first

    Windows::iterator begin_window(std::string_view client, SteadyTime now);

    const std::uint64_t max_;
    const std::chrono::milliseconds window_;
    const std::size_t max_clients_;
    Windows windows_;
    std::unordered_map<std::string_view, Windows::iterator>
        by_client_;  // keys are the windows' own texts
};

}  // namespace pgcourier::webhook
