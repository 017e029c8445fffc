#pragma once
// A scriptable Twilio on loopback: the Messages API, signed status callbacks, inbound messages on
// command, and a ledger of what it took. The provider of tests, benches and `pgcourier dev`;
// `pgcourier twilio-sim` runs it alone.
//
// clang-format off
//   Simulator twilio{{.inbound_url = "http://127.0.0.1:8080/webhooks/twilio",
//                     .inbound_to = "+33700000001"}};
//   if (const auto started = twilio.start(); !started) …
//   twilio.script().add({.to = "+33612345678",
//                        .then = {.answer = Answer::error, .status = 503, .code = 20503}});
//   twilio.inbound({.from = "+33612345678", .body = "Bonjour"});
//   twilio.ledger().accepted_to("+33612345678");
// clang-format on

#include "base/clock.hpp"
#include "base/result.hpp"
#include "sim/account.hpp"
#include "sim/options.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace pgcourier::sim {

class Simulator {
  public:
    /// `clock` must outlive it. It rules the times of messages and the waits.
    explicit Simulator(SimulatorOptions options = {}, const Clock& clock = system_clock());
    ~Simulator();
    Simulator(const Simulator&) = delete;
    Simulator& operator=(const Simulator&) = delete;

    /// Opens the ledger and serves the API, after stop() on the same port as before.
    /// returns  what cannot be opened or listened on
    Result<void> start();
    /// The API cannot be reached any more and its open calls are cut off; messages that were taken
    /// go on. start() ends this.
    void stop();

    std::uint16_t port() const { return port_; }
    /// For TWILIO_API_BASE_URL: `http://127.0.0.1:4010`
    std::string base_url() const;
    const SimulatorOptions& options() const { return options_; }

    Script& script() { return account_.script(); }
    Ledger& ledger() { return account_.ledger(); }
    /// As the API would show it.
    std::optional<Message> message(std::string_view sid) const { return account_.find(sid); }
    /// Changes how messages that are taken from now on go through their statuses.
    void set_progress(const Progress& progress) { account_.set_progress(progress); }

    /// A person writes to the account. Waits for the answers to all posts, or for none that are not
    /// `is_posted`. The message is in the API's list also when nobody took the webhook.
    ///
    /// returns  the message's sid and each post's HTTP status, 0 where no answer came within
    /// Twilio's 15 s
    Result<InboundResult> inbound(const Inbound& inbound);

    /// Forgets messages, ledger (not its file), rules and all that was to come.
    void reset() { account_.reset(); }

  private:
    struct Serving;

    const SimulatorOptions options_;
    Account account_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Serving> serving_;  // null while stopped
};

}  // namespace pgcourier::sim
