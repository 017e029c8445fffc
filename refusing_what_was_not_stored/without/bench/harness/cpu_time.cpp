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
    double ticks = 0;        // of its own
    double ended_ticks = 0;  // of its children that have ended
};

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
std::optional<Used> used_by(const std::string& pid) {
    std::ifstream file{"/proc/" + pid + "/stat"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    // The name before may have any character in it.
    const std::size_t end = text.rfind(')');
    if (end == std::string::npos) return std::nullopt;
    std::istringstream fields{text.substr(end + 1)};
    std::array<std::string, 15> field;  // from the third on
    for (std::string& one : field) fields >> one;
    return Used{.parent = std::stoi(field[1]),
                .ticks = std::stod(field[11]) + std::stod(field[12]),
                .ended_ticks = std::stod(field[13]) + std::stod(field[14])};
}

}  // namespace

double cpu_seconds(pid_t pid) {
    const auto own = used_by(std::to_string(pid));
    if (!own) throw std::runtime_error{"no process " + std::to_string(pid)};
    double ticks = own->ticks + own->ended_ticks;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto child = used_by(name);
        if (child && child->parent == pid) ticks += child->ticks;
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace pgcourier::bench
