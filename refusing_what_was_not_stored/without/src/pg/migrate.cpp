#include "pg/migrate.hpp"

#include "pg/migration_plan.hpp"
#include "pg/statement_error.hpp"
#include "sql/migrate.hpp"
#include "sql/migrations.hpp"
#include "sql/ops_schema.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <ranges>

namespace pgcourier::pg {
namespace {

namespace statements = sql::migrate;

// PostgreSQL 14 brought the function bodies that the migrations are written with.
constexpr int kOldestServer = 140000;

std::string sha256(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

const std::vector<KnownMigration>& known_migrations() {
    static const std::vector<KnownMigration> known = [] {
        std::vector<KnownMigration> all;
        for (const Script& script : sql::kMigrations)
            all.push_back({script.name, sha256(script.text)});
        return all;
    }();
    return known;
}

const KnownMigration& known_named(const std::string& name) {
    return *std::ranges::find(known_migrations(), name, &KnownMigration::name);
}

const Script& script_named(const std::string& name) {
    return *std::ranges::find_if(sql::kMigrations, [&](const Script& s) { return s.name == name; });
}

struct State {
    bool has_record = false;
    std::vector<RecordedMigration> recorded;
    std::vector<std::string> recorded_at;  // beside `recorded`
    std::vector<PrismaMigration> prisma;
    std::vector<std::string> finished_at;  // beside `prisma`
};

State read_state(Connection& db) {
    State state;
    const Rows found = db.exec(statements::find_records);
    state.has_record = found[0].boolean(0);
    if (state.has_record) {
        for (const Row row : db.exec(statements::read_recorded)) {
            state.recorded.push_back({row.string(0), row.string(1), row.text(2) == "prisma",
                                      static_cast<int>(row.int64(3))});
            state.recorded_at.push_back(row.string(4));
        }
    }
    if (found[0].boolean(1)) {
        for (const Row row : db.exec(statements::read_prisma)) {
            state.prisma.push_back({row.string(0), row.boolean(1), row.boolean(2)});
            state.finished_at.push_back(row.string(3));
        }
    }
    return state;
}

Result<MigrationPlan> plan_for(const State& state) {
    return plan_migrations(known_migrations(), state.recorded, state.prisma, kProgramLevel);
}

// Migrations rewrite tables: the server may take its time, and a vanished one is noticed by
// keepalives.
class PatientConnection {
  public:
    explicit PatientConnection(Connection& db)
        : db_{db}, before_{db.set_answer_timeout(std::chrono::hours{24})} {}
    ~PatientConnection() { db_.set_answer_timeout(before_); }
    PatientConnection(const PatientConnection&) = delete;
    PatientConnection& operator=(const PatientConnection&) = delete;

  private:
    Connection& db_;
    std::chrono::milliseconds before_;
};

// In the open transaction. Nobody waits long behind us for a table: what we cannot lock soon we
// give up, since all who come after us would wait too.
void take_turn(Connection& db) {
    db.exec_script(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET "
        "LOCAL lock_timeout = 0");
    db.exec(statements::take_turn);
    db.exec_script("SET LOCAL lock_timeout = '5s'");
}

void record(Connection& db, const std::string& name, const char* origin) {
    db.exec(statements::record, Params{name, known_named(name).checksum, origin,
                                       required_program(script_named(name).text)});
}

// COMMIT whose answer was lost: done again, since it is recorded in the transaction that did it.
void adopt(Connection& db, const State& state, const MigrationPlan& plan) {
    if (!state.has_record) db.exec(statements::create_record);
    for (const std::string& name : plan.adopt) record(db, name, "prisma");
}

// A script's last statement may return a column "notice": what there is to tell.
void run(Connection& db, const std::string& name, int max_attempts,
         std::vector<std::string>& notices) {
    db.exec(statements::set_max_attempts, Params{max_attempts});
    Rows told;
    try {
        told = db.exec_script(script_named(name).text);
    } catch (const StatementError& e) {
        throw StatementError{e.sqlstate(), "migrating", name + ": " + e.said(), e.hint()};
    }
    record(db, name, "pgcourier");
    if (told.columns() == 0 || told.column_name(0) != "notice") return;
    for (const Row row : told) notices.push_back(row.string(0));
}

std::string ops_version() {
    std::string all;
    for (const Script& script : sql::kOps) all.append(script.text);
    return fmt::format("[sha256:{}]", sha256(all));
}

struct Grants {
    std::vector<std::string> kinds;
    std::vector<std::string> objects;
    std::vector<std::string> statements;
};

Grants read_ops_grants(Connection& db) {
    Grants grants;
    for (const Row row : db.exec(statements::read_ops_grants)) {
        grants.kinds.push_back(row.string(0));
        grants.objects.push_back(row.string(1));
        grants.statements.push_back(row.string(3));
    }
    return grants;
}

// Before anything drops the schema ops: a migration that changes what it reads does, and renew_ops.
Result<void> check_ops_is_ours(Connection& db) {
    const Rows found = db.exec(statements::find_ops_dependents);
    if (found.empty()) return {};
    std::vector<std::string> names;
    for (const Row row : found) names.push_back(row.string(0));
    return Problem{
        fmt::format("schema ops is to be made anew and {} would be lost; move it away (keep its "
                    "definition), then migrate again",
                    fmt::join(names, ", "))};
}

// Makes the schema ops anew when it was made of other files than ours; its comment says of which.
// Who was given privileges on it keeps them. returns  whether it was made anew
Result<bool> renew_ops(Connection& db) {
    const std::string version = ops_version();
    const Rows comment = db.exec(statements::read_ops_version);
    if (comment[0].text(0).ends_with(version)) return false;
    if (const Result<void> is_ours = check_ops_is_ours(db); !is_ours) return is_ours.error();
    const Grants grants = read_ops_grants(db);
    for (const Script& script : sql::kOps) {
        try {
            db.exec_script(script.text);
        } catch (const StatementError& e) {
            throw StatementError{e.sqlstate(), "migrating",
                                 fmt::format("ops/{}: {}", script.name, e.said()), e.hint()};
        }
    }
    // The text of these statements comes from PostgreSQL's own format(), names quoted.
    const Params params{grants.kinds, grants.objects, grants.statements};
    for (const Row row : db.exec(statements::keep_existing, params)) {
        db.exec_script(row.string(0).c_str());
    }
    db.exec_script(db.exec(statements::mark_ops_version, Params{version})[0].string(0).c_str());
    return true;
}

std::string state_of(const RecordedMigration& row) {
    const auto known = std::ranges::find(known_migrations(), row.name, &KnownMigration::name);
    if (known == known_migrations().end()) return "newer";
    if (row.is_prisma) return "adopted";
    return row.checksum == known->checksum ? "applied" : "changed";
}

}  // namespace

Result<MigrateReport> migrate_up(Connection& db, int max_attempts) {
    if (db.server_version() < kOldestServer) {
        return Problem{fmt::format("the server is PostgreSQL {}, expected {} or newer",
                                   db.server_version() / 10000, kOldestServer / 10000)};
    }
    const PatientConnection patience{db};
    MigrateReport report;
    // One transaction a migration, and what is still to do is found out anew in each: whoever
    // migrates at the same time has its turns between ours.
    for (;;) {
        Transaction tx{db};
        take_turn(db);
        const State state = read_state(db);
        const Result<MigrationPlan> plan = plan_for(state);
        if (!plan) return plan.error();
        report.foreign = plan->foreign;
        if (!state.has_record || !plan->adopt.empty()) {
            adopt(db, state, *plan);
            report.adopted = plan->adopt;
        } else if (!plan->run.empty()) {
            if (const Result<void> is_ours = check_ops_is_ours(db); !is_ours)
                return is_ours.error();
            run(db, plan->run.front(), max_attempts, report.notices);
            report.applied.push_back(plan->run.front());
        } else {
            if (!plan->is_newer) {
                const Result<bool> renewed = renew_ops(db);
                if (!renewed) return renewed.error();
                report.renewed_ops = *renewed;
                for (const Row row : db.exec(statements::grant_roles))
                    report.notices.push_back(row.string(0));
            }
            tx.commit();
            return report;
        }
        tx.commit();
    }
}

Result<MigrateReport> migrate_baseline(Connection& db) {
    const PatientConnection patience{db};
    Transaction tx{db};
    take_turn(db);
    const State state = read_state(db);
    const Result<MigrationPlan> plan = plan_for(state);
    if (!plan) return plan.error();
    adopt(db, state, *plan);
    tx.commit();
    return MigrateReport{.adopted = plan->adopt, .foreign = plan->foreign};
}

std::vector<MigrationStatus> migration_status(Connection& db) {
    const State state = read_state(db);
    std::vector<MigrationStatus> all;
    const auto is_listed = [&](const std::string& name) {
        return std::ranges::find(all, name, &MigrationStatus::name) != all.end();
    };
    for (std::size_t i = 0; i < state.recorded.size(); ++i) {
        all.push_back({state.recorded[i].name, state_of(state.recorded[i]), state.recorded_at[i]});
    }
    for (std::size_t i = 0; i < state.prisma.size(); ++i) {
        const PrismaMigration& row = state.prisma[i];
        if (is_listed(row.name)) continue;
        const bool is_ours = std::ranges::find(known_migrations(), row.name,
                                               &KnownMigration::name) != known_migrations().end();
        if (is_ours && !row.is_finished && !row.is_open) continue;  // rolled back: missing
        all.push_back({row.name,
                       !is_ours          ? "foreign"
                       : row.is_finished ? "adoptable"
                                         : "unfinished",
                       state.finished_at[i]});
    }
    for (const KnownMigration& migration : known_migrations()) {
        if (!is_listed(migration.name)) all.push_back({migration.name, "missing", ""});
    }
    std::ranges::sort(all, {}, &MigrationStatus::name);
    // A newer program's is as it should be.
    const bool is_newer = std::ranges::find(all, "newer", &MigrationStatus::state) != all.end();
    const Rows ops = db.exec(statements::read_ops_version);
    if (!is_newer && !ops[0].is_null(0) && !ops[0].text(0).ends_with(ops_version()))
        all.push_back({"schema ops", "outdated", ""});
    return all;
}

bool is_ops_current(Connection& db) {
    const Rows comment = db.exec(statements::read_ops_version);
    return !comment.empty() && comment[0].text(0).ends_with(ops_version());
}

Result<void> check_schema(Connection& db) {
    constexpr std::string_view kCommand = "run: pgcourier migrate up, as the owner of the tables";
    const Rows missing = db.exec(statements::missing_tables);
    if (!missing.empty()) {
        return Problem{
            fmt::format("relation \"{}\" does not exist; {}", missing[0].text(0), kCommand)};
    }
    const Result<MigrationPlan> plan = plan_for(read_state(db));
    if (!plan) return plan.error();
    if (!plan->adopt.empty() || !plan->run.empty()) {
        const std::string& name = plan->adopt.empty() ? plan->run.front() : plan->adopt.front();
        return Problem{fmt::format("migration {} is not applied; {}", name, kCommand)};
    }
    return {};
}

}  // namespace pgcourier::pg
