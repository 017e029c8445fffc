#pragma once
// How much of the fault suites is run: a short form by default, all of it by `make fault`.

#include "base/environment.hpp"
#include "base/rng.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>

namespace pgcourier::test {

struct FaultSettings {
    int rounds;          // FAULT_ROUNDS: how often the program is killed at each point
    int kills;           // FAULT_KILLS: and how often at a random moment
    bool is_full;        // FAULT_FULL=1: the large numbers of messages
    bool is_long;        // FAULT_LONG=1: a night's
    bool wants_settled;  // FAULT_SETTLED=1: no outcome may stay unknown; needs reconciliation, and
                         // two minutes more
    std::uint64_t seed;  // FAULT_SEED: that of a run to be repeated

    /// How often, in the short form, by `make fault`, and by `make fault-long`.
    int times(int in_short, int in_full, int in_long) const {
        return is_long ? in_long : is_full ? in_full : in_short;
    }
};

inline FaultSettings fault_settings() {
    const auto number = [](const char* name, std::uint64_t otherwise) {
        const char* text = std::getenv(name);
        return text == nullptr ? otherwise : whole_number<std::uint64_t>(text).value_or(otherwise);
    };
    return {.rounds = static_cast<int>(number("FAULT_ROUNDS", 1)),
            .kills = static_cast<int>(number("FAULT_KILLS", 5)),
            .is_full = number("FAULT_FULL", 0) == 1 || number("FAULT_LONG", 0) == 1,
            .is_long = number("FAULT_LONG", 0) == 1,
            .wants_settled = number("FAULT_SETTLED", 0) == 1,
            .seed = number("FAULT_SEED", random_seed() % 1'000'000)};
}

/// A fault, or the load that it meets, goes on for so long: the time is what is tested, nothing is
/// waited for.
inline void lasts(std::chrono::milliseconds time) {
    std::this_thread::sleep_for(time);
}

}  // namespace pgcourier::test
