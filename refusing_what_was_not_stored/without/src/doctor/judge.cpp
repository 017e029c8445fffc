#include "doctor/judge.hpp"

#include <fmt/format.h>

namespace pgcourier::doctor {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int kOldestServer = 14;     // below it the migrations do not run
constexpr int kSupportedServer = 15;  // README

}  // namespace

std::string span(microseconds length) {
    using namespace std::chrono_literals;
    const double ms = static_cast<double>(length.count()) / 1000;
    if (length < 10ms) return fmt::format("{:.1f} ms", ms);
    if (length < 1s) return fmt::format("{:.0f} ms", ms);
    if (length < 2min) return fmt::format("{:.1f} s", ms / 1000);
    if (length < 2h) return fmt::format("{:.0f} min", ms / 60'000);
    return fmt::format("{:.0f} h", ms / 3'600'000);
}

State state_of_age(std::chrono::seconds age, std::chrono::seconds warn, std::chrono::seconds fail) {
    return age >= fail ? State::fail : age >= warn ? State::warn : State::ok;
}

Verdict judge_version(int server) {
    const int major = server / 10'000;
    const std::string found = fmt::format("PostgreSQL {}.{}", major, server % 10'000);
    if (major < kOldestServer) {
        return {State::fail, fmt::format("{}, expected 15 or newer", found),
                "Upgrade the server: the migrations do not run on this one"};
    }
    if (major < kSupportedServer) {
        return {State::warn, fmt::format("{}, expected 15 or newer", found),
                "Upgrade the server: nobody tries pgcourier on this one"};
    }
    return {State::ok, found};
}

Verdict judge_round_trip(microseconds median, const Limits& limits) {
    if (median < limits.round_trip_warn) return {State::ok, span(median)};
    constexpr const char* kAdvice =
        "Run pgcourier in the database's own region and network: each webhook and each step of "
        "sending waits for at least one round trip";
    if (median < limits.round_trip_fail) {
        return {State::warn,
                fmt::format("{}, expected below {}", span(median), span(limits.round_trip_warn)),
                kAdvice};
    }
    return {State::fail, fmt::format("{}: a webhook cannot be committed in time", span(median)),
            kAdvice};
}

Verdict judge_durability(const Durability& durability) {
    if (durability.is_neon) {
        return {State::ok, fmt::format("Neon keeps what is committed, whatever fsync says; "
                                       "synchronous_commit {}",
                                       durability.synchronous_commit)};
    }
    if (!durability.has_fsync) {
        return {State::fail, "fsync off: what was answered 200 is gone when the machine crashes",
                "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf(). Then make the database anew "
                "from a backup if the machine has crashed meanwhile"};
    }
    if (!durability.has_full_page_writes) {
        return {State::fail,
                "full_page_writes off: a crash can leave torn pages, and with them lost messages",
                "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf(). Only a file "
                "system that never tears a page (ZFS) does without"};
    }
    const std::string& commit = durability.synchronous_commit;
    if (commit == "off" || commit == "local" || commit == "remote_write") {
        return {State::warn,
                fmt::format("fsync on, full_page_writes on, synchronous_commit {}", commit),
                "pgcourier sets it on for its own transactions; what your shop commits may be lost "
                "in a crash. ALTER ROLE … SET synchronous_commit = on, or in postgresql.conf"};
    }
    return {State::ok, fmt::format("fsync on, full_page_writes on, synchronous_commit {}", commit)};
}

Verdict judge_clock(milliseconds ahead, milliseconds uncertainty, const std::string& whose,
                    const Limits& limits) {
    const milliseconds apart{std::abs(ahead.count())};
    const std::string found =
        fmt::format("{} is {} {} this host's (± {})", whose, span(apart),
                    ahead.count() < 0 ? "behind" : "ahead of", span(uncertainty));
    const milliseconds surely = apart - uncertainty;
    if (surely < limits.clock_warn) return {State::ok, found};
    constexpr const char* kAdvice =
        "Let NTP (chrony, systemd-timesyncd) set the clock of both: times in logs do not match, "
        "and where Twilio's clock and the database's are five minutes apart, its list is misread "
        "when the outcome of a message is looked for";
    return {surely < limits.clock_fail ? State::warn : State::fail, found, kAdvice};
}

}  // namespace pgcourier::doctor
