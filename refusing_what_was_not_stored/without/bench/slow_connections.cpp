// What 10,000 connections that only drip cost those that do not: p99 of signed webhooks and of
// GET /healthz, by turns with and without the crowd, once it is there: all of it connecting at the
// same moment is another question. 8 connections that never pause, so that a p99 is what a burst of
// the crowd's bytes costs those that come in the middle of it.
#include "harness/load.hpp"
#include "harness/sample.hpp"
#include "harness/sink.hpp"
#include "harness/slow_crowd.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

using namespace pgcourier;

constexpr std::size_t kSlow = 10'000;
constexpr std::size_t kConnections = 8;
constexpr std::size_t kWebhooks = 4000;
constexpr int kRounds = 5;

struct Side {
    std::vector<double> webhooks;  // p99 of each round, in ms
    std::vector<double> probes;
    std::uint64_t not_200 = 0;
};

// A well-formed signature, so that the body is waited for: without one it is refused at once.
std::vector<std::string> heads() {
    return {
        "POST /webhooks/twilio HTTP/1.1\r\nHost: a\r\nX-A: a",
        "POST /webhooks/twilio HTTP/1.1\r\nHost: a\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\nContent-Length: 60000\r\n\r\nBody="};
}

// The most memory that the process has had, in MiB.
double peak_memory(pid_t pid) {
    std::ifstream status{fmt::format("/proc/{}/status", pid)};
    std::string line;
    while (std::getline(status, line)) {
        if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
    }
    return 0;
}

std::size_t open_files(pid_t pid) {
    const std::filesystem::directory_iterator files{fmt::format("/proc/{}/fd", pid)};
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace

int main() {
    bench::System system{100};
    system.serve({{"PGCOURIER_ROLES", "webhook"}, {"LOG_LEVEL", "error"}});
    const std::vector<std::string> probes(
        20000, fmt::format("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", system.port()));
    std::uint64_t next = 0;
    const auto measure = [&](Side& side) {
        const bench::LoadResult webhooks =
            bench::run_load(system.port(), system.webhooks(next, kWebhooks), kConnections);
        next += kWebhooks;
        const bench::LoadResult health = bench::run_load(system.port(), probes, kConnections);
        side.webhooks.push_back(webhooks.percentile(0.99));
        side.probes.push_back(health.percentile(0.99));
        side.not_200 += webhooks.not_200 + health.not_200;
    };
    const auto settle = [&] {
        Side settled;
        measure(settled);
    };

    Side without;
    Side elsewhere;
    Side with;
    std::uint64_t cut_off = 0;
    const auto measure_beside = [&](std::uint16_t port, pid_t server, Side& side) {
        bench::SlowCrowd crowd{port, kSlow, heads()};
        if (!test::eventually([&] { return open_files(server) >= kSlow; }))
            throw std::runtime_error{"not all slow connections were taken"};
        settle();
        measure(side);
        cut_off += crowd.cut_off();
    };
    for (int round = 0; round < kRounds; ++round) {
        // What the crowd before left is gone.
        test::eventually([&] { return open_files(system.pid()) < kSlow / 20; });
        settle();
        measure(without);
        {
            const bench::Sink sink;
            measure_beside(sink.port(), sink.pid(), elsewhere);
        }
        measure_beside(system.port(), system.pid(), with);
    }

    const std::uint64_t not_200 = without.not_200 + elsewhere.not_200 + with.not_200;
    bench::Report report{"slow_connections"};
    const auto median = [](const std::vector<double>& values) {
        return bench::percentile(values, 0.5);
    };
    report.figure("webhooks, p99 without slow connections", median(without.webhooks), "ms");
    report.figure("webhooks, p99 beside 10,000", median(with.webhooks), "ms");
    report.figure("  ratio (at most 2)", median(with.webhooks) / median(without.webhooks), "");
    report.figure("webhooks, p99 while another program has the 10,000", median(elsewhere.webhooks),
                  "ms");
    report.figure("  those beside 10,000 are", median(with.webhooks) / median(elsewhere.webhooks),
                  "");
    report.figure("GET /healthz, p99 without slow connections", median(without.probes), "ms");
    report.figure("GET /healthz, p99 beside 10,000", median(with.probes), "ms");
    report.figure("  ratio (at most 2)", median(with.probes) / median(without.probes), "");
    report.figure("not 200", static_cast<double>(not_200), "");
    report.figure("slow connections that were cut off", static_cast<double>(cut_off), "");
    report.figure("most memory of the service", peak_memory(system.pid()), "MiB");
    return not_200 == 0 ? 0 : 1;
}
