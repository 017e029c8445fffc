#pragma once
// A database, a simulated Twilio and a sender between them, for the suites of the outbox.

#include "outbox/sender.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace pgcourier::test {

inline constexpr const char* kShopNumber = "+33700000001";

struct Sending {
    TestDatabase db;
    sim::Simulator twilio;
    std::string shop = db.add_tenant("shop", kShopNumber);

    explicit Sending(sim::SimulatorOptions options = {.progress = {.callbacks = false}})
        : twilio{std::move(options)} {
        if (const auto started = twilio.start(); !started)
            throw std::runtime_error{started.error().what};
        db.warm_up(outbox::credentials_scope(settings().provider));
    }

    /// As configured for this provider, with waits a tenth or less of the real ones.
    outbox::SenderSettings settings() const {
        outbox::SenderSettings s;
        s.provider = {.base_url = twilio.base_url(),
                      .account_sid = twilio.options().account_sid,
                      .user = twilio.options().account_sid,
                      .password = twilio.options().auth_token};
        s.policy.base = std::chrono::milliseconds{50};
        s.instance_id = "test";
        s.rate = 0;
        return s;
    }

    /// A pending message of the shop. returns its id
    std::string add(const std::string& to, const std::string& body) const {
        return db.query_value(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body) VALUES ('{}', '{}', '{}') RETURNING id)",
            shop, to, body));
    }
    std::string status(const std::string& id) const { return column(id, "status"); }
    std::string column(const std::string& id, const std::string& name) const {
        return db.query_value(fmt::format("SELECT {} FROM messages_out WHERE id = '{}'", name, id));
    }
    std::int64_t events(const std::string& id, const std::string& type) const {
        return db.count(fmt::format(
            "SELECT count(*) FROM event_log WHERE entity_id = '{}' AND event_type = '{}'", id,
            type));
    }
    /// The bodies that were taken for `to`, in order.
    std::vector<std::string> taken(const std::string& to) const {
        std::vector<std::string> bodies;
        for (const sim::LedgerEntry& e : const_cast<sim::Simulator&>(twilio).ledger().entries()) {
            if (e.accepted && e.to == "whatsapp:" + to) bodies.push_back(e.body);
        }
        return bodies;
    }
    /// Nothing waits, is in flight or unknown.
    bool is_idle() const {
        return db.count(
                   "SELECT (SELECT count(*) FROM outbox_queue) + (SELECT count(*) FROM "
                   "outbox_leases)") == 0;
    }
};

/// A sender that runs on a thread of its own until it is stopped or goes.
class RunningSender {
  public:
    RunningSender(pg::ConnectOptions options, outbox::SenderSettings settings)
        : sender_{std::move(options), std::move(settings), wake_, system_clock(), 1},
          thread_{[this](std::stop_token stop) { sender_.run(std::move(stop)); }} {}
    Wake& wake() { return wake_; }
    /// As SIGTERM does; nothing new starts from here on.
    void request_stop() { thread_.request_stop(); }
    /// The same; waits until it has ended.
    void stop() {
        request_stop();
        if (thread_.joinable()) thread_.join();
    }

  private:
    Wake wake_;
    outbox::Sender sender_;
    std::jthread thread_;
};

}  // namespace pgcourier::test
