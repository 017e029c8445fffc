// What PostgreSQL itself can do, in SQL alone, without a program around it: the scripts of limits/
// by pgbench. Other programs hold their figures against these, each in its own run.
#include "harness/backlog.hpp"
#include "harness/pgbench.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"

#include <fmt/format.h>

#include <map>

namespace {

using namespace pgcourier;

constexpr std::int64_t kWriters = 64;

struct Limit {
    const char* name;
    const char* script;
    std::int64_t batch;
    int clients;
};

constexpr Limit kLimits[] = {
    {"claim and delete", "claim", 100, 1},
    {"claim and delete", "claim", 100, 2},
    {"claim and delete", "claim", 500, 1},
    {"claim and delete", "claim", 500, 2},
    {"route with all effects", "route", 500, 1},
    {"route with all effects", "route", 500, 2},
    {"store events, one NOTIFY a batch", "ingest", 100, 1},
    {"store events, one NOTIFY a batch", "ingest", 500, 1},
    {"store events, one NOTIFY a batch", "ingest", 500, 2},
    {"insert a message to be sent, no triggers", "writers", 1, kWriters},
};

void set_up(const bench::System& system, std::int64_t rows) {
    system.db().exec(
        R"(INSERT INTO tenants (id, name, whatsapp_phone_number)
           SELECT 'shop-' || g, 'Shop ' || g, '+338' || lpad(g::text, 8, '0') FROM generate_series(1, 99) AS g;
           CREATE TABLE plain (LIKE messages_out INCLUDING ALL) WITH (fillfactor = 50);
           ALTER TABLE plain ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE)");
    bench::store_webhooks(system.db(), rows, static_cast<int>(system.tenants().size()));
}

/// returns  rows a second
double measure(const bench::System& system, const Limit& limit, std::int64_t rows) {
    bench::queue_events(system.db(), rows);
    const std::int64_t count = limit.clients == kWriters ? rows / 4 : rows;
    const std::int64_t transactions = count / limit.batch;
    const double seconds =
        bench::run_drain(system.db(), {.script = fmt::format("bench/limits/{}.sql", limit.script),
                                       .variables = {{"batch", limit.batch}, {"mark", 0}},
                                       .options = bench::kRouterPlans,
                                       .clients = limit.clients,
                                       .transactions = transactions});
    return static_cast<double>(transactions * limit.batch) / seconds;
}

}  // namespace

int main() {
    const std::int64_t rows = bench::setting("LIMITS_ROWS", 200'000);
    const bench::System system{100};
    set_up(system, rows);
    std::map<const Limit*, std::vector<double>> rates;
    for (int round = 0; round < bench::rounds(); ++round)
        for (const Limit& limit : kLimits) rates[&limit].push_back(measure(system, limit, rows));

    bench::Report report{"limits"};
    for (const Limit& limit : kLimits) {
        const std::string batch = std::to_string(limit.batch);
        const std::string clients = std::to_string(limit.clients);
        report.figure(fmt::format("{}, batch {}, clients {}", limit.name, batch, clients),
                      bench::median(rates[&limit]), "rows/s",
                      {{"script", limit.script}, {"batch", batch}, {"clients", clients}});
    }
    return 0;
}
