#include "support/process.hpp"

#include "support/eventually.hpp"
#include "support/pooler.hpp"
#include "support/sanitized.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace pgcourier::test {
namespace {

std::string next_log_path() {
    static int count = 0;
    return fmt::format("{}/process-{}.log", scratch_directory(), ++count);
}

/// How a sanitizer's report begins in what a program has printed; empty: there is none.
std::string report_in(const std::string& log_path) {
    constexpr int kEnough = 20;
    std::ifstream log{log_path};
    std::string report;
    int lines = 0;
    for (std::string line; lines < kEnough && std::getline(log, line);) {
        const bool is_first = line.find("Sanitizer: ") != std::string::npos ||
                              line.find(": runtime error: ") != std::string::npos;
        if (lines == 0 && !is_first) continue;
        report.append(line).append(1, '\n');
        ++lines;
    }
    return report;
}

}  // namespace

Process::Process(std::vector<std::string> arguments, Variables variables,
                 const std::string& directory, const std::string& program)
    : log_path_{next_log_path()} {
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> assignments{"PATH=/usr/bin:/bin"};
    for (const auto& [name, value] : variables) assignments.push_back(name + "=" + value);
    std::vector<char*> argv;
    std::vector<char*> env;
    for (std::string& argument : words) argv.push_back(argument.data());
    for (std::string& assignment : assignments) env.push_back(assignment.data());
    argv.push_back(nullptr);
    env.push_back(nullptr);
    const int log = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    pid_ = fork();
    if (pid_ == 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::signal(SIGHUP, SIG_DFL);  // whoever started the tests may have ignored it (nohup)
        if (!directory.empty() && chdir(directory.c_str()) != 0) _exit(126);
        execve(argv[0], argv.data(), env.data());
        _exit(127);
    }
    close(log);
    if (pid_ < 0) throw std::runtime_error{"cannot start the program"};
}

Process::~Process() {
    if (is_running()) kill();
    look_for_report();
}

void Process::signal(int number) const {
    ::kill(pid_, number);
}

bool Process::is_running() {
    if (pid_ <= 0) return false;
    if (waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ > 0;
}

bool Process::is_stopped() const {
    // The state stands behind the name, which is in parentheses: proc(5).
    std::string line;
    std::getline(std::ifstream{fmt::format("/proc/{}/stat", pid_)}, line);
    const auto end_of_name = line.rfind(") ");
    return end_of_name != std::string::npos && line.substr(end_of_name + 2, 1) == "T";
}

int Process::wait() {
    if (!eventually([this] { return !is_running(); }, std::chrono::minutes{1})) {
        throw std::runtime_error{"the program does not end; it printed:\n" + output()};
    }
    look_for_report();
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

void Process::kill() {
    signal(SIGKILL);
    wait();
}

// ThreadSanitizer reports and goes on, and most of these processes end by kill -9: their exit codes
// say nothing of it.
void Process::look_for_report() {
    if (!kIsSanitized || std::exchange(is_looked_through_, true)) return;
    const std::string report = report_in(log_path_);
    if (report.empty()) return;
    if (boost::unit_test::framework::test_in_progress())
        BOOST_ERROR("a sanitizer reports of a child process:\n" << report);
    else
        std::fprintf(stderr, "%s", report.c_str());  // a bench
}

std::string Process::output() const {
    std::ostringstream text;
    text << std::ifstream{log_path_}.rdbuf();
    return text.str();
}

std::string Process::last_words() const {
    constexpr std::size_t kEnough = 2'000;
    const std::string all = output();
    return all.size() <= kEnough ? all : "…" + all.substr(all.size() - kEnough);
}

bool Process::wait_for_output(const std::string& text) {
    bool found = false;
    eventually(
        [&] {
            found = output().find(text) != std::string::npos;
            return found || !is_running();
        },
        std::chrono::seconds{30});
    return found || output().find(text) != std::string::npos;
}

Ran run_program(std::vector<std::string> arguments, Variables variables) {
    Process process{std::move(arguments), std::move(variables)};
    const int exit_code = process.wait();
    return {exit_code, process.output()};
}

Variables service_variables(const Secret& database_url, std::uint16_t port,
                            const std::string& twilio_url) {
    Variables all{
        {"DATABASE_URL", database_url.reveal()},
        {"HOST", "127.0.0.1"},
        {"PORT", std::to_string(port)},
        {"WEBHOOK_PUBLIC_URL", fmt::format("http://127.0.0.1:{}", port)},
        {"WEBHOOK_RATE_LIMIT_MAX", "1000000"},
        {"TWILIO_API_BASE_URL", twilio_url},
        {"TWILIO_ACCOUNT_SID", "AC00000000000000000000000000005151"},
        {"TWILIO_AUTH_TOKEN", "51510000000000000000000000005151"},
        {"TWILIO_WHATSAPP_NUMBER", "+33700000001"},
        {"LOG_FORMAT", "text"},
    };
    // Without notifications: as soon as a test waits for what comes with them.
    if (test_pooler() != nullptr) all["OUTBOX_POLL_INTERVAL_MS"] = "500";
    return all;
}

}  // namespace pgcourier::test
