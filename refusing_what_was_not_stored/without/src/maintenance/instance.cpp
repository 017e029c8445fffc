#include "maintenance/instance.hpp"

#include "base/ids.hpp"
#include "sql/maintenance.hpp"

#include <algorithm>
#include <cerrno>
#include <signal.h>
#include <unistd.h>

namespace pgcourier::maintenance {
namespace {

constexpr double kSilentTooLongMs = 30000;

bool process_exists(int pid) {
    return kill(pid, 0) == 0 || errno == EPERM;
}

std::vector<Neighbour> neighbours_of(pg::Connection& db, const Instance& self) {
    std::vector<Neighbour> neighbours;
    for (const pg::Row row : db.exec(sql::maintenance::other_instances, pg::Params{self.id})) {
        Neighbour neighbour{row.string(0), row.string(1), static_cast<int>(row.int64(2)),
                            row.number(3)};
        neighbour.has_process = process_exists(neighbour.pid);
        if (!row.is_null(4)) neighbour.missing_for = std::chrono::milliseconds{row.int64(4)};
        neighbour.is_to_be_told = row.boolean(5);
        neighbours.push_back(std::move(neighbour));
    }
    return neighbours;
}

void add(Crashed& gone, const Neighbour& neighbour) {
    gone.ids.push_back(neighbour.id);
    gone.missing_for = std::max(gone.missing_for, neighbour.missing_for);
}

}  // namespace

Instance this_instance(std::string version, std::string roles, std::string default_sender) {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    return {new_uuid(),         host.data(),      getpid(),
            std::move(version), std::move(roles), std::move(default_sender)};
}

Crashed crashed(const Instance& self, const std::vector<Neighbour>& neighbours) {
    Crashed gone;
    for (const Neighbour& neighbour : neighbours) {
        const bool is_here = neighbour.host == self.host;
        const bool is_ended = is_here && (!neighbour.has_process || neighbour.pid == self.pid);
        if (!is_ended && neighbour.silent_ms <= kSilentTooLongMs) continue;
        add(gone, neighbour);
    }
    return gone;
}

Crashed register_instance(pg::Connection& db, const Instance& self) {
    const std::vector<Neighbour> neighbours = neighbours_of(db, self);
    db.exec(
        sql::maintenance::register_instance,
        pg::Params{self.id, self.host, self.pid, self.version, self.roles, self.default_sender});
    return crashed(self, neighbours);
}

Crashed silent_receivers(pg::Connection& db, const Instance& self) {
    Crashed gone;
    for (const Neighbour& neighbour : neighbours_of(db, self)) {
        if (neighbour.is_to_be_told) add(gone, neighbour);
    }
    return gone;
}

void tell_of_instances(pg::Connection& db, const std::vector<std::string>& ids) {
    db.exec(sql::maintenance::tell_of_instances, pg::Params{ids});
}

void remove_instances(pg::Connection& db, const std::vector<std::string>& ids) {
    db.exec(sql::maintenance::remove_instances, pg::Params{ids});
}

}  // namespace pgcourier::maintenance
