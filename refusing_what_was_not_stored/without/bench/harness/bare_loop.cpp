#include "harness/bare_loop.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <poll.h>
#include <stdexcept>

namespace pgcourier::bench {
namespace {

constexpr int kLongestMs = 10'000;

}  // namespace

BareLoop::BareLoop(const test::TestDatabase& db)
    : writer_{db.connect("bare writer")}, listener_{db.connect("bare listener")} {
    writer_.exec_script(
        "CREATE TABLE bare_messages (id bigserial PRIMARY KEY, body text NOT NULL); "
        "CREATE TABLE bare_leases (id bigserial PRIMARY KEY)");
    listener_.exec_script("LISTEN bare");
}

double BareLoop::once() {
    static constexpr pg::Statement kLease{"bench.bare_lease",
                                          "INSERT INTO bare_leases DEFAULT VALUES"};
    const auto start = std::chrono::steady_clock::now();
    writer_.exec_script("INSERT INTO bare_messages (body) VALUES ('x'); NOTIFY bare");
    wait_for_notification();
    listener_.exec(kLease);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

void BareLoop::wait_for_notification() {
    PGconn* conn = listener_.raw();
    for (;;) {
        if (PGnotify* notification = PQnotifies(conn)) {
            PQfreemem(notification);
            return;
        }
        pollfd readable{.fd = PQsocket(conn), .events = POLLIN, .revents = 0};
        if (poll(&readable, 1, kLongestMs) <= 0 || PQconsumeInput(conn) == 0)
            throw std::runtime_error{"the bare listener was not notified"};
    }
}

}  // namespace pgcourier::bench
