#include "pg/private_postgres.hpp"

#include "base/clock.hpp"
#include "base/environment.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace pgcourier::pg {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kStartTimeout{20};
constexpr seconds kStopTimeout{30};

// Where Debian keeps the server's programs; they are not on the PATH.
std::string find_binaries() {
    std::string newest;
    int newest_version = 0;
    std::error_code ignored;
    for (const fs::directory_entry& entry :
         fs::directory_iterator{"/usr/lib/postgresql", ignored}) {
        const int version = whole_number<int>(entry.path().filename().string()).value_or(0);
        if (version > newest_version && fs::exists(entry.path() / "bin/postgres")) {
            newest = (entry.path() / "bin").string();
            newest_version = version;
        }
    }
    return newest;
}

/// The user that the server runs as: ourselves, or when we are root the one that Debian's package
/// made.
struct ServerUser {
    uid_t uid;
    gid_t gid;
};

Result<ServerUser> server_user() {
    if (geteuid() != 0) return ServerUser{geteuid(), getegid()};
    for (const char* name : {"postgres", "nobody"}) {
        if (const passwd* entry = getpwnam(name)) return ServerUser{entry->pw_uid, entry->pw_gid};
    }
    return Problem{
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as"};
}

// Runs in the child between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const ServerUser& user, const char* log_path,
                         const std::vector<char*>& arguments) {
    const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    dup2(nothing, STDIN_FILENO);
    // Signals that our owner waits for instead of handling them are blocked in it: the server must
    // get its own.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // A terminal's Ctrl-C goes to the whole process group: the owner decides when the server stops.
    setpgid(0, 0);
    if (geteuid() == 0 &&
        (setgroups(0, nullptr) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0))
        _exit(126);
    // After setuid, which clears it: if our owner is killed, nothing may stay behind.
    prctl(PR_SET_PDEATHSIG, SIGINT);
    execv(arguments[0], arguments.data());
    _exit(127);
}

pid_t spawn(const ServerUser& user, const std::string& log_path,
            std::vector<std::string> arguments) {
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) become(user, log_path.c_str(), raw);
    return child;
}

std::string last_lines(const std::string& path) {
    std::ifstream file{path};
    std::string line;
    std::string last;
    while (std::getline(file, line)) {
        if (line.find("FATAL") != std::string::npos || line.find("ERROR") != std::string::npos ||
            line.find("error:") != std::string::npos) {
            last = line;
        }
    }
    return last;
}

/// What the server says of itself, or the one before it said: its pid in the first line, its start
/// in the third, how far it is in the eighth. pg_ctl waits for the same
/// (https://doxygen.postgresql.org/pidfile_8h.html).
std::vector<std::string> server_says(const std::string& data) {
    std::ifstream file{data + "/postmaster.pid"};
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

}  // namespace

Result<PrivatePostgres> PrivatePostgres::start(PrivatePostgresOptions options) {
    PrivatePostgres server{std::move(options)};
    server.binaries_ = find_binaries();
    if (server.binaries_.empty()) {
        return Problem{
            "no PostgreSQL server found in /usr/lib/postgresql: install Debian's package "
            "postgresql"};
    }
    const Result<ServerUser> user = server_user();
    if (!user) return user.error();

    const std::string& directory = server.options_.directory;
    const std::string data = directory + "/data";
    const std::string log = directory + "/server.log";
    std::error_code error;
    fs::create_directories(directory, error);
    if (error)
        return Problem{fmt::format("cannot make the directory {}: {}", directory, error.message())};
    if (geteuid() == 0 && chown(directory.c_str(), user->uid, user->gid) != 0) {
        return Problem{fmt::format("cannot give {} to PostgreSQL's user: {}", directory,
                                   std::strerror(errno))};
    }
    if (!fs::exists(data + "/PG_VERSION")) {
        fs::remove_all(data, error);  // left by an initdb that was killed
        const pid_t child = spawn(*user, log,
                                  {server.binaries_ + "/initdb", "-D", data, "-U", "postgres", "-A",
                                   "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"});
        int status = 0;
        waitpid(child, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            return Problem{fmt::format("initdb failed in {}: {} (all of it in {})", directory,
                                       last_lines(log), log)};
        }
    }
    if (const Result<void> launched = server.launch(); !launched) return launched.error();
    return server;
}

PrivatePostgres::PrivatePostgres(PrivatePostgres&& other) noexcept
    : options_{std::move(other.options_)},
      binaries_{std::move(other.binaries_)},
      pid_{std::exchange(other.pid_, -1)} {}

PrivatePostgres::~PrivatePostgres() {
    stop();
}

Result<void> PrivatePostgres::restart() {
    stop();
    return launch();
}

Result<void> PrivatePostgres::launch() {
    const Result<ServerUser> user = server_user();
    if (!user) return user.error();
    const std::string log = options_.directory + "/server.log";
    const std::string data = options_.directory + "/data";
    // No socket: its path may have 107 characters, and a directory is as long as its user likes.
    std::vector<std::string> arguments = {binaries_ + "/postgres",
                                          "-D",
                                          data,
                                          "-k",
                                          "",
                                          "-c",
                                          "listen_addresses=127.0.0.1",
                                          "-c",
                                          fmt::format("port={}", options_.port)};
    std::vector<std::string> settings = options_.settings;
    if (!options_.is_durable)
        settings.insert(settings.end(), {"fsync=off", "full_page_writes=off"});
    for (const std::string& setting : settings) {
        arguments.emplace_back("-c");
        arguments.push_back(setting);
    }
    std::error_code ignored;
    const auto log_size = fs::exists(log) ? fs::file_size(log, ignored) : 0;
    const std::vector<std::string> left_behind = server_says(data);
    pid_ = spawn(*user, log, std::move(arguments));
    if (pid_ < 0) return Problem{fmt::format("cannot start PostgreSQL: {}", std::strerror(errno))};

    const SteadyTime deadline = system_clock().steady_now() + kStartTimeout;
    while (system_clock().steady_now() < deadline) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            if (fs::exists(log) && fs::file_size(log, ignored) == log_size) {
                return Problem{
                    fmt::format("PostgreSQL ended at once; {} cannot be reached by its user: "
                                "choose a directory "
                                "that every user may enter",
                                options_.directory)};
            }
            return Problem{fmt::format("PostgreSQL ended at once: {} (all of it in {})",
                                       last_lines(log), log)};
        }
        // Not by asking the port, where another server may answer until ours finds it taken.
        const std::vector<std::string> says = server_says(data);
        if (says != left_behind && says.size() > 7 && says[0] == std::to_string(pid_) &&
            (says[7].starts_with("ready") || says[7].starts_with("standby")))
            return {};
        poll(nullptr, 0, 20);
    }
    stop(StopMode::immediate);
    return Problem{
        fmt::format("PostgreSQL does not answer after {} s: see {}", kStartTimeout.count(), log)};
}

void PrivatePostgres::stop(StopMode mode) {
    if (pid_ <= 0) return;
    kill(pid_, mode == StopMode::fast ? SIGINT : SIGQUIT);
    const SteadyTime deadline = system_clock().steady_now() + kStopTimeout;
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
        if (system_clock().steady_now() > deadline) {
            kill(pid_, SIGQUIT);
            waitpid(pid_, &status, 0);
            break;
        }
        poll(nullptr, 0, 10);
    }
    pid_ = -1;
}

Secret PrivatePostgres::url(const std::string& database) const {
    return Secret{fmt::format("postgresql://postgres@127.0.0.1:{}/{}", options_.port, database)};
}

}  // namespace pgcourier::pg
