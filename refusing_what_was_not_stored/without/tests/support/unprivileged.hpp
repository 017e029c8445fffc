#pragma once
// Other people's daemons in the foreground, as the user that PostgreSQL runs as: some refuse root.

#include <string>
#include <sys/types.h>
#include <vector>

namespace pgcourier::test {

/// Starts a program, which dies with us. As root it gets the user `postgres` first, and the folder
/// of the log belongs to that user.
///
/// command   the program's path, then its arguments
/// log_path  where what it prints goes; its folder exists
/// throws    std::runtime_error when there is no such user or no process can be made
pid_t run_unprivileged(const std::vector<std::string>& command, const std::string& log_path);

}  // namespace pgcourier::test
