#pragma once
// The running service: every stage, its thread and its connection, wired once. `serve` and `dev`
// run it.

#include "base/config.hpp"
#include "base/result.hpp"
#include "pg/connection.hpp"

#include <memory>
#include <string>

namespace pgcourier::cli {

class Service {
  public:
    /// console_link  signs in to the console once, from this machine; empty: nothing does
    explicit Service(Config config, Secret console_link = {});
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// Checks the schema, registers this process and starts the stages of its roles. Waits up to
    /// `kDatabaseWait` for a database that does not answer yet.
    ///
    /// returns  true; false when the process was told to end while it waited; or what stands in the
    ///          way, in one line with what to do. Nothing runs then
    /// throws   Failure (2) when the files of a certificate are not what they should be;
    ///          DatabaseAway (1)
    Result<bool> start();

    /// Uses the Twilio credentials and the log level of this configuration from now on, and nothing
    /// else of it. After start(), on the same thread.
    void reload(const Config& config);

    /// Reads the listener's certificate again, and logs whether it is used from now on.
    /// returns  false when there is none: it speaks plain HTTP
    bool reload_certificate();

    /// Accepts no more, commits what was accepted, claims no more, settles what is in flight, says
    /// goodbye to the database. Within 30 s, also where the database hangs. The second call does
    /// nothing.
    void stop();

  private:
    struct Parts;
    void say_goodbye();
    void say_refusals(pg::Connection& db);
    Config config_;
    const Secret console_link_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace pgcourier::cli
