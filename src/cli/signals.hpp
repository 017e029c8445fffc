#pragma once
// SIGINT and SIGTERM as a thing to wait for, instead of a handler that may run anywhere.

namespace pgcourier::cli {

/// Blocks SIGINT, SIGTERM and SIGHUP for this thread and all that it starts, and ignores SIGPIPE.
/// Before any thread.
void hold_signals();

/// Waits for SIGINT or SIGTERM. A second one while the program stops ends it at once.
void wait_for_end();

}  // namespace pgcourier::cli
