#pragma once
// What is to be done to a database's schema, as a function of what was done to it. No I/O;
// migrate.cpp reads and acts.

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::pg {

/// A migration of this program's, in order of names.
struct KnownMigration {
    std::string name;
    std::string checksum;
};

/// A row of pgcourier_migrations.
struct RecordedMigration {
    std::string name;
    std::string checksum;
    bool is_prisma = false;    // found, not run: its checksum is of no meaning
    int requires_program = 0;  // the level below which a program must not serve
};

/// All rows of one name in _prisma_migrations.
struct PrismaMigration {
    std::string name;
    bool is_finished = false;  // a row is finished and was not rolled back
    bool is_open = false;      // a row is neither finished nor rolled back
};

struct MigrationPlan {
    std::vector<std::string> adopt;    // to be recorded, since Prisma has run them
    std::vector<std::string> run;      // to be run, after those
    std::vector<std::string> foreign;  // Prisma's that are not ours
    bool is_newer = false;  // the database holds migrations that this program does not know
};

/// program  this program's level
/// returns  the plan; or a Problem that begins with the migration's name: ours was changed after it
/// was applied, Prisma
///          has not finished it, it is missing before one that is there, or it requires a newer
///          program
Result<MigrationPlan> plan_migrations(const std::vector<KnownMigration>& known,
                                      const std::vector<RecordedMigration>& recorded,
                                      const std::vector<PrismaMigration>& prisma, int program);

/// N of a line `-- requires: N` among the comments at the head of a migration; 0 without it.
int required_program(std::string_view script);

}  // namespace pgcourier::pg
