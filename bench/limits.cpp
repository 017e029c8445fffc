// What PostgreSQL itself can do, in SQL alone, without a program around it: the scripts of limits/
// by pgbench. Other programs hold their figures against these, each in its own run.
#include "harness/backlog.hpp"
#include "harness/pgbench.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

namespace {

using namespace pgcourier;

constexpr std::int64_t kWriters = 64;

struct Limit {
    const char* name;
    const char* script;
    std::int64_t batch;
    int clients;
    // What must have become of it: a script does not notice that it found nothing to do.
    const char* effect;  // counts the rows that were treated
    bool is_claiming;    // takes them from the queue
};

constexpr const char* kGone = "SELECT {} - count(*) FROM webhook_queue";  // of so many
constexpr const char* kRouted = "SELECT count(*) FROM messages_in";
constexpr const char* kStored = "SELECT count(*) - {} FROM webhook_queue";
constexpr const char* kWritten = "SELECT count(*) FROM plain";

constexpr Limit kLimits[] = {
    {"claim and delete", "claim", 100, 1, kGone, true},
    {"claim and delete", "claim", 100, 2, kGone, true},
    {"claim and delete", "claim", 500, 1, kGone, true},
    {"claim and delete", "claim", 500, 2, kGone, true},
    {"route with all effects", "route", 500, 1, kRouted, true},
    {"route with all effects", "route", 500, 2, kRouted, true},
    {"store events, one NOTIFY a batch", "ingest", 100, 1, kStored, false},
    {"store events, one NOTIFY a batch", "ingest", 500, 1, kStored, false},
    {"store events, one NOTIFY a batch", "ingest", 500, 2, kStored, false},
    {"insert a message to be sent, no triggers", "writers", 1, kWriters, kWritten, false},
};

/// returns  the highest id of the events that are routed; limits/ingest stores others behind it,
///          which are all the same message
std::int64_t set_up(const bench::System& system, std::int64_t rows) {
    system.db().exec(
        R"(INSERT INTO tenants (id, name, whatsapp_phone_number)
           SELECT 'shop-' || g, 'Shop ' || g, '+338' || lpad(g::text, 8, '0') FROM generate_series(1, 99) AS g;
           CREATE TABLE plain (LIKE messages_out INCLUDING ALL) WITH (fillfactor = 50);
           ALTER TABLE plain ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE)");
    bench::store_webhooks(system.db(), rows, static_cast<int>(system.tenants().size()));
    return system.db().count("SELECT max(id) FROM webhook_events");
}

/// returns  rows a second
double measure(const bench::System& system, const Limit& limit, std::int64_t rows,
               std::int64_t last) {
    bench::queue_events(system.db(), rows, last);
    system.db().exec("TRUNCATE plain");
    const std::int64_t count = limit.clients == kWriters ? rows / 4 : rows;
    const bench::Drained drained =
        bench::run_drain(system.db(), {.script = fmt::format("bench/limits/{}.sql", limit.script),
                                       .variables = {{"batch", limit.batch}, {"mark", 0}},
                                       .options = bench::kRouterPlans,
                                       .clients = limit.clients,
                                       .transactions = count / limit.batch});
    const std::int64_t treated = drained.transactions * limit.batch;
    bench::expect_count(system.db(), fmt::format(fmt::runtime(limit.effect), rows), treated);
    if (limit.is_claiming)
        bench::expect_count(system.db(), "SELECT count(*) FROM webhook_queue", rows - treated);
    return drained.rate * static_cast<double>(limit.batch);
}

}  // namespace

int main() {
    const std::int64_t rows = bench::setting("LIMITS_ROWS", 200'000);
    const bench::System system{100};
    const std::int64_t last = set_up(system, rows);
    std::map<const Limit*, std::vector<double>> rates;
    for (int round = 0; round < bench::rounds(); ++round)
        for (const Limit& limit : kLimits)
            rates[&limit].push_back(measure(system, limit, rows, last));

    bench::Report report{"limits"};
    for (const Limit& limit : kLimits) {
        const std::string batch = std::to_string(limit.batch);
        const std::string clients = std::to_string(limit.clients);
        report.median(fmt::format("{}, batch {}, clients {}", limit.name, batch, clients),
                      rates[&limit], "rows/s",
                      {{"script", limit.script}, {"batch", batch}, {"clients", clients}});
    }
    return report.exit_status();
}
