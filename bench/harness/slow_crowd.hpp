#pragma once
// Clients that hold connections for as long as they are let: half of them send a head byte by byte,
// half a body, one byte each few seconds. Who is cut off connects anew when its next byte is due.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace pgcourier::bench {

class SlowCrowd {
  public:
    /// Connects `count` clients to 127.0.0.1:port; returns when all are there.
    ///
    /// heads  what the clients send at once, by turns; it leaves a request open
    /// throws std::runtime_error when the files that a process may open do not suffice
    SlowCrowd(std::uint16_t port, std::size_t count, std::vector<std::string> heads);
    ~SlowCrowd();
    SlowCrowd(const SlowCrowd&) = delete;
    SlowCrowd& operator=(const SlowCrowd&) = delete;

    /// How often one was cut off so far.
    std::uint64_t cut_off() const { return cut_off_; }

  private:
    void connect_again(std::size_t index);
    void drip(const std::stop_token& stop);

    const std::uint16_t port_;
    const std::vector<std::string> heads_;
    std::vector<int> sockets_;
    std::atomic<std::uint64_t> cut_off_{0};
    std::jthread thread_;
};

}  // namespace pgcourier::bench
