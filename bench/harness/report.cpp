#include "harness/report.hpp"

#include "harness/sample.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
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

int postgres_version() {
    pg::Connection connection{
        {.target = *pg::parse_url(test::test_server().url("postgres")), .role = "bench"}};
    return connection.server_version();
}

std::string machine() {
    utsname system{};
    uname(&system);
    const std::time_t now = std::time(nullptr);
    char date[16];
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<double>(sysconf(_SC_PAGE_SIZE)) / (1 << 30);
    const int version = postgres_version();
    return fmt::format(
        R"("date":"{}","processor":"{}","processors":{},"memory_gib":{:.0f},"kernel":"{}","postgres":"{}.{}")",
        date, processor(), std::thread::hardware_concurrency(), memory, system.release,
        version / 10000, version % 10000);
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

Report::~Report() {
    std::ofstream{"build/release/bench/" + bench_ + ".json"}
        << fmt::format("{{\"bench\":\"{}\",{},\"figures\":[\n{}\n]}}\n", bench_, machine_, json_);
}

}  // namespace pgcourier::bench
