#pragma once
// What an idle message costs whoever sends it from the outbox's own tables with the least that a
// claim can be: the INSERT with its triggers, and a listener that takes what is due in one round
// trip of three statements and their settings, with the lease that is the fence, the look at
// opt_outs, and COMMIT. It knows no limits, no pauses, no order within a conversation, and does not
// call.

#include "pg/connection.hpp"
#include "support/test_database.hpp"

#include <string>

namespace pgcourier::bench {

class BareClaim {
  public:
    /// Nobody else may send from this database.
    explicit BareClaim(const test::TestDatabase& db);

    /// returns  ms from before the INSERT until the message is committed as one in flight
    /// throws   std::runtime_error: not notified within 10 s, or nothing was claimed
    double once(const std::string& tenant, const std::string& to);

  private:
    pg::Connection writer_;
    pg::Connection listener_;
};

}  // namespace pgcourier::bench
