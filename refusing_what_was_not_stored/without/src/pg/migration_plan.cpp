#include "pg/migration_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace pgcourier::pg {
namespace {

template <class Named>
const Named* find(const std::vector<Named>& all, const std::string& name) {
    const auto found = std::ranges::find(all, name, &Named::name);
    return found == all.end() ? nullptr : &*found;
}

std::optional<Problem> changed(const KnownMigration& known, const RecordedMigration& recorded) {
    if (recorded.is_prisma || recorded.checksum == known.checksum) return std::nullopt;
    return Problem{fmt::format(
        "{}: changed after it was applied (sha256 {}… then, {}… in this program); a migration is "
        "never edited, write a new one",
        known.name, recorded.checksum.substr(0, 12), known.checksum.substr(0, 12))};
}

}  // namespace

Result<MigrationPlan> plan_migrations(const std::vector<KnownMigration>& known,
                                      const std::vector<RecordedMigration>& recorded,
                                      const std::vector<PrismaMigration>& prisma, int program) {
    MigrationPlan plan;
    for (const RecordedMigration& row : recorded) {
        if (find(known, row.name) != nullptr) continue;
        if (row.requires_program > program) {
            return Problem{
                fmt::format("{}: this database requires a newer pgcourier (level {}, this is {})",
                            row.name, row.requires_program, program)};
        }
        plan.is_newer = true;
    }
    for (const PrismaMigration& row : prisma) {
        if (find(known, row.name) == nullptr) plan.foreign.push_back(row.name);
    }

    for (const KnownMigration& migration : known) {
        const RecordedMigration* row = find(recorded, migration.name);
        const PrismaMigration* run = find(prisma, migration.name);
        if (row != nullptr) {
            if (auto problem = changed(migration, *row)) return *problem;
        } else if (run != nullptr && run->is_finished) {
            plan.adopt.push_back(migration.name);
        } else if (run != nullptr && run->is_open) {
            return Problem{
                fmt::format("{}: Prisma began it and has not finished it; finish it or roll it "
                            "back (prisma migrate resolve), then migrate again",
                            migration.name)};
        } else {
            plan.run.push_back(migration.name);
            continue;
        }
        if (!plan.run.empty()) {
            return Problem{fmt::format("{}: was not applied, but {} after it was", plan.run.front(),
                                       migration.name)};
        }
    }
    return plan;
}

int required_program(std::string_view script) {
    constexpr std::string_view kWord = "-- requires: ";
    while (script.starts_with("--")) {
        const std::string_view line = script.substr(0, script.find('\n'));
        if (line.starts_with(kWord)) {
            int level = 0;
            std::from_chars(line.data() + kWord.size(), line.data() + line.size(), level);
            return std::max(level, 0);
        }
        script.remove_prefix(std::min(line.size() + 1, script.size()));
    }
    return 0;
}

}  // namespace pgcourier::pg
