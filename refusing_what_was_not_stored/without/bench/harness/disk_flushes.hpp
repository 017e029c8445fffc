#pragma once
// How long a flush of the disk takes while something else goes on, by a thread of its own on a file
// of its own: 8 kB are written and flushed, then 5 ms are slept. It shares the disk with whatever
// is measured: that both stand still at once says that the disk did, and not who made it so.

#include <exception>
#include <string>
#include <thread>
#include <vector>

namespace pgcourier::bench {

class DiskFlushes {
  public:
    /// directory  on the disk in question; its file has no name
    ///
    /// throws std::system_error
    explicit DiskFlushes(const std::string& directory);

    /// Ends the measuring.
    ///
    /// returns  how long each flush took, ms
    /// throws   std::system_error when the disk did not take one
    std::vector<double> stop();

  private:
    std::vector<double> taken_ms_;
    std::exception_ptr failure_;
    std::jthread thread_;
};

/// The share of the time (%) that went by in flushes of more than `much_ms`.
double share_of_time(const std::vector<double>& flushes_ms, double much_ms);

}  // namespace pgcourier::bench
