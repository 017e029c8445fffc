#include "harness/report.hpp"

#include "harness/rounds.hpp"
#include "harness/sample.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <regex>
#include <stdexcept>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

std::string processor() {
    std::ifstream file{"/proc/cpuinfo"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown";
}

/// With a plus sign when there is more than what was committed; empty without git.
std::string commit() {
    const std::unique_ptr<FILE, int (*)(FILE*)> git{
        popen("git describe --always --dirty=+ --abbrev=10 --exclude='*' 2>/dev/null", "r"),
        pclose};
    std::string text(64, '\0');
    if (!git || fgets(text.data(), static_cast<int>(text.size()), git.get()) == nullptr) return "";
    return text.substr(0, text.find('\n'));
}

/// What of the server's settings is not PostgreSQL's default and has to do with speed.
std::string settings_of(pg::Connection& server) {
    return server
        .exec_script(
            "SELECT string_agg(name || ' = ' || current_setting(name), ', ' ORDER BY name) FROM "
            "pg_settings WHERE setting <> boot_val AND (name ~ "
            "'wal_size|buffers|autovacuum|work_mem' OR name IN ('fsync', "
            "'full_page_writes', 'synchronous_commit', 'track_commit_timestamp', 'jit'))")[0]
        .string(0);
}

std::string machine() {
    utsname system{};
    uname(&system);
    const std::time_t now = std::time(nullptr);
    char date[16];
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<double>(sysconf(_SC_PAGE_SIZE)) / (1 << 30);
    pg::Connection server{
        {.target = *pg::parse_url(test::test_server().url("postgres")), .role = "bench"}};
    const int version = server.server_version();
    const std::string settings = settings_of(server);
    for (const char* lax : {"fsync = off", "full_page_writes = off", "synchronous_commit = off"}) {
        if (settings.find(lax) != std::string::npos)
            throw std::logic_error{fmt::format("a bench on a server with {}", lax)};
    }
    return fmt::format(
        R"("date":"{}","commit":"{}","compiler":"g++ {}","processor":"{}","processors":{},"memory_gib":{:.0f},"kernel":"{}","postgres":"{}.{}","settings":"{}")",
        date, commit(), __VERSION__, processor(), std::thread::hardware_concurrency(), memory,
        system.release, version / 10000, version % 10000, settings);
}

/// Whether it is what its name aims at; true when that is nothing.
bool is_met(const std::string& name, double value) {
    static const std::regex kAim{R"(\((at least|at most|below) ([0-9]+(\.[0-9]+)?))"};
    std::smatch aim;
    if (!std::regex_search(name, aim, kAim)) return true;
    const double bound = std::stod(aim[2]);
    if (aim[1] == "at least") return value >= bound;
    return aim[1] == "at most" ? value <= bound : value < bound;
}

std::string sizes_json() {
    std::string given;
    for (const auto& [name, value] : sizes().given)
        given += fmt::format(R"({}"{}":"{}")", given.empty() ? "" : ",", name, value);
    return fmt::format(R"("sizes":{{{}}},"is_short":{})", given, sizes().is_short);
}

}  // namespace

Report::Report(std::string bench) : bench_{std::move(bench)}, machine_{machine()} {
    std::printf(
        "%s, %u processors, durable PostgreSQL (fsync, full_page_writes, synchronous_commit on)\n",
        bench_.c_str(), std::thread::hardware_concurrency());
}

void Report::figure(const std::string& name, double value, const std::string& unit,
                    const Labels& labels) {
    std::printf("  %-56s %12s %s\n", name.c_str(),
                fmt::format("{:.{}f}", value, value >= 100 ? 0 : 2).c_str(), unit.c_str());
    std::fflush(stdout);
    if (!is_met(name, value)) missed_.push_back(name);
    keep(name, value, unit, labels);
}

void Report::median(const std::string& name, const std::vector<double>& values,
                    const std::string& unit, const Labels& labels) {
    Labels all = labels;
    all["rounds"] = fmt::format("{:.6g}", fmt::join(values, " "));
    figure(name, percentile(values, 0.5), unit, all);
}

void Report::keep(const std::string& name, double value, const std::string& unit,
                  const Labels& labels) {
    json_ += fmt::format(R"({}{{"name":"{}","value":{},"unit":"{}")", json_.empty() ? "" : ",\n",
                         name, value, unit);
    for (const auto& [label, text] : labels) json_ += fmt::format(R"(,"{}":"{}")", label, text);
    json_ += "}";
}

int Report::exit_status() const {
    for (const std::string& name : missed_) std::fprintf(stderr, "missed: %s\n", name.c_str());
    return missed_.empty() ? 0 : 1;
}

// The sizes at the end: a part of them is asked for between two figures.
Report::~Report() {
    std::ofstream{"build/release/bench/" + bench_ + ".json"} << fmt::format(
        "{{\"bench\":\"{}\",{},{},\"figures\":[\n{}\n]}}\n", bench_, machine_, sizes_json(), json_);
}

}  // namespace pgcourier::bench
