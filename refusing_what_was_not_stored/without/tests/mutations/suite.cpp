#include "mutations/suite.hpp"

#include "base/clock.hpp"

#include <fmt/format.h>

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <poll.h>
#include <regex>
#include <signal.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace pgcourier::test {
namespace {

namespace fs = std::filesystem;

std::string content_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"cannot read " + path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// A program that is open for writing cannot be run, and a child holds open what is open when it is
/// made: nobody writes while somebody starts.
std::mutex& writing_or_starting() {
    static std::mutex mutex;
    return mutex;
}

void write_program(const std::string& path, const std::string& content) {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << content;
    fs::permissions(path, fs::perms::owner_all);
}

/// As it is called in this process's environment, with what the suite is to know besides.
pid_t start(const std::string& program, const std::string& only, const std::string& log) {
    std::vector<std::string> words{program, "--log_level=error", "--report_level=no",
                                   "--color_output=no"};
    if (!only.empty()) words.push_back("--run_test=" + only);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::string stops = "TEST_STOP_AT_FIRST_FAILURE=1";
    std::vector<char*> variables{stops.data()};
    for (char** variable = environ; *variable != nullptr; ++variable)
        variables.push_back(*variable);
    variables.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid = -1;
    const int failed =
        posix_spawn(&pid, program.c_str(), &files, &attributes, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0)
        throw std::runtime_error{fmt::format("cannot run {}: {}", program, std::strerror(failed))};
    return pid;
}

/// What a suite that was killed has left; its server ends with it.
void remove_scratch_of(pid_t pid) {
    std::error_code ignored;
    for (const fs::path& parent : {fs::path{"/dev/shm"}, fs::temp_directory_path()}) {
        for (const fs::directory_entry& entry : fs::directory_iterator{parent, ignored}) {
            if (entry.path().filename().string().starts_with(
                    fmt::format("pgcourier-test-{}-", pid)))
                fs::remove_all(entry.path(), ignored);
        }
    }
}

/// The first case that failed, and what was said of it.
std::pair<std::string, std::string> first_failure(const std::string& output) {
    static const std::regex kFailed{R"rx([^\n]*error: in "([^"]+)"[^\n]*(\n[^\n]*)?)rx"};
    std::smatch found;
    if (!std::regex_search(output, found, kFailed)) return {};
    return {found[1].str(), found[0].str()};
}

}  // namespace

Suite::Suite(const std::string& built, std::string copy)
    : program_{content_of(built)}, copy_{std::move(copy)} {}

Suite::~Suite() {
    std::error_code ignored;
    fs::remove(copy_, ignored);
}

SuiteRun Suite::run(std::string_view text, std::string_view other, const std::string& only,
                    std::chrono::milliseconds patience) const {
    if (other.size() > text.size()) throw std::logic_error{"a mutant is longer than its statement"};
    std::string changed = program_;
    for (std::size_t at = text.empty() ? std::string::npos : changed.find(text);
         at != std::string::npos; at = changed.find(text, at + text.size())) {
        changed.replace(at, text.size(), text.size(), '\0');
        changed.replace(at, other.size(), other);
    }
    const std::string log = copy_ + ".log";
    const SteadyTime began = system_clock().steady_now();
    pid_t pid = -1;
    {
        const std::lock_guard lock{writing_or_starting()};
        write_program(copy_, changed);
        pid = start(copy_, only, log);
    }
    int status = 0;
    bool is_late = false;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (!is_late && system_clock().steady_now() - began > patience) {
            is_late = true;
            ::kill(-pid, SIGKILL);
        }
        poll(nullptr, 0, 20);
    }
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - began);
    if (!WIFEXITED(status)) remove_scratch_of(pid);
    if (is_late) return {SuiteRun::End::hangs, {}, {}, took};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {SuiteRun::End::passed, {}, {}, took};
    auto [failed, said] = first_failure(content_of(log));
    const SuiteRun::End end = failed.empty() ? SuiteRun::End::died : SuiteRun::End::failed;
    return {end, std::move(failed), std::move(said), took};
}

}  // namespace pgcourier::test
