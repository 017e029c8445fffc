#pragma once
// A server as it is when it has run for a while, for what is measured in single milliseconds.

#include "support/test_database.hpp"

namespace pgcourier::bench {

/// Its autovacuum comes as seldom as PostgreSQL's defaults say, each minute, and its files of WAL
/// are kept. Before the first use of the server.
void use_settled_server();

/// The next gigabyte of WAL goes into files that are there already. For each file that is not,
/// commits wait until 16 MB of zeros are on the disk.
void recycle_wal(const test::TestDatabase& db);

}  // namespace pgcourier::bench
