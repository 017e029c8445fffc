#include "doctor/database_checks.hpp"
#include "pg/notification_probe.hpp"
#include "pg/pooler.hpp"

#include <fmt/format.h>

namespace pgcourier::doctor {
namespace {

constexpr const char* kSetDirect =
    "Set DATABASE_DIRECT_URL to an address past the pooler: LISTEN needs a session of its own";

Verdict judge_pooler(pg::Connection& db, const Server& server, const Config& config,
                     const pg::Target& target) {
    const bool is_there = pg::told_backend_pid(db) != server.backend_pid;
    const bool is_said = config.is_pooled() || target.is_pooled;
    if (!is_there) {
        return {State::ok, is_said ? "none, though the configuration speaks of one" : "none"};
    }
    if (config.database_direct_url.empty()) {
        return {State::warn, "a pooler (PgBouncer or another one) stands before the database",
                kSetDirect};
    }
    return {State::ok,
            "a pooler stands before the database; DATABASE_DIRECT_URL is there for what needs a "
            "session"};
}

Verdict judge_arrival(pg::Connection& db, const Config& config, const Limits& limits) {
    const bool is_direct = !config.database_direct_url.empty();
    const char* const variable = is_direct ? "DATABASE_DIRECT_URL" : "DATABASE_URL";
    const auto target = pg::parse_url(config.listen_url());
    if (!target) {
        return {State::fail, fmt::format("{}: {}", variable, target.error().what),
                fmt::format("Correct {}", variable)};
    }
    std::optional<pg::Connection> listener;
    try {
        listener.emplace(connect_options(*target, limits));
    } catch (const pg::Error& e) {
        return {State::fail, fmt::format("{}: {}", variable, e.what()),
                fmt::format("Correct {}: without it nothing is told to this process, and "
                            "`pgcourier migrate up` does not work",
                            variable)};
    }
    if (pg::notification_arrives(*listener, db, limits.notification_wait)) {
        return {State::ok,
                fmt::format("notifications arrive through {} ({})", variable, target->described())};
    }
    if (is_direct && pg::notification_arrives(*listener, *listener, limits.notification_wait)) {
        return {State::fail,
                fmt::format("DATABASE_DIRECT_URL ({}) is another database than DATABASE_URL",
                            target->described()),
                "Make both point to the same database: else migrations go to the wrong one, and "
                "each message waits for the next poll"};
    }
    return {State::warn,
            fmt::format("no notification arrived through {} within {} ms: pgcourier looks every "
                        "{} ms instead",
                        variable, limits.notification_wait.count(),
                        config.outbox_poll_interval.count()),
            kSetDirect};
}

}  // namespace

void check_listening(Checks& checks, Part& part, Db& db, const Server& server, const Config& config,
                     const Limits& limits) {
    checks.say("pooler", [&] {
        return judge_pooler(*db, server, config, *pg::parse_url(config.database_url));
    });
    if (server.is_standby && !checks.has_given_up())
        return part.skip("notifications", "a standby sends none");
    checks.say("notifications", [&] { return judge_arrival(*db, config, limits); });
}

}  // namespace pgcourier::doctor
