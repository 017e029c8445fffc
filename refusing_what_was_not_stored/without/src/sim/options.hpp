#pragma once
// How a simulated Twilio is set up. The defaults are an account for development; nothing real knows
// it.

#include "base/secret.hpp"
#include "sim/progress.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pgcourier::sim {

struct ApiKey {
    std::string sid;  // SK…
    Secret secret;
};

/// A number that is registered with WhatsApp, as the API lists it.
struct SimulatedSender {
    std::string number;  // E.164
    std::string status = "ONLINE";
    std::string callback_url{};  // where its inbound messages are said to go
    std::string fallback_url{};
};

struct SimulatorOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one
    std::string port_setting =
        "the simulator's port";  // what to change when it is taken, for the message

    std::string account_sid = "AC00000000000000000000000000005151";
    Secret auth_token{"51510000000000000000000000005151"};
    std::vector<ApiKey>
        api_keys;  // accepted beside the token; webhooks are always signed with the token

    std::string account_status = "active";  // active, suspended, closed: what the API says of it
    std::string account_type = "Full";      // or Trial
    /// Only what the API lists; messages are taken from any number. Empty: `inbound_to` with
    /// `inbound_url`.
    std::vector<SimulatedSender> senders;

    std::string inbound_url;  // where inbound messages are posted, as the service knows its webhook
    std::string inbound_to;   // the number that people write to when they name none

    Progress progress;                        // of accepted messages
    std::chrono::milliseconds latency{0};     // of each answer of the API
    std::chrono::milliseconds list_delay{0};  // how long a new message is missing from the list

    std::string ledger_path;    // appended to; empty: the ledger is in memory only
    std::size_t keep = 0;       // messages and ledger entries in memory, the newest; 0: all
    std::uint64_t seed = 0;     // of probabilities, losses and shuffles; 0: a random one
    bool logs_traffic = false;  // each message and webhook as a line of the log
};

}  // namespace pgcourier::sim
