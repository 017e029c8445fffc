#pragma once
// What a person must hear of at once, told by whichever stage meets it. Who passes it on (ops/) is
// wired at start; until then, and in tests, nobody listens.

#include <functional>
#include <string>
#include <string_view>

namespace pgcourier {

struct Incident {
    enum class Kind {
        database_gone,
        signing_key_missing,
        breaker_open,
        dead_letter,  // one alone is no incident; whoever listens makes a spike of many
        start_failed,
        crashed
    };
    Kind kind;
    std::string component;  // of the log line beside it
    /// In words. Never a body, a number or a secret: it leaves the house.
    std::string what;
    std::string correlation_id{};  // empty: it belongs to no message
};

std::string_view to_text(Incident::Kind kind);

/// Tells whoever listens. From any thread; never waits.
void report_incident(const Incident& incident);

/// Listens until the returned object dies; one at a time. `receive` is called on the thread that
/// reports and must not wait.
class IncidentReceiver {
  public:
    explicit IncidentReceiver(std::function<void(const Incident&)> receive);
    ~IncidentReceiver();
    IncidentReceiver(const IncidentReceiver&) = delete;
    IncidentReceiver& operator=(const IncidentReceiver&) = delete;
};

}  // namespace pgcourier
