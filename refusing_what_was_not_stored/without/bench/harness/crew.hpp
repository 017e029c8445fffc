#pragma once
// The router's own workers on threads of this program: what `serve` runs, without what is around
// it.

#include "support/test_database.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace pgcourier {
class Wake;
}
namespace pgcourier::router {
class Worker;
}

namespace pgcourier::bench {

enum class Work { none, all };

class Crew {
  public:
    /// Connects them. Nothing may be queued yet.
    ///
    /// work  none: claims and completes, writes no effect
    Crew(const test::TestDatabase& db, int threads, std::size_t batch, Work work);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    /// Lets them go on until `events` are done.
    ///
    /// returns  events a second
    /// throws   std::runtime_error when fewer were queued
    double rate(std::int64_t events);

  private:
    std::unique_ptr<Wake> wake_;
    std::vector<std::unique_ptr<router::Worker>> workers_;
};

}  // namespace pgcourier::bench
