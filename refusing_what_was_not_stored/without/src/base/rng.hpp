#pragma once
// Randomness, passed in with a seed that is logged, so that a failing run can be repeated. Not for
// secrets.

#include <cstdint>
#include <random>

namespace pgcourier {

class Rng {
  public:
    explicit Rng(std::uint64_t seed) : engine_{seed} {}
    /// Uniform in [low, high].
    std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return std::uniform_int_distribution<std::uint64_t>{low, high}(engine_);
    }
    /// Uniform in [0, 1).
    double unit() { return std::uniform_real_distribution<double>{0.0, 1.0}(engine_); }
    std::uint64_t operator()() { return engine_(); }

  private:
    std::mt19937_64 engine_;
};

/// A seed from the operating system.
std::uint64_t random_seed();

template <class Duration>
Duration scaled(Duration duration, double factor) {
    return Duration{
        static_cast<typename Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

/// `duration` varied by up to a fifth in both directions, so that instances do not act in step.
template <class Duration>
Duration jittered(Duration duration, Rng& rng) {
    return scaled(duration, 0.8 + 0.4 * rng.unit());
}

/// The same where `duration` is a promise: up to a fifth less, never more.
template <class Duration>
Duration shortened(Duration duration, Rng& rng) {
    return scaled(duration, 0.8 + 0.2 * rng.unit());
}

}  // namespace pgcourier
