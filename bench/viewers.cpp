// What 50 open pages of the operations console cost the messages: the processors' time of service
// and PostgreSQL for a message in and one out, by turns without and with viewers, a minute each
// (VIEWERS_SECONDS). Messages come as fast as they are answered, so that the machine is full. A
// turn's cost drifts (checkpoints, vacuum): a turn with viewers is held against the mean of the
// ones without before and after it.
#include "harness/viewers.hpp"

#include "harness/cpu_time.hpp"
#include "harness/load.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace {

using namespace pgcourier;
using Clock = std::chrono::steady_clock;

constexpr const char* kToken = "the-token-of-the-bench";
constexpr std::size_t kViewers = 50;
constexpr std::size_t kMessages = 500;  // each way, between two looks at the clock
constexpr std::size_t kConnections = 16;

struct Turn {
    double micros = 0;  // of the processors, a message in and one out
    double messages_a_second = 0;
    std::uint64_t told = 0;
    std::uint64_t answered = 0;
};

class Work {
  public:
    Work() {
        system_.serve(
            {{"OPS_TOKEN", kToken}, {"LOG_LEVEL", "warn"}, {"WEBHOOK_DEADLINE_MS", "10000"}});
        for (int i = 0; i < 4; ++i) send_and_receive();
    }

    Turn turn(std::size_t viewers, std::chrono::seconds length) {
        const bench::Viewers crowd{system_.port(), kToken, viewers};
        const double before = used();
        const Clock::time_point start = Clock::now();
        std::size_t messages = 0;
        while (Clock::now() - start < length) {
            send_and_receive();
            messages += kMessages;
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        return {.micros = 1e6 * (used() - before) / static_cast<double>(messages),
                .messages_a_second = static_cast<double>(messages) / seconds,
                .told = crowd.told(),
                .answered = crowd.answered()};
    }

    /// Without messages. returns  ms of the processors a second
    double idle(std::size_t viewers, std::chrono::seconds length) {
        const bench::Viewers crowd{system_.port(), kToken, viewers};
        const double before = used();
        std::this_thread::sleep_for(length);
        return 1e3 * (used() - before) / static_cast<double>(length.count());
    }

  private:
    double used() {
        return bench::cpu_seconds(system_.pid()) + bench::cpu_seconds(test::test_server().pid());
    }

    void send_and_receive() {
        system_.db().exec(fmt::format(
            "INSERT INTO messages_out (tenant_id, \"to\", body) SELECT t.id, '+336' || "
            "lpad(i::text, 8, '0'), 'Bonjour ' || i FROM (SELECT id, row_number() OVER () - 1 AS n "
            "FROM tenants) AS t JOIN generate_series(1, {}) AS i ON i % 100 = t.n",
            kMessages));
        const bench::LoadResult load =
            bench::run_load(system_.port(), system_.webhooks(next_, kMessages), kConnections);
        next_ += kMessages;
        sent_ += kMessages;
        if (load.not_200 > 0) throw std::runtime_error{"a webhook was not answered 200"};
        if (!test::eventually([&] { return system_.twilio().ledger().accepted() >= sent_; },
                              std::chrono::minutes{3}))
            throw std::runtime_error{"the messages were not sent"};
    }

    bench::System system_{100, {.progress = {.callbacks = false}, .keep = 1000}};
    std::uint64_t next_ = 0;
    std::uint64_t sent_ = 0;
};

}  // namespace

int main() {
    const std::chrono::seconds length{bench::setting("VIEWERS_SECONDS", 60)};
    Work work;
    std::vector<Turn> without{work.turn(0, length)};
    const double idle = work.idle(0, length);
    const double idle_watched = work.idle(kViewers, length);
    std::vector<Turn> with;
    for (int round = 0; round < bench::rounds(); ++round) {
        with.push_back(work.turn(kViewers, length));
        without.push_back(work.turn(0, length));
    }

    std::vector<double> ratios;
    std::vector<double> alone;
    std::vector<double> watched;
    double told = 0;
    double answered = 0;
    for (std::size_t i = 0; i < with.size(); ++i) {
        const double beside = (without[i].micros + without[i + 1].micros) / 2;
        ratios.push_back(100 * (with[i].micros / beside - 1));
        alone.push_back(beside);
        watched.push_back(with[i].micros);
        told += static_cast<double>(with[i].told);
        answered += static_cast<double>(with[i].answered);
    }
    const double minutes = static_cast<double>(with.size() * length.count()) / 60;
    bench::Report report{"viewers"};
    report.median("processors' time, a message in and one out, nobody looks", alone, "µs");
    report.median("processors' time, a message in and one out, 50 viewers", watched, "µs");
    report.median("  more with viewers (at most 5)", ratios, "%");
    report.figure("messages each way, nobody looks", without.front().messages_a_second, "/s");
    report.figure("overviews that a viewer was told of", told / kViewers / minutes, "/min");
    report.figure("questions that a viewer asked", answered / kViewers / minutes, "/min");
    report.figure("processors' time a second without messages, nobody looks", idle, "ms");
    report.figure("processors' time a second without messages, 50 viewers", idle_watched, "ms");
    if (told == 0 || answered == 0) throw std::runtime_error{"the viewers saw nothing"};
    return report.exit_status();
}
