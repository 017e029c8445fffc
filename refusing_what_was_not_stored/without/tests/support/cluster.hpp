#pragma once
// Several instances of the service on one database, as processes that can be killed, stopped and
// started again, and the simulated Twilio that they send to.

#include "sim/simulator.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace pgcourier::test {

/// Where the faulty program meets its end (tests/support/faulty_main.cpp).
struct Fault {
    std::string point;
    int at = 1;  // which of its passages
    enum class Kind { kill, stop } kind = Kind::kill;
};

class Cluster {
  public:
    /// A database with one shop, and Twilio. No instance runs yet.
    ///
    /// instances  how many there can be; callbacks of Twilio go to the last one
    /// variables  beside service_variables; OUTBOX_LEASE_MS, OUTBOX_POLL_INTERVAL_MS and the rate
    ///            are quick ones unless they stand here
    explicit Cluster(std::size_t instances, sim::SimulatorOptions twilio = {},
                     Variables variables = {});

    TestDatabase& db() { return db_; }
    sim::Simulator& twilio() { return twilio_; }
    const std::string& shop() const { return shop_; }
    std::size_t size() const { return instances_.size(); }

    /// Starts it, killing what runs in its place. Does not wait for it.
    void start(std::size_t instance, Variables more = {});
    /// The same with a fault that it will meet.
    void start(std::size_t instance, const Fault& fault, Variables more = {});
    /// The same with another program, such as an older one.
    void start_program(std::size_t instance, const std::string& program, Variables more = {});
    /// Where its webhooks go: /webhooks/twilio.
    std::string webhook_url(std::size_t instance) const;
    /// Waits until all that were started work, or have met their fault.
    /// throws  std::runtime_error with what it printed
    void wait_until_ready();
    /// Empty places throw.
    Process& operator[](std::size_t instance) { return *instances_.at(instance); }
    /// Whether it met its fault: it said so and it is dead by SIGKILL, or stands still.
    bool has_met(std::size_t instance, const Fault& fault);

    /// Pending messages of the shop with texts that occur once: `<prefix><number>`, the numbers
    /// going on. To `recipients` people in turn.
    void write(int count, int recipients, const std::string& prefix = "message ");
    int written() const { return written_; }

  private:
    TestDatabase db_;
    sim::Simulator twilio_;
    std::string shop_;
    Variables variables_;
    std::vector<std::unique_ptr<Process>> instances_;
    std::vector<std::uint16_t> ports_;
    pg::Connection connection_;
    int written_ = 0;
};

}  // namespace pgcourier::test
