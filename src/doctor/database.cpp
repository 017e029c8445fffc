#include "doctor/database.hpp"

#include "doctor/database_checks.hpp"
#include "doctor/judge.hpp"
#include "sql/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pgcourier::doctor {
namespace {

constexpr int kRoundTrips = 7;
constexpr int kMostNumbers = 500;

Verdict judge_recovery(const Server& server) {
    if (server.is_standby) {
        return {State::fail, "a standby: nothing can be written",
                "Point DATABASE_URL at the primary; with several hosts in it add "
                "target_session_attrs=read-write"};
    }
    if (server.is_read_only) {
        return {
            State::fail, "a primary whose transactions are read-only",
            "Its role: ALTER ROLE … RESET default_transaction_read_only, or on the database; some "
            "providers set it when the disk is full"};
    }
    return {State::ok, "a primary that takes writes"};
}

std::string advice_for_connecting(const std::string& what) {
    const auto says = [&what](const char* words) { return what.find(words) != std::string::npos; };
    if (says("password authentication failed"))
        return "Correct user and password in DATABASE_URL; special characters percent-encoded";
    if (says("does not exist"))
        return "Make it: CREATE DATABASE … OWNER …, or correct the name in DATABASE_URL";
    if (says("no pg_hba.conf entry"))
        return "Let this host in: a line in pg_hba.conf, or the provider's list of addresses; some "
               "want sslmode=require in DATABASE_URL";
    if (says("certificate") || says("SSL"))
        return "Correct sslmode and sslrootcert in DATABASE_URL";
    return "Is the server up, and is it reachable from here? pgcourier config shows where "
           "DATABASE_URL points";
}

FromDatabase read_senders(pg::Connection& db) {
    FromDatabase senders;
    const pg::Rows rows = db.exec(sql::doctor::senders, pg::Params{kMostNumbers});
    for (const pg::Row row : rows) {
        if (!row.is_null(0)) senders.numbers.push_back(row.string(0));
        senders.without_number = static_cast<std::size_t>(row.int64(1));
    }
    return senders;
}

}  // namespace

void Checks::look(const std::string& check, const std::function<void()>& body) {
    if (has_given_up()) return part_.skip(check, why_not_);
    try {
        body();
    } catch (const pg::Error& e) {
        part_.fail(check, e.what(),
                   e.is_lost() ? "Try again; when it stays so, look at the server's log"
                   : e.sqlstate() == "42501"
                       ? "GRANT pgcourier_service TO the user of DATABASE_URL, or take another one"
                       : "Look at the server's log");
        if (e.is_lost()) give_up("the connection was lost");
    }
}

void Checks::say(const std::string& check, const std::function<Verdict()>& judge) {
    look(check, [&] {
        Verdict verdict = judge();
        part_.add(check, verdict.state, std::move(verdict.found), std::move(verdict.advice));
    });
}

pg::ConnectOptions connect_options(const pg::Target& target, const Limits& limits) {
    return {.target = target,
            .role = "doctor",
            .is_direct = false,
            .connect_timeout = limits.connect_timeout,
            .statement_timeout = limits.answer_timeout * 4 / 5,  // the server says so first
            .answer_timeout = limits.answer_timeout};
}

Server read_server(pg::Connection& db) {
    const pg::Rows rows = db.exec(sql::doctor::server);
    const pg::Row row = rows[0];
    return {.has_fsync = row.text(0) == "on",
            .has_full_page_writes = row.text(1) == "on",
            .synchronous_commit = row.string(2),
            .is_neon = row.boolean(3),
            .is_standby = row.boolean(4),
            .is_read_only = row.text(5) == "on",
            .backend_pid = static_cast<int>(row.int64(6)),
            .role = row.string(7),
            .is_superuser = row.boolean(8),
            .has_tls = row.boolean(9)};
}

Pace measure_pace(pg::Connection& db, const Clock& clock) {
    using namespace std::chrono;
    std::array<microseconds, kRoundTrips> times{};
    Pace pace{.shortest = microseconds::max()};
    for (microseconds& took : times) {
        const WallTime before = clock.now();
        const SteadyTime began = system_clock().steady_now();
        const pg::Rows rows = db.exec(sql::doctor::clock);
        took = duration_cast<microseconds>(system_clock().steady_now() - began);
        if (took >= pace.shortest) continue;
        pace.shortest = took;
        const auto theirs = duration<double>{rows[0].number(0)};
        pace.ahead = duration_cast<milliseconds>(theirs - duration<double>{took} / 2 -
                                                 duration<double>{before.time_since_epoch()});
    }
    std::sort(times.begin(), times.end());
    pace.median = times[kRoundTrips / 2];
    return pace;
}

FromDatabase examine_database(const std::optional<Config>& config, const Limits& limits,
                              const Clock& clock, const Tell& tell) {
    Part part{"database", tell};
    Checks checks{part};
    FromDatabase senders;
    Db db;
    Server server;
    if (!config) checks.give_up("the configuration cannot be read");
    checks.look("connection", [&] {
        const auto target = pg::parse_url(config->database_url);
        if (!target) {
            part.fail("connection", "DATABASE_URL: " + target.error().what, "Correct DATABASE_URL");
            return checks.give_up("there is no connection to the database");
        }
        try {
            db.emplace(connect_options(*target, limits));
        } catch (const pg::Error& e) {
            part.fail("connection", e.what(), advice_for_connecting(e.what()));
            return checks.give_up("there is no connection to the database");
        }
        server = read_server(*db);
        part.ok("connection", fmt::format("{} as {}{}", target->described(), server.role,
                                          server.has_tls ? ", with TLS" : ""));
    });
    checks.say("version", [&] { return judge_version(db->server_version()); });
    Pace pace;
    checks.say("round trip", [&] {
        pace = measure_pace(*db, clock);
        return judge_round_trip(pace.median, limits);
    });
    checks.say("clock", [&] {
        // Half of the round trip, and what both clocks leave out below a millisecond.
        const auto uncertainty = std::chrono::ceil<std::chrono::milliseconds>(pace.shortest / 2) +
                                 std::chrono::milliseconds{1};
        return judge_clock(pace.ahead, uncertainty, "the database's clock", limits);
    });
    checks.say("durability", [&] {
        return judge_durability({server.has_fsync, server.has_full_page_writes,
                                 server.synchronous_commit, server.is_neon});
    });
    checks.say("recovery mode", [&] { return judge_recovery(server); });
    check_listening(checks, part, db, server, config.value_or(Config{}), limits);
    check_schema(checks, db);
    check_permissions(checks, db, server);
    check_snapshots(checks, db, limits);
    if (checks.has_given_up()) {
        senders.why_unread = checks.why_not();
        return senders;
    }
    try {
        senders = read_senders(*db);
    } catch (const pg::Error& e) {
        // Told already, by the checks of the schema and of the permissions.
        senders.why_unread = e.is_undefined_table()    ? "the database has no table of them yet"
                             : e.sqlstate() == "42501" ? "this role may not read them"
                             : e.is_lost()             ? "the connection was lost"
                                                       : "the database could not read them";
    }
    return senders;
}

}  // namespace pgcourier::doctor
