#pragma once
// The SQL of backfill: gaps to rows and back, what is known already. Whoever has taken a gap has
// it under a token and a lease; a write that finds another token there changes nothing.

#include "backfill/window.hpp"
#include "base/ids.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::backfill {

/// While a gap's row says nothing new it is its process's for so long.
inline constexpr std::chrono::milliseconds kLease{60'000};

enum class Step { words, messages, deliveries };

/// Where in a step: what is read next. The beginning has no number.
struct Place {
    std::string number;
    std::chrono::sys_days day{};
};

/// What was found; counts over some walks can be added.
struct Tally {
    std::int64_t listed = 0;  // messages on the pages that were read
    std::int64_t known = 0;   // of the wanted ones, those that were there
    std::int64_t young = 0;   // left to their webhooks
    std::int64_t fetched = 0;
    std::int64_t with_media = 0;       // of the fetched
    std::int64_t without_content = 0;  // of the fetched: neither text nor media
    std::int64_t media_missing = 0;    // of the fetched: Twilio did not tell their media
    std::int64_t unreadable = 0;       // not stored: no message, or refused by PostgreSQL
    std::int64_t deliveries = 0;       // states of sent messages that were news
};
Tally operator+(const Tally& a, const Tally& b);
Tally operator-(const Tally& a, const Tally& b);

/// A gap that is ours.
struct Task {
    std::int64_t id = 0;
    std::string token;
    Gap gap;
    Step step = Step::words;
    Place place;
    /// Up to which of Twilio's dates the walk under way reads, from its beginning on.
    std::optional<WallTime> reading_until{};
    int failures = 0;
    int media_failures = 0;  // of these, those in which Twilio did not tell media
    WallTime now;            // of the database
};

struct Receiving {
    std::chrono::milliseconds silence;  // the longest that is no gap
    std::chrono::days retention;        // the furthest that a gap reaches back
    /// Of a process that starts its instances.id: unless another one receives, a gap is found
    /// however short the silence was.
    std::optional<std::string> started_id{};
    /// How long ago this process began to refuse webhooks, which is a gap in any case.
    std::optional<std::chrono::milliseconds> refused{};
};
/// This process receives webhooks. When nobody had said so for too long, a gap is found.
///
/// returns  how long the gap is
/// SQL      queries/backfill/{receiving,gap}.sql
std::optional<std::chrono::seconds> say_receiving(pg::Connection& db, const Receiving& how);

/// Some webhooks may be missing: a process was killed with them in hand, or turned them away.
/// Others may have received all the while: sending does not wait for this.
///
/// ago      when it may have begun to be missing
/// returns  how long the gap is; nullopt: none, nobody ever received
/// SQL      queries/backfill/{missed,gap}.sql
std::optional<std::chrono::seconds> say_missed(pg::Connection& db, std::chrono::milliseconds ago,
                                               std::chrono::days retention);

/// This process sends and does not receive. When nobody has received for too long, that is a gap
/// before whoever does so next can say it, so that nothing is sent until its STOPs are known.
///
/// returns  how long the gap is; nullopt: none, or it is one already that sending waits for
/// SQL      queries/backfill/{silence,gap}.sql
std::optional<std::chrono::seconds> find_silence(pg::Connection& db,
                                                 std::chrono::milliseconds silence,
                                                 std::chrono::days retention);

/// Takes a gap that is due, or that its process has left behind.
///
/// instance_id  ours
/// SQL          queries/backfill/{claim_lock,claim}.sql
std::optional<Task> claim(pg::Connection& db, std::string_view instance_id);

/// What a person typed, or what is wrong with it.
struct Times {
    WallTime since;
    WallTime until;
    bool is_ordered = false;  // since is before until
    bool is_kept = false;     // since is not further back than what is kept
    bool has_come = false;    // until is not in the future
    /// Everything before may have been deleted, in UTC; nullopt: RETENTION_DAYS alone decides.
    std::optional<std::string> pruned_before{};
};
/// throws  pg::Error where it is no time
Times read_times(pg::Connection& db, const std::string& since,
                 const std::optional<std::string>& until, std::chrono::days retention);

/// A person's gap, which is theirs from the beginning.
Task ask(pg::Connection& db, const Times& times, const std::optional<std::string>& who);

struct DatabaseTime {
    WallTime now;
    WallTime kept_from;  // what Twilio dates before may have been here and been deleted
};
/// retention  what this process believes; what was deleted says more
DatabaseTime database_time(pg::Connection& db, std::chrono::days retention);

enum class Hold {
    ours,
    urgent_waits,  // ours, and sending waits for another gap that nobody has taken
    lost
};
/// How far it is, and what was found since the last note.
Hold note(pg::Connection& db, const Task& task, const Tally& since_last);
/// It is still ours.
Hold keep(pg::Connection& db, const Task& task);
/// Each STOP of it is routed: sending may go on.
///
/// returns  whether it was still waiting; false: it had gone on before; nullopt: it never waited
std::optional<bool> words_known(pg::Connection& db, const Task& task);
/// Events that were fetched, by whomever, and are still to be routed.
std::vector<std::int64_t> words_left(pg::Connection& db);
/// Whether one of these events is still to be routed.
bool are_waiting(pg::Connection& db, const std::vector<std::int64_t>& event_ids);

/// Gives it back in the middle, to be gone on with at once.
void put_back(pg::Connection& db, const Task& task);

struct Trouble {
    std::string reason;
    bool has_media = false;  // Twilio did not tell a message's media
};
/// Gives it back.
///
/// due_in   nullopt: it has ended
/// trouble  why it did not get on; nullopt: it did
/// returns  what was found in all, over all walks; nullopt: it was not ours any more
std::optional<Tally> settle(pg::Connection& db, const Task& task,
                            std::optional<std::chrono::milliseconds> due_in,
                            const std::optional<Trouble>& trouble);

/// The numbers that people write to: the tenants' and `default_number` where it is not empty.
///
/// gap_since  also those that no tenant has now, for a gap that begins then: their messages wait
///            for one; nullopt: only numbers that somebody has
/// SQL        queries/backfill/numbers.sql
std::vector<std::string> numbers(pg::Connection& db, const std::string& default_number,
                                 const std::optional<WallTime>& gap_since);
/// Those that something is to be sent from soon.
std::set<std::string, std::less<>> due_numbers(pg::Connection& db,
                                               const std::string& default_number);
/// Which of these messages are there, with the ids of their events, 0 where one is no longer kept.
std::map<std::string, std::int64_t, std::less<>> find_known(pg::Connection& db,
                                                            const std::vector<std::string>& sids);

struct SendingNumber {
    std::string number;
    WallTime first;  // the first message whose end nobody has told
};
std::vector<SendingNumber> senders(pg::Connection& db, WallTime since, WallTime until);
/// Which of these are messages of ours that are not in this state yet.
std::set<std::string, std::less<>> find_news(pg::Connection& db,
                                             const std::vector<std::string>& sids,
                                             const std::vector<std::string>& states);

}  // namespace pgcourier::backfill
