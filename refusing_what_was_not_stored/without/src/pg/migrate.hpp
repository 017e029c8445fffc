#pragma once
// Brings a database's schema up to this program's: sql/migrations in order, each in a transaction
// of its own under one advisory lock, recorded with a checksum in pgcourier_migrations; then
// sql/ops, which holds no data, made anew, and the roles that may look at and use all of it
// (ops.grant_roles). Understands a database that Prisma migrated: what
// _prisma_migrations shows as finished is recorded, not run.

#include "base/result.hpp"
#include "pg/connection.hpp"

#include <string>
#include <vector>

namespace pgcourier::pg {

/// What a migration can require of a program (`-- requires: N` at its head). Raised by the first
/// program that works with a schema on which the one before it must not serve any more.
inline constexpr int kProgramLevel = 1;

struct MigrateReport {
    std::vector<std::string> applied;  // run now
    std::vector<std::string> adopted;  // recorded now, since Prisma had run them
    std::vector<std::string> foreign;  // Prisma's that are not ours: tolerated
    std::vector<std::string>
        notices;               // what the migrations had to say: counts of held rows and the like
    bool renewed_ops = false;  // sql/ops was made anew
};

/// Applies what is missing. Two at once are safe: the second waits, then finds nothing to do. A
/// database of a newer program is left as it is.
///
/// max_attempts  OUTBOX_MAX_RETRIES: at which number of attempts the predecessor had given a
/// message up returns       what was done; or the migration's name and what is wrong with it (gap,
/// unfinished, changed, newer) throws        Error that names the migration; those before it stay
/// applied, and doing it again is safe
Result<MigrateReport> migrate_up(Connection& db, int max_attempts);

/// Only records what Prisma had run (what `up` does first).
Result<MigrateReport> migrate_baseline(Connection& db);

struct MigrationStatus {
    std::string name;
    /// applied; changed (applied, and our file is another now); adopted (Prisma ran it, and we
    /// know); adoptable (Prisma ran it, `up` or `baseline` will record it); unfinished (Prisma
    /// began it); missing; foreign (Prisma's own); newer; of the schema ops, as the last one:
    /// outdated (`up` makes it anew)
    std::string state;
    std::string applied_at;  // as PostgreSQL prints it; empty when missing
};
/// In order of names. Changes nothing.
std::vector<MigrationStatus> migration_status(Connection& db);

/// Whether the schema ops was made of this program's files.
bool is_ops_current(Connection& db);

/// Whether `serve` may run on this database.
/// returns  a Problem with PostgreSQL's own words for a missing table (`relation "seller_phones"
/// does not exist`) and the
///          command to run, or one that names the migration which is missing or which requires a
///          newer program
Result<void> check_schema(Connection& db);

}  // namespace pgcourier::pg
