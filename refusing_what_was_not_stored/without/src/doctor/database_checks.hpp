#pragma once
// The single checks of the database, and what holds them together: one that cannot be made says so
// and harms no other.

#include "base/clock.hpp"
#include "base/config.hpp"
#include "doctor/finding.hpp"
#include "doctor/limits.hpp"
#include "pg/connection.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace pgcourier::doctor {

/// Not there when the checks have given up.
using Db = std::optional<pg::Connection>;

/// Runs checks one after another until the connection is lost.
class Checks {
  public:
    explicit Checks(Part& part) : part_{part} {}

    /// Everything from here on is skipped for this reason.
    void give_up(std::string why) { why_not_ = std::move(why); }
    bool has_given_up() const { return !why_not_.empty(); }
    /// Why they have given up.
    const std::string& why_not() const { return why_not_; }

    /// `body` tells what it finds under `check`. What it throws is a failed check.
    void look(const std::string& check, const std::function<void()>& body);
    void say(const std::string& check, const std::function<Verdict()>& judge);

  private:
    Part& part_;
    std::string why_not_;
};

/// What the server says of itself.
struct Server {
    bool has_fsync = true;
    bool has_full_page_writes = true;
    std::string synchronous_commit;
    bool is_neon = false;
    bool is_standby = false;
    bool is_read_only = false;
    int backend_pid = 0;
    std::string role;
    bool is_superuser = false;
    bool has_tls = false;
};
/// throws  pg::Error
Server read_server(pg::Connection& db);

/// Round trips and the database's clock, measured together.
struct Pace {
    std::chrono::microseconds median{0};
    std::chrono::microseconds shortest{0};
    std::chrono::milliseconds ahead{0};  // of the database's clock to this host's, ± shortest / 2
};
/// throws  pg::Error
Pace measure_pace(pg::Connection& db, const Clock& clock);

/// Whether a pooler stands before DATABASE_URL, and whether notifications arrive at whoever
/// listens.
void check_listening(Checks& checks, Part& part, Db& db, const Server& server, const Config& config,
                     const Limits& limits);
void check_schema(Checks& checks, Db& db);
void check_permissions(Checks& checks, Db& db, const Server& server);
void check_snapshots(Checks& checks, Db& db, const Limits& limits);

/// As the service connects, but with short times, and nothing is prepared: it works through any
/// pooler.
pg::ConnectOptions connect_options(const pg::Target& target, const Limits& limits);

}  // namespace pgcourier::doctor
