#include "base/incident.hpp"

#include <mutex>

namespace pgcourier {
namespace {

std::mutex mutex_;
std::function<void(const Incident&)> receive_;  // guarded by mutex_

}  // namespace

std::string_view to_text(Incident::Kind kind) {
    switch (kind) {
        case Incident::Kind::database_gone:
            return "database_gone";
        case Incident::Kind::signing_key_missing:
            return "signing_key_missing";
        case Incident::Kind::breaker_open:
            return "breaker_open";
        case Incident::Kind::dead_letter:
            return "dead_letter_spike";
        case Incident::Kind::start_failed:
            return "start_failed";
        case Incident::Kind::crashed:
            return "crashed";
    }
    return "?";
}

void report_incident(const Incident& incident) {
    const std::scoped_lock lock{mutex_};
    if (receive_) receive_(incident);
}

IncidentReceiver::IncidentReceiver(std::function<void(const Incident&)> receive) {
    const std::scoped_lock lock{mutex_};
    receive_ = std::move(receive);
}

IncidentReceiver::~IncidentReceiver() {
    const std::scoped_lock lock{mutex_};
    receive_ = nullptr;
}

}  // namespace pgcourier
