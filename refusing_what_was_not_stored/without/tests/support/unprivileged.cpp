#include "support/unprivileged.hpp"

#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <unistd.h>

namespace pgcourier::test {
namespace {

// Runs in the child between fork and exec.
[[noreturn]] void become(const passwd* user, char* const* arguments, const char* log_path) {
    const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (user != nullptr &&
        (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(arguments[0], arguments);
    _exit(127);
}

}  // namespace

pid_t run_unprivileged(const std::vector<std::string>& command, const std::string& log_path) {
    const passwd* user = nullptr;
    if (geteuid() == 0) {
        user = getpwnam("postgres");
        if (user == nullptr) throw std::runtime_error{"no user postgres"};
        const std::string folder = std::filesystem::path{log_path}.parent_path().string();
        if (chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::runtime_error{"cannot give away " + folder};
    }
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t pid = fork();
    if (pid == 0) become(user, arguments.data(), log_path.c_str());
    if (pid < 0) throw std::runtime_error{"cannot start " + command.front()};
    return pid;
}

}  // namespace pgcourier::test
