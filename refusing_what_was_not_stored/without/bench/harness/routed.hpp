#pragma once
// When webhooks were routed: their messages' COMMIT, as PostgreSQL recorded it.

#include "harness/open_load.hpp"
#include "support/test_database.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pgcourier::bench {

/// The server keeps the time of each COMMIT. Before the first use of a database.
void keep_commit_times();

struct Routed {
    std::vector<double> to_row_ms;  // from when a webhook was due to the COMMIT with its row
    std::size_t missing = 0;        // without a row
};

/// Of the webhooks that a load sent, whose MessageSids go from `first` on.
///
/// The time in a COMMIT's record is taken before the disk has it.
Routed routed(const test::TestDatabase& db, const OpenResult& load, std::uint64_t first);

}  // namespace pgcourier::bench
