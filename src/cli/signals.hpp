#pragma once
// The signals that end the program as a thing to wait for, instead of a handler that may run
// anywhere.

#include <chrono>

namespace pgcourier::cli {

/// What the end of the terminal means: nothing for a service, the end for what a person runs there.
enum class Hangup { ignored, ends };

/// Blocks SIGINT, SIGTERM and SIGHUP for this thread and all that it starts, and ignores SIGPIPE.
/// Before any thread.
void hold_signals(Hangup hangup = Hangup::ignored);

/// Waits for SIGINT, SIGTERM, or SIGHUP where that ends. A second one while the program stops ends
/// it at once.
void wait_for_end();
/// The same, at most so long. returns whether the program is to end
bool wait_for_end(std::chrono::milliseconds time);

}  // namespace pgcourier::cli
