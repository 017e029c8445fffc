#pragma once
// How much WAL is written meanwhile.

#include "support/test_database.hpp"

namespace pgcourier::bench {

/// Bytes of WAL that the server has written so far; what it wrote between two such moments includes
/// whole pages where they are the first changes after a checkpoint, and what VACUUM wrote.
inline double wal_bytes(const test::TestDatabase& db) {
    return std::stod(db.query_value("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"));
}

}  // namespace pgcourier::bench
