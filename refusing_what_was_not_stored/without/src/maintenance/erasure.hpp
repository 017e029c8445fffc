#pragma once
// Takes one person out of the database: their addresses and what they wrote and were written, in
// every table. Rows stay to be counted. It goes on step by step, each a transaction of its own, by
// whoever runs: what was begun is a row of `erasures` and ends even if its beginner is killed. An
// opt-out outlives it under a hash, so that it still holds.

#include "base/clock.hpp"
#include "pg/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pgcourier::maintenance {

/// Why a number is not erased: it is a shop's own, or a seller's.
/// returns  the reason in one line with what to do; nullopt: it is a person's like any other
/// SQL      queries/maintenance/erasure_refused.sql
std::optional<std::string> why_not_erased(pg::Connection& db, const std::string& address);

struct ErasureCounts {
    std::vector<std::string> addresses;          // the given one, and those that Twilio knew too
    std::map<std::string, std::int64_t> erased;  // rows by table
    std::int64_t busy = 0;  // in flight, of unknown outcome, not routed yet, locked, refused
};

/// What an erasure would change. Changes nothing. throws pg::Error
ErasureCounts count_erasure(pg::Connection& db, const std::string& address, const Clock& clock);

/// Asks for the erasure of all that came from and went to this person until now.
///
/// address  E.164 or a WhatsApp user id, bare
/// by       who asks; nullopt: the database user
/// returns  its id, which is also the correlation id of the event `person_erased` at its end
/// throws   pg::Error; asked twice it is done once
std::string ask_erasure(pg::Connection& db, const std::string& address,
                        const std::optional<std::string>& by,
                        const std::optional<std::string>& reason);

enum class ErasureStep {
    none,      // nothing to do, or somebody else is just doing it
    went_on,   //
    left_some  // a round is over that had to leave something behind: better wait a little
};

/// Makes one step of an erasure. It waits for no row. Where it is refused one (by a trigger of the
/// shop's), it is made smaller, down to a page, which is then left to the next round; the log tells
/// of it once an hour.
///
/// throws   pg::Error; doing it again is safe, after CommitUnknown too
/// SQL      queries/maintenance/{erasure,erase}_*.sql
ErasureStep erase_step(pg::Connection& db, const std::string& id);

/// For the pulse of a running service: steps of those that nobody else goes on with, for a tenth of
/// a second. One that fails is put off for 10 minutes, which the log tells, and holds up no other.
/// throws pg::Error when the connection is lost
void erase_a_while(pg::Connection& db, const Clock& clock);

struct ErasureState {
    bool is_done = false;
    std::int64_t busy = 0;
    std::string erased_json;  // rows by table
};
/// nullopt: nobody asked for it.
std::optional<ErasureState> erasure_state(pg::Connection& db, const std::string& id);

}  // namespace pgcourier::maintenance
