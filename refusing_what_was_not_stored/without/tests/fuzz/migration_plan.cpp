// Migrations by their files' names, against what a database says was done: the plan takes each of
// ours at most once and in order, runs nothing before one that is there, and a refusal begins with
// the name that it is about. Lines: `k name checksum`, `r name checksum level`, `p name f|o|-`.
#include "pg/migration_plan.hpp"

#include "fuzz/support.hpp"

#include <algorithm>
#include <set>
#include <string>

using namespace pgcourier;
using namespace pgcourier::pg;
using fuzz::require;

namespace {

std::string_view word(std::string_view& text) {
    const std::string_view found = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(found.size() + 1, text.size()));
    return found;
}

struct Database {
    std::vector<KnownMigration> known;
    std::vector<RecordedMigration> recorded;
    std::vector<PrismaMigration> prisma;
};

Database read(fuzz::Input input) {
    Database database;
    std::set<std::string> seen;
    while (!input.empty() && seen.size() < 60) {
        std::string_view line = input.line();
        const std::string_view kind = word(line);
        const std::string name{word(line)};
        // Each table has a name once; ours are in order.
        if (name.empty() || !seen.insert(std::string{kind} + name).second) continue;
        if (kind == "k") {
            database.known.push_back({name, std::string{word(line)}});
        } else if (kind == "r") {
            const std::string checksum{word(line)};
            const int level = fuzz::small_number(word(line));
            database.recorded.push_back({name, checksum, checksum == "prisma", level});
        } else if (kind == "p") {
            const std::string_view state = word(line);
            database.prisma.push_back({name, state == "f", state == "o"});
        }
    }
    std::sort(database.known.begin(), database.known.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return database;
}

template <class Named>
bool has(const std::vector<Named>& all, const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Database database = read(fuzz::Input{data, size});
    constexpr int kProgram = 3;
    const auto plan = plan_migrations(database.known, database.recorded, database.prisma, kProgram);
    if (!plan) {
        const std::string& what = plan.error().what;
        const auto is_about = [&what](const auto& one) {
            return what.starts_with(one.name + ": ");
        };
        require(std::any_of(database.known.begin(), database.known.end(), is_about) ||
                    std::any_of(database.recorded.begin(), database.recorded.end(), is_about),
                "a refusal begins with a migration's name");
    } else {
        std::vector<std::string> ours = plan->adopt;
        ours.insert(ours.end(), plan->run.begin(), plan->run.end());
        require(std::is_sorted(ours.begin(), ours.end()), "adopted first, then run, in order");
        require(std::set<std::string>(ours.begin(), ours.end()).size() == ours.size(),
                "each at most once");
        for (const KnownMigration& known : database.known) {
            const bool is_planned = std::find(ours.begin(), ours.end(), known.name) != ours.end();
            require(is_planned != has(database.recorded, known.name),
                    "each of ours is planned, or was there");
            require(plan->run.empty() || !has(database.recorded, known.name) ||
                        known.name < plan->run.front(),
                    "nothing is run before one that is there");
        }
        for (const std::string& name : plan->foreign)
            require(!has(database.known, name), "foreign is what is not ours");
        bool is_newer = false;
        for (const RecordedMigration& row : database.recorded) {
            is_newer |= !has(database.known, row.name);
            require(has(database.known, row.name) || row.requires_program <= kProgram,
                    "a database that needs a newer program is refused");
        }
        require(plan->is_newer == is_newer, "newer is what has something that is not known");
    }
    require(required_program(fuzz::Input{data, size}.rest()) >= 0, "a level is no negative number");
    return 0;
}
