#include "harness/settled_server.hpp"

namespace pgcourier::bench {

void use_settled_server() {
    test::use_server_setting("autovacuum_naptime=1min");
    test::use_server_setting("min_wal_size=1GB");
}

void recycle_wal(const test::TestDatabase& db) {
    for (int tenth = 0; tenth < 11; ++tenth)
        db.exec(
            "SELECT pg_logical_emit_message(false, '', repeat('x', 1000000)) "
            "FROM generate_series(1, 100)");
    db.exec("CHECKPOINT");
}

}  // namespace pgcourier::bench
