#pragma once
// What a bench runs against: a durable private PostgreSQL, the simulated Twilio, the program as a
// process of its own.

#include "harness/report.hpp"
#include "sim/simulator.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pgcourier::bench {

class System {
  public:
    /// tenants  each with a number of its own, tenant_number(0)…
    explicit System(int tenants, sim::SimulatorOptions twilio = {});
    /// `serve`, ready. returns when it can be used
    void serve(test::Variables more = {});
    /// One more `serve` on the same database, ready, which takes the same webhooks.
    ///
    /// returns  its port
    std::uint16_t serve_another(test::Variables more = {});
    void stop_serving() {
        others_.clear();
        service_.reset();
    }

    const test::TestDatabase& db() const { return *db_; }
    std::uint16_t port() const { return port_; }
    pid_t pid() const { return service_->pid(); }
    sim::Simulator& twilio() { return *twilio_; }
    const std::vector<std::string>& tenants() const { return tenants_; }
    test::Variables variables() const;

    /// `count` signed webhooks, as whole HTTP requests; MessageSids from `first` on.
    std::vector<std::string> webhooks(std::uint64_t first, std::size_t count) const;

  private:
    std::unique_ptr<test::Process> start(std::uint16_t port, const test::Variables& more) const;

    std::unique_ptr<test::TestDatabase> db_;
    std::unique_ptr<sim::Simulator> twilio_;
    std::vector<std::string> tenants_;
    std::uint16_t port_ = 0;
    std::unique_ptr<test::Process> service_;
    std::vector<std::unique_ptr<test::Process>> others_;
};

std::string tenant_number(int index);
std::string client_number(std::uint64_t index);

}  // namespace pgcourier::bench
