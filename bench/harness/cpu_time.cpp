#include "harness/cpu_time.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

struct Used {
    pid_t parent = 0;
    double seconds = 0;        // of its own
    double ended_seconds = 0;  // of its children that have ended
};

/// To the nanosecond, of a process of one thread. (Of threads that have ended it knows nothing.)
/// https://docs.kernel.org/scheduler/sched-stats.html
std::optional<double> schedstat_seconds(const std::string& pid, const std::string& threads) {
    double nanoseconds = 0;
    std::ifstream file{"/proc/" + pid + "/schedstat"};
    if (threads != "1" || !(file >> nanoseconds)) return std::nullopt;
    return nanoseconds / 1e9;
}

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
std::optional<Used> used_by(const std::string& pid) {
    std::ifstream file{"/proc/" + pid + "/stat"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    // The name before may have any character in it.
    const std::size_t end = text.rfind(')');
    if (end == std::string::npos) return std::nullopt;
    std::istringstream fields{text.substr(end + 1)};
    std::array<std::string, 18> field;  // from the third on
    for (std::string& one : field) fields >> one;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const double own = (std::stod(field[11]) + std::stod(field[12])) / ticks;
    return Used{.parent = std::stoi(field[1]),
                .seconds = schedstat_seconds(pid, field[17]).value_or(own),
                .ended_seconds = (std::stod(field[13]) + std::stod(field[14])) / ticks};
}

}  // namespace

double cpu_seconds(pid_t pid) {
    const auto own = used_by(std::to_string(pid));
    if (!own) throw std::runtime_error{"no process " + std::to_string(pid)};
    double seconds = own->seconds + own->ended_seconds;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto child = used_by(name);
        if (child && child->parent == pid) seconds += child->seconds;
    }
    return seconds;
}

}  // namespace pgcourier::bench
