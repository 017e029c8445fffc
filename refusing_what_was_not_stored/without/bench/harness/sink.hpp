#pragma once
// A server that takes connections and reads what they send, and nothing else: what clients cost on
// their own, whatever program they are at.

#include <cstdint>
#include <sys/types.h>

namespace pgcourier::bench {

/// A process, so that it has files of its own to open; it ends with this.
class Sink {
  public:
    /// Listens at 127.0.0.1, at a free port.
    ///
    /// throws std::runtime_error
    Sink();
    ~Sink();
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    std::uint16_t port() const { return port_; }
    pid_t pid() const { return pid_; }

  private:
    std::uint16_t port_ = 0;
    pid_t pid_ = -1;
};

}  // namespace pgcourier::bench
