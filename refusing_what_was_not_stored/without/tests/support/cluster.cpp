#include "support/cluster.hpp"

#include "support/eventually.hpp"
#include "support/free_port.hpp"

#include <fmt/format.h>

#include <csignal>
#include <stdexcept>

namespace pgcourier::test {
namespace {

constexpr const char* kShopNumber = "+33700000001";

std::string announcement(const Fault& fault) {
    return "fault at " + fault.point + "\n";
}

}  // namespace

Cluster::Cluster(std::size_t instances, sim::SimulatorOptions twilio, Variables variables)
    : twilio_{std::move(twilio)},
      shop_{db_.add_tenant("shop", kShopNumber)},
      variables_{std::move(variables)},
      instances_(instances),
      connection_{db_.options("test-cluster")} {
    if (const auto started = twilio_.start(); !started)
        throw std::runtime_error{started.error().what};
    for (std::size_t i = 0; i < instances; ++i) ports_.push_back(free_port());
    // Not those that are given: insert() leaves what is there.
    variables_.insert({{"OUTBOX_LEASE_MS", "15000"},  // the shortest that the program takes
                       {"OUTBOX_POLL_INTERVAL_MS", "500"},
                       {"OUTBOX_RATE_PER_SENDER", "0"}});
}

void Cluster::start(std::size_t instance, Variables more) {
    const bool is_faulty = more.contains("FAULT_POINT");
    start_program(instance, is_faulty ? PGCOURIER_FAULTY_BINARY : PGCOURIER_BINARY,
                  std::move(more));
}

void Cluster::start_program(std::size_t instance, const std::string& program, Variables more) {
    instances_.at(instance).reset();
    more.insert(variables_.begin(), variables_.end());
    more.insert({{"WEBHOOK_PUBLIC_URL", fmt::format("http://127.0.0.1:{}", ports_.back())}});
    more.merge(service_variables(db_.url(), ports_[instance], twilio_.base_url()));
    instances_[instance] =
        std::make_unique<Process>(std::vector<std::string>{"serve"}, std::move(more), "", program);
}

void Cluster::start(std::size_t instance, const Fault& fault, Variables more) {
    more["FAULT_POINT"] = fault.point;
    more["FAULT_AT"] = std::to_string(fault.at);
    more["FAULT_KIND"] = fault.kind == Fault::Kind::kill ? "kill" : "stop";
    start(instance, std::move(more));
}

std::string Cluster::webhook_url(std::size_t instance) const {
    return fmt::format("http://127.0.0.1:{}/webhooks/twilio", ports_.at(instance));
}

void Cluster::wait_until_ready() {
    for (const auto& instance : instances_) {
        if (!instance) continue;
        const bool is_ready = instance->wait_for_output("Worker started successfully");
        if (!is_ready && instance->output().find("fault at ") == std::string::npos)
            throw std::runtime_error{"an instance does not start:\n" + instance->output()};
    }
}

bool Cluster::has_met(std::size_t instance, const Fault& fault) {
    Process& process = (*this)[instance];
    if (process.output().find(announcement(fault)) == std::string::npos) return false;
    if (fault.kind == Fault::Kind::stop) return process.is_stopped();
    return !process.is_running() && process.wait() == 128 + SIGKILL;
}

void Cluster::write(int count, int recipients, const std::string& prefix) {
    static constexpr pg::Statement kWrite{
        "test_write",
        "INSERT INTO messages_out (tenant_id, \"to\", body) "
        "SELECT $1::text, '+336' || lpad((i % $4::integer)::text, 8, '0'), $5::text || i "
        "FROM generate_series($2::integer, $3::integer) AS i ORDER BY i"};
    connection_.exec(kWrite, pg::Params{shop_, written_, written_ + count - 1, recipients, prefix});
    written_ += count;
}

}  // namespace pgcourier::test
