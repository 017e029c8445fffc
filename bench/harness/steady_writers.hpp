#pragma once
// A shop's application that writes its answers at a fixed rate, one transaction a message, and how
// long each took to the call at Twilio. Open loop: a message has its time, whatever became of those
// before.

#include "harness/open_load.hpp"
#include "harness/system.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pgcourier::bench {

class SteadyWriters {
  public:
    /// Begins: `count` messages, `rate` a second, over 16 connections, over all tenants by
    /// turns, each to another person. The ledger must keep what is taken within two seconds.
    SteadyWriters(System& system, double rate, std::size_t count);
    ~SteadyWriters();
    SteadyWriters(const SteadyWriters&) = delete;
    SteadyWriters& operator=(const SteadyWriters&) = delete;

    /// Waits until all are written, and until Twilio has been called for all or nothing came for
    /// ten seconds.
    void wait();

    /// After wait(): from when a message was due to be written to its call, in steps of 1 ms.
    std::vector<double> to_call_ms() const;
    std::size_t missing() const;       // never called
    std::size_t called_twice() const;  // more than one call that Twilio took

  private:
    void write(std::size_t from, std::size_t step);
    void read_ledger();
    void watch(const std::stop_token& stop);
    WallMicros due(std::size_t n) const;

    System& system_;
    const double rate_;
    const WallMicros started_;
    mutable std::mutex mutex_;
    std::vector<std::string> sids_;        // guarded by mutex_: of each message's first call
    std::vector<std::int64_t> called_ms_;  // guarded by mutex_: ms since 1970; 0: not yet
    std::size_t called_ = 0;               // guarded by mutex_
    std::set<std::size_t> called_twice_;   // guarded by mutex_
    std::vector<std::jthread> writers_;
    std::jthread watcher_;
};

}  // namespace pgcourier::bench
