#pragma once
// The signals that mean something to the program as things to wait for, instead of handlers that
// may run anywhere.

#include <chrono>

namespace pgcourier::cli {

/// What SIGHUP means: to a service, that its configuration has changed; to what a person runs in a
/// terminal, the end.
enum class Hangup { reloads, ends };

/// Blocks SIGINT, SIGTERM and SIGHUP for this thread and all that it starts, and ignores SIGPIPE.
/// Before any thread.
void hold_signals(Hangup hangup);

enum class Signal { end, reload };

/// Waits for SIGINT or SIGTERM, or for SIGHUP, which ends or reloads. A second one that ends, while
/// the program stops, ends it at once.
Signal wait_for_signal();

/// Waits for a signal that ends, at most so long; one that reloads stays for wait_for_signal().
/// returns  whether the program is to end
bool wait_for_end(std::chrono::milliseconds time);

}  // namespace pgcourier::cli
