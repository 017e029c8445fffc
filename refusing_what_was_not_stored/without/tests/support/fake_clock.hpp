#pragma once
// A clock that stands still until a test moves it.

#include "base/clock.hpp"

namespace pgcourier::test {

class FakeClock final : public Clock {
  public:
    WallTime now() const override {
        return WallTime{std::chrono::milliseconds{1'770'544'800'000}} + passed();
    }
    SteadyTime steady_now() const override {
        return SteadyTime{std::chrono::hours{1}} + since_start_;
    }
    std::chrono::nanoseconds boottime() const override {
        return std::chrono::hours{1} + since_start_;
    }

    void advance(std::chrono::nanoseconds by) { since_start_ += by; }

  private:
    std::chrono::milliseconds passed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(since_start_);
    }
    std::chrono::nanoseconds since_start_{0};
};

}  // namespace pgcourier::test
