#include "maintenance/instance.hpp"

#include "base/ids.hpp"
#include "sql/maintenance.hpp"

#include <cerrno>
#include <signal.h>
#include <unistd.h>

namespace pgcourier::maintenance {
namespace {

constexpr double kSilentTooLongMs = 30000;

bool process_exists(int pid) {
    return kill(pid, 0) == 0 || errno == EPERM;
}

}  // namespace

Instance this_instance(std::string version, std::string roles) {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    return {new_uuid(), host.data(), getpid(), std::move(version), std::move(roles)};
}

std::vector<std::string> crashed(const Instance& self, const std::vector<Neighbour>& neighbours) {
    std::vector<std::string> ids;
    for (const Neighbour& neighbour : neighbours) {
        const bool is_here = neighbour.host == self.host;
        const bool is_ended = is_here && (!neighbour.has_process || neighbour.pid == self.pid);
        if (is_ended || neighbour.silent_ms > kSilentTooLongMs) ids.push_back(neighbour.id);
    }
    return ids;
}

Registered register_instance(pg::Connection& db, const Instance& self) {
    std::vector<Neighbour> neighbours;
    for (const pg::Row row : db.exec(sql::maintenance::other_instances, pg::Params{self.id})) {
        Neighbour neighbour{row.string(0), row.string(1), static_cast<int>(row.int64(2)),
                            row.number(3)};
        neighbour.has_process = process_exists(neighbour.pid);
        neighbours.push_back(std::move(neighbour));
    }
    const std::vector<std::string> gone = crashed(self, neighbours);
    const std::array<pg::Call, 2> calls{
        pg::Call{sql::maintenance::remove_instances, pg::Params{gone}},
        pg::Call{sql::maintenance::register_instance,
                 pg::Params{self.id, self.host, self.pid, self.version, self.roles}}};
    // A repeat after an unknown COMMIT fails on the primary key, and the start with it: the next
    // start is clean.
    const pg::Rows removed = std::move(db.transact(calls).front());
    Registered registered{.is_after_crash = !gone.empty()};
    if (!removed[0].is_null(0))
        registered.receiver_silent_for = std::chrono::milliseconds{removed[0].int64(0)};
    return registered;
}

void remove_instance(pg::Connection& db, const Instance& self) {
    db.exec(sql::maintenance::remove_instances, pg::Params{std::vector<std::string>{self.id}});
}

}  // namespace pgcourier::maintenance
