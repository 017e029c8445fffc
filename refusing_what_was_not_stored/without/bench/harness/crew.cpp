#include "harness/crew.hpp"

#include "router/worker.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace pgcourier::bench {

Crew::Crew(const test::TestDatabase& db, int threads, std::size_t batch, Work work)
    : wake_{std::make_unique<Wake>()} {
    set_log_level(LogLevel::warn);
    router::Settings settings{.batch_size = batch, .threads = static_cast<std::size_t>(threads)};
    if (work == Work::none) {
        settings.instead_of_decide = [](const router::Claimed&) -> router::Decision {
            return router::NoEffect{};
        };
    }
    for (int i = 0; i < threads; ++i) {
        workers_.push_back(std::make_unique<router::Worker>(
            db.options("router"), *wake_, settings, system_clock(), static_cast<std::uint64_t>(i)));
        workers_.back()->run_once();
    }
}

Crew::~Crew() = default;

double Crew::rate(std::int64_t events) {
    std::atomic<std::int64_t> done = 0;
    const auto start = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> threads;
        for (const auto& worker : workers_) {
            threads.emplace_back([&] {
                while (done < events) {
                    const std::size_t count = worker->run_once();
                    if (count == 0) return;
                    done += static_cast<std::int64_t>(count);
                }
            });
        }
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (done < events)
        throw std::runtime_error{fmt::format("{} of {} events were routed", done.load(), events)};
    return static_cast<double>(done) / seconds;
}

}  // namespace pgcourier::bench
