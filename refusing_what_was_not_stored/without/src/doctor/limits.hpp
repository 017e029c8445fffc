#pragma once
// What `pgcourier doctor` calls too slow, too old or too far off, and how long it waits for
// anybody.

#include <chrono>

namespace pgcourier::doctor {

struct Limits {
    // How long one connect, one statement or one call may take.
    std::chrono::seconds connect_timeout{5};
    std::chrono::milliseconds answer_timeout{5'000};
    std::chrono::milliseconds notification_wait{2'000};

    // A webhook is answered after one round trip and has WEBHOOK_DEADLINE_MS (900) for it.
    std::chrono::milliseconds round_trip_warn{20};
    std::chrono::milliseconds round_trip_fail{300};
    // Of this host to the database and to Twilio. Twilio's list is read with five minutes of
    // tolerance when a message's outcome is looked for (outbox/candidates).
    std::chrono::seconds clock_warn{2};
    std::chrono::seconds clock_fail{300};
    // As ops.health judges the oldest snapshot.
    std::chrono::seconds snapshot_warn{60};
    std::chrono::seconds snapshot_fail{900};
};

}  // namespace pgcourier::doctor
