#pragma once
// How often a process asked the heap for memory, counted by a library that is preloaded into it
// (bench/preload/).

#include "support/process.hpp"

#include <cstdint>
#include <string>

namespace pgcourier::bench {

class Allocations {
  public:
    Allocations();
    ~Allocations();
    Allocations(const Allocations&) = delete;
    Allocations& operator=(const Allocations&) = delete;

    /// What a process is started with to be counted here; one at a time.
    test::Variables variables() const;
    /// throws  std::runtime_error: nothing was counted, so that the library was not loaded
    std::uint64_t count() const;

  private:
    std::string path_;
};

}  // namespace pgcourier::bench
