#pragma once
// This process as a row of `instances`: there from start to clean end. A row that its process left
// behind tells the next one that something killed it. Where none starts the tick takes it away, an
// hour later.

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
    std::string default_sender{};  // of one that sends; empty: none
};

/// This process, under a fresh id.
Instance this_instance(std::string version, std::string roles, std::string default_sender);

/// Another row, as found at start.
struct Neighbour {
    std::string id;
    std::string host;
    int pid = 0;
    double silent_ms = 0;
    bool has_process = false;  // a process with its number runs on this machine
    /// How long ago the first webhook came that it may have had in hand, or refused, without
    /// telling. nullopt: it receives none, or that is written down
    std::optional<std::chrono::milliseconds> missing_for{};
    bool is_to_be_told = false;  // that is to be written down now, while its row stays
};

/// Those that ended without saying goodbye.
struct Crashed {
    std::vector<std::string> ids;
    /// The longest of theirs.
    std::optional<std::chrono::milliseconds> missing_for{};
};

/// Which neighbours ended without saying goodbye: those silent for 30 s (a running one that lost
/// its database is back with its next beat), and on this host at once those whose process is gone
/// or is us: a container gives every start the same number. Pure.
Crashed crashed(const Instance& self, const std::vector<Neighbour>& neighbours);

/// Adds our row. Those of crashed processes stay until remove_instances(): whoever finds them first
/// writes down what they leave, and may be killed before it has.
/// SQL      queries/maintenance/{other_instances,register_instance}.sql
Crashed register_instance(pg::Connection& db, const Instance& self);

/// Others that receive webhooks and are silent: what they may have missed is to be written down
/// now. SQL      queries/maintenance/other_instances.sql
Crashed silent_receivers(pg::Connection& db, const Instance& self);
/// What these may have missed is written down.
void tell_of_instances(pg::Connection& db, const std::vector<std::string>& ids);

/// Of crashed processes, once all is written down; or the clean end of our own.
void remove_instances(pg::Connection& db, const std::vector<std::string>& ids);

}  // namespace pgcourier::maintenance
