#pragma once
// This process as a row of `instances`: there from start to clean end. A row that its process left
// behind tells the next one that something killed it.

#include "pg/connection.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pgcourier::maintenance {

struct Instance {
    std::string id;  // a uuid, made at start
    std::string host;
    int pid = 0;
    std::string version;
    std::string roles;
};

/// This process, under a fresh id.
Instance this_instance(std::string version, std::string roles);

/// Another row, as found at start.
struct Neighbour {
    std::string id;
    std::string host;
    int pid = 0;
    double silent_ms = 0;
    bool has_process = false;  // a process with its number runs on this machine
};

/// Which neighbours ended without saying goodbye: those silent for 30 s (a running one that lost
/// its database is back with its next beat), and on this host at once those whose process is gone
/// or is us: a container gives every start the same number. Pure.
std::vector<std::string> crashed(const Instance& self, const std::vector<Neighbour>& neighbours);

struct Registered {
    /// An earlier process was killed: the first batches are to be routed with care.
    bool is_after_crash = false;
    /// How long ago the first of those that received webhooks was last heard of: what it had in
    /// hand then, or refused, nobody has told. nullopt: none of them received any
    std::optional<std::chrono::milliseconds> receiver_silent_for{};
};

/// Adds our row and takes away those of crashed processes.
/// SQL      queries/maintenance/{other_instances,remove_instances,register_instance}.sql
Registered register_instance(pg::Connection& db, const Instance& self);

/// The clean end.
void remove_instance(pg::Connection& db, const Instance& self);

}  // namespace pgcourier::maintenance
