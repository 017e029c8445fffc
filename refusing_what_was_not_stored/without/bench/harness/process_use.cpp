#include "harness/process_use.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace pgcourier::bench {
namespace {

namespace fs = std::filesystem;

/// The number behind `name` in a `status` file; 0 when it is not there.
/// https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
std::uint64_t status_of(const fs::path& process, const std::string& name) {
    std::ifstream file{process / "status"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name)) return std::stoull(line.substr(name.size()));
    return 0;
}

/// https://docs.kernel.org/scheduler/sched-stats.html: the first number of schedstat, in ns.
double cpu_ms_of(const fs::path& thread) {
    std::uint64_t nanoseconds = 0;
    std::ifstream{thread / "schedstat"} >> nanoseconds;
    return static_cast<double>(nanoseconds) / 1e6;
}

}  // namespace

ProcessUse process_use(pid_t pid) {
    const fs::path process = "/proc/" + std::to_string(pid);
    if (!fs::exists(process)) throw std::runtime_error{"no process " + std::to_string(pid)};
    ProcessUse use;
    for (const auto& thread : fs::directory_iterator{process / "task"}) {
        use.cpu_ms += cpu_ms_of(thread.path());
        use.sleeps += status_of(thread.path(), "voluntary_ctxt_switches:");
    }
    constexpr double kKibInMib = 1024;
    use.memory_mib = static_cast<double>(status_of(process, "VmRSS:")) / kKibInMib;
    use.most_memory_mib = static_cast<double>(status_of(process, "VmHWM:")) / kKibInMib;
    return use;
}

}  // namespace pgcourier::bench
