// What 10,000 connections that only drip cost those that do not: p99 of signed webhooks and of
// GET /healthz, by turns with and without the crowd, once it is there: all of it connecting at the
// same moment is another question. Whoever drips is cut off 10 s after it began (http::Limits), and
// comes back, as an attacker would: the crowd is there for 12 s before it is measured, by when all
// have been cut off once, and 15 s meanwhile. 8 connections that never pause, so that a p99 is what
// a burst of the crowd's bytes, or of its coming back, costs those that come in the middle of it.
#include "harness/load.hpp"
#include "harness/rounds.hpp"
#include "harness/sample.hpp"
#include "harness/sink.hpp"
#include "harness/slow_crowd.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace pgcourier;

constexpr std::size_t kSlow = 10'000;
constexpr std::size_t kConnections = 8;
constexpr std::size_t kWebhooks = 4000;
constexpr int kRounds = 5;
// The server's limit for a head and for a body is 10 s.
constexpr std::chrono::seconds kSettle{12};
constexpr std::chrono::seconds kMeasure{15};

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
    const auto measure = [&](Side& side, std::chrono::seconds length) {
        std::vector<double> webhooks_ms;
        std::vector<double> probes_ms;
        const auto end = std::chrono::steady_clock::now() + length;
        do {
            const bench::LoadResult webhooks =
                bench::run_load(system.port(), system.webhooks(next, kWebhooks), kConnections);
            next += kWebhooks;
            const bench::LoadResult health = bench::run_load(system.port(), probes, kConnections);
            std::ranges::copy(webhooks.latencies_ms, std::back_inserter(webhooks_ms));
            std::ranges::copy(health.latencies_ms, std::back_inserter(probes_ms));
            side.not_200 += webhooks.not_200 + health.not_200;
        } while (std::chrono::steady_clock::now() < end);
        side.webhooks.push_back(bench::percentile(std::move(webhooks_ms), 0.99));
        side.probes.push_back(bench::percentile(std::move(probes_ms), 0.99));
    };
    const auto settle = [&](std::chrono::seconds length) {
        Side settled;
        measure(settled, length);
    };

    Side without;
    Side elsewhere;
    Side with;
    // returns  how often one of the crowd was cut off
    const auto measure_beside = [&](std::uint16_t port, pid_t server, Side& side) {
        bench::SlowCrowd crowd{port, kSlow, heads()};
        if (!test::eventually([&] { return open_files(server) >= kSlow; }))
            throw std::runtime_error{"not all slow connections were taken"};
        settle(kSettle);
        measure(side, kMeasure);
        return static_cast<double>(crowd.cut_off());
    };
    std::vector<double> cut_off;
    std::vector<double> cut_off_elsewhere;
    for (int round = 0; round < kRounds; ++round) {
        // What the crowd before left is gone.
        test::eventually([&] { return open_files(system.pid()) < kSlow / 20; });
        settle(std::chrono::seconds{0});
        measure(without, kMeasure);
        {
            const bench::Sink sink;
            cut_off_elsewhere.push_back(measure_beside(sink.port(), sink.pid(), elsewhere));
        }
        cut_off.push_back(measure_beside(system.port(), system.pid(), with));
    }

    const std::uint64_t not_200 = without.not_200 + elsewhere.not_200 + with.not_200;
    bench::Report report{"slow_connections"};
    report.median("webhooks, p99 without slow connections", without.webhooks, "ms");
    report.median("webhooks, p99 beside 10,000", with.webhooks, "ms");
    report.median("  ratio (at most 2)", bench::ratios(with.webhooks, without.webhooks), "");
    report.median("webhooks, p99 while another program has the 10,000", elsewhere.webhooks, "ms");
    report.median("  those beside 10,000 are", bench::ratios(with.webhooks, elsewhere.webhooks),
                  "");
    report.median("GET /healthz, p99 without slow connections", without.probes, "ms");
    report.median("GET /healthz, p99 beside 10,000", with.probes, "ms");
    report.median("  ratio (at most 2)", bench::ratios(with.probes, without.probes), "");
    report.figure("not 200 (at most 0)", static_cast<double>(not_200), "");
    // Each of them once, or the server's limits do not act.
    report.median(fmt::format("slow connections that were cut off, a round (at least {})", kSlow),
                  cut_off, "");
    report.median("  by the other program (at most 0)", cut_off_elsewhere, "");
    report.figure("most memory of the service", peak_memory(system.pid()), "MiB");
    return report.exit_status();
}
