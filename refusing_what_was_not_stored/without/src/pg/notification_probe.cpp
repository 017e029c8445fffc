#include "pg/notification_probe.hpp"

#include "base/clock.hpp"
#include "base/rng.hpp"

#include <fmt/format.h>

#include <poll.h>

namespace pgcourier::pg {
namespace {

using NotifyHandle = std::unique_ptr<PGnotify, FreeWith<PQfreemem>>;

constexpr std::chrono::milliseconds kLook{50};

bool has_arrived(PGconn* conn, const std::string& channel) {
    bool found = false;
    while (const NotifyHandle notification{PQnotifies(conn)})
        found = found || notification->relname == channel;
    return found;
}

}  // namespace

bool notification_arrives(Connection& listener, Connection& speaker, std::chrono::milliseconds wait,
                          const std::stop_token& stop) {
    // Made by us, so that it may stand in the text.
    const std::string channel = fmt::format("pgcourier_probe_{:016x}", random_seed());
    listener.exec_script(fmt::format("LISTEN {}", channel).c_str());
    // In a transaction of its own: who listens is told of those that come after.
    speaker.exec_script(fmt::format("NOTIFY {}", channel).c_str());
    PGconn* conn = listener.raw();
    const SteadyTime deadline = system_clock().steady_now() + wait;
    bool found = has_arrived(conn, channel);
    while (!found && !stop.stop_requested() && system_clock().steady_now() < deadline) {
        pollfd ready{PQsocket(conn), POLLIN, 0};
        poll(&ready, 1, static_cast<int>(kLook.count()));
        if (PQconsumeInput(conn) == 0) throw Error{"", PQerrorMessage(conn)};
        found = has_arrived(conn, channel);
    }
    listener.exec_script(fmt::format("UNLISTEN {}", channel).c_str());
    return found;
}

}  // namespace pgcourier::pg
