#pragma once
// What a sender is told to do, by the configuration and by whoever runs it.

#include "base/config.hpp"
#include "outbox/call.hpp"
#include "outbox/step.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace pgcourier::outbox {

struct SenderSettings {
    Provider provider;
    RetryPolicy policy;
    std::string instance_id;     // instances.id of this process
    std::string default_sender;  // bare; empty: a tenant without a number cannot send
    std::size_t concurrency = 64;
    std::size_t batch_size = 100;
    int rate = 80;  // starts a second of one sending number, over all instances; 0: no limit
    std::chrono::milliseconds lease{30'000};
    /// How long a stop waits for calls in flight and for the database to take their outcomes.
    std::chrono::milliseconds drain{25'000};
    /// Called over each new connection before anything is claimed over it: there may have been an
    /// outage, surely where it is the first one, or the one before was lost.
    std::function<void(pg::Connection&, bool is_after_loss)> on_connect{};
    /// Called when a claim took all that it may: there is more than one sender's fill, perhaps.
    std::function<void()> on_backlog{};
    /// Neither connects nor looks before it is woken: a sender for what others cannot keep up with.
    bool waits_for_wake = false;
};

SenderSettings sender_settings(const Config& config, std::string instance_id);
/// The same for `count` threads of one process, which share its calls at once.
std::vector<SenderSettings> shared_out(const SenderSettings& settings, std::size_t count);

}  // namespace pgcourier::outbox
