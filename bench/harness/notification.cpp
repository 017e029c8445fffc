#include "harness/notification.hpp"

#include <libpq-fe.h>

#include <poll.h>
#include <stdexcept>

namespace pgcourier::bench {
namespace {

constexpr int kLongestMs = 10'000;

}  // namespace

void await_notification(pg::Connection& listener) {
    PGconn* conn = listener.raw();
    for (;;) {
        if (PGnotify* notification = PQnotifies(conn)) {
            PQfreemem(notification);
            return;
        }
        pollfd readable{.fd = PQsocket(conn), .events = POLLIN, .revents = 0};
        if (poll(&readable, 1, kLongestMs) <= 0 || PQconsumeInput(conn) == 0)
            throw std::runtime_error{"the listener of the bench was not notified"};
    }
}

}  // namespace pgcourier::bench
