#pragma once
// The command line: finds the command, runs it, turns what went wrong into one line and an exit
// code.

namespace pgcourier::cli {

extern const char* const kVersion;

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

/// returns  the process's exit code: 0, 1 failed, 2 usage or configuration
int run(int argc, char** argv);

}  // namespace pgcourier::cli
