#pragma once
// What an idle message costs whoever sends it from PostgreSQL: a row with a NOTIFY, and a listener
// that COMMITs a row of its own before it may call. No rules, no look at what else is due, no call.

#include "pg/connection.hpp"
#include "support/test_database.hpp"

namespace pgcourier::bench {

class BareLoop {
  public:
    /// Makes its two tables in the database.
    explicit BareLoop(const test::TestDatabase& db);

    /// returns  ms from before the INSERT until the listener's row is committed
    /// throws   std::runtime_error: not notified within 10 s
    double once();

  private:
    pg::Connection writer_;
    pg::Connection listener_;
};

}  // namespace pgcourier::bench
