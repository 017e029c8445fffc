#include "harness/steady_writers.hpp"

#include "base/address.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace pgcourier::bench {
namespace {

// Each waits for the flush of each of its commits, some milliseconds beside much else.
constexpr std::size_t kConnections = 16;
constexpr std::chrono::milliseconds kLook{500};
constexpr std::chrono::seconds kNothing{10};

// Numbers that no other message of a bench goes to: what follows is the message's own.
constexpr std::string_view kPeople = "+3378";

}  // namespace

SteadyWriters::SteadyWriters(System& system, double rate, std::size_t count)
    : system_{system},
      rate_{rate},
      started_{std::chrono::time_point_cast<std::chrono::microseconds>(
          std::chrono::system_clock::now())},
      sids_(count),
      called_ms_(count) {
    for (std::size_t i = 0; i < kConnections; ++i)
        writers_.emplace_back([this, i] { write(i, kConnections); });
    watcher_ = std::jthread{[this](const std::stop_token& stop) { watch(stop); }};
}

SteadyWriters::~SteadyWriters() = default;

WallMicros SteadyWriters::due(std::size_t n) const {
    return started_ + std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::duration<double>{static_cast<double>(n) / rate_});
}

void SteadyWriters::write(std::size_t from, std::size_t step) {
    static constexpr pg::Statement kInsert{
        "bench.write", "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ($1, $2, $3)"};
    pg::Connection db = system_.db().connect("bench");
    const std::vector<std::string>& tenants = system_.tenants();
    for (std::size_t i = from; i < called_ms_.size(); i += step) {
        std::this_thread::sleep_until(due(i));
        db.exec(kInsert, pg::Params{tenants[i % tenants.size()], fmt::format("{}{:07}", kPeople, i),
                                    fmt::format("Bonjour, votre commande {} est prête : venez la "
                                                "chercher quand vous voulez.",
                                                i)});
    }
}

// Visits what is kept each time: an entry may be seen twice.
void SteadyWriters::read_ledger() {
    const std::scoped_lock lock{mutex_};
    system_.twilio().ledger().count([this](const sim::LedgerEntry& entry) {
        if (entry.kind != "create" || !entry.accepted) return false;
        const std::string_view to = bare_address(entry.to);
        if (!to.starts_with(kPeople)) return false;
        const std::size_t n = std::stoull(std::string{to.substr(kPeople.size())});
        if (called_ms_[n] == 0) {
            called_ms_[n] = entry.time.time_since_epoch().count();
            sids_[n] = entry.sid;
            ++called_;
        } else if (sids_[n] != entry.sid) {
            called_twice_.insert(n);
        }
        return false;
    });
}

void SteadyWriters::watch(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        read_ledger();
        std::this_thread::sleep_for(kLook);
    }
    read_ledger();
}

void SteadyWriters::wait() {
    writers_.clear();
    std::size_t before = 0;
    const auto called = [&] {
        const std::scoped_lock lock{mutex_};
        return called_;
    };
    while (called() < called_ms_.size()) {
        before = called();
        if (!test::eventually([&] { return called() > before; }, kNothing)) break;
    }
    watcher_ = {};  // request_stop and join
}

std::vector<double> SteadyWriters::to_call_ms() const {
    const std::scoped_lock lock{mutex_};
    std::vector<double> all;
    all.reserve(called_);
    for (std::size_t i = 0; i < called_ms_.size(); ++i) {
        if (called_ms_[i] == 0) continue;
        const std::chrono::sys_time<std::chrono::milliseconds> called{
            std::chrono::milliseconds{called_ms_[i]}};
        all.push_back(std::chrono::duration<double, std::milli>(called - due(i)).count());
    }
    return all;
}

std::size_t SteadyWriters::missing() const {
    const std::scoped_lock lock{mutex_};
    return called_ms_.size() - called_;
}

std::size_t SteadyWriters::called_twice() const {
    const std::scoped_lock lock{mutex_};
    return called_twice_.size();
}

}  // namespace pgcourier::bench
