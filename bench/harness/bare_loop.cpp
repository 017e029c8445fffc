#include "harness/bare_loop.hpp"

#include "harness/notification.hpp"

#include <chrono>

namespace pgcourier::bench {

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
    await_notification(listener_);
    listener_.exec(kLease);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

}  // namespace pgcourier::bench
