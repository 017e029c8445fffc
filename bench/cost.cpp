// What one message costs on each step of its way: what the service asks the heap for, the bytes of
// WAL, the processors' time of both. Each role is a process of its own, and the steps come one
// after the other: COST_MESSAGES (20000) webhooks over 32 connections, then as many events in the
// queue, as many messages written one by one, and as many sent. Without a checkpoint in between,
// after which each page that is touched first is written whole. Looking whether a step is done is
// PostgreSQL's time too: a sequence and the simulator's own count are looked at until all are done,
// and tables only then.
#include "harness/allocations.hpp"
#include "harness/cpu_time.hpp"
#include "harness/load.hpp"
#include "harness/process_use.hpp"
#include "harness/rounds.hpp"
#include "harness/system.hpp"
#include "harness/wal.hpp"
#include "support/eventually.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <stdexcept>

namespace {

using namespace pgcourier;

constexpr std::size_t kConnections = 32;
constexpr int kTenants = 20;
constexpr std::chrono::minutes kLongest{2};

std::size_t messages() {
    return static_cast<std::size_t>(bench::setting("COST_MESSAGES", 20'000));
}

/// A tenth of them beforehand: statements prepared, connections open, pages touched.
std::size_t warm_up() {
    return messages() / 10;
}

/// What has been spent so far.
struct Spent {
    double allocations = 0;
    double service = 0;   // seconds of a processor
    double postgres = 0;  // the same
    double wal = 0;       // bytes
};

Spent spent(const bench::System& system, const bench::Allocations* allocations) {
    Spent now;
    if (allocations != nullptr) {
        now.allocations = static_cast<double>(allocations->count());
        now.service = bench::process_use(system.pid()).cpu_ms / 1000;
    }
    now.postgres = bench::cpu_seconds(test::test_server().pid());
    now.wal = bench::wal_bytes(system.db());
    return now;
}

/// allocations  of the process that does it; null: none of ours does
void report_step(bench::Report& report, const std::string& what, const bench::System& system,
                 const bench::Allocations* allocations, const std::function<void()>& work) {
    const Spent before = spent(system, allocations);
    work();
    const Spent after = spent(system, allocations);
    const auto each = [&](double Spent::*of) {
        return (after.*of - before.*of) / static_cast<double>(messages());
    };
    report.figure(what, each(&Spent::wal), "bytes of WAL");
    if (allocations != nullptr) {
        report.figure("  allocations in the program", each(&Spent::allocations), "");
        report.figure("  processors' time, the program", 1e6 * each(&Spent::service), "µs");
    }
    report.figure("  processors' time, PostgreSQL", 1e6 * each(&Spent::postgres), "µs");
}

/// What shows it cheaply first, then that nothing is left.
void await(const bench::System& system, const std::function<bool()>& is_through,
           const std::string& none_left) {
    if (!test::eventually(is_through, kLongest) ||
        !test::eventually([&] { return system.db().count(none_left) == 0; }, kLongest))
        throw std::runtime_error{"was not done in two minutes: " + none_left};
}

constexpr const char* kUnrouted = "SELECT count(*) FROM webhook_queue";
// Their rows go with the message's outcome.
constexpr const char* kUnsettled = "SELECT count(*) FROM outbox_leases";

std::function<bool()> are_numbered(const bench::System& system, std::size_t count) {
    return [&system, count] {
        return system.db().count(
                   "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "
                   "messages_in_seq_seq") >= static_cast<std::int64_t>(count);
    };
}

std::function<bool()> are_called(bench::System& system, std::size_t count) {
    return [&system, count] { return system.twilio().ledger().accepted() >= count; };
}

void expect_sent(const bench::System& system, std::size_t count) {
    const std::int64_t sent =
        system.db().count("SELECT count(*) FROM messages_out WHERE status = 'sent'");
    if (sent != static_cast<std::int64_t>(count))
        throw std::runtime_error{fmt::format("{} of {} were sent", sent, count)};
}

void serve_as(bench::System& system, const bench::Allocations& allocations, const char* role) {
    test::Variables variables = allocations.variables();
    variables.insert({{"PGCOURIER_ROLES", role}, {"LOG_LEVEL", "warn"}});
    system.stop_serving();
    system.db().exec("DELETE FROM instances");
    system.serve(variables);
}

void write_messages(const bench::System& system, pg::Connection& writer, std::size_t first,
                    std::size_t count) {
    static constexpr pg::Statement kInsert{"bench.insert",
                                           "INSERT INTO messages_out (tenant_id, \"to\", body) "
                                           "VALUES ($1, $2, 'Bonjour, votre commande "
                                           "est prête : venez.')"};
    for (std::size_t i = first; i < first + count; ++i)
        writer.exec(kInsert, pg::Params{system.tenants()[i % kTenants], bench::client_number(i)});
}

void report_webhooks(bench::Report& report, bench::System& system) {
    const bench::Allocations allocations;
    serve_as(system, allocations, "webhook");
    const auto send = [&](const std::vector<std::string>& webhooks) {
        if (bench::run_load(system.port(), webhooks, kConnections).not_200 > 0)
            throw std::runtime_error{"a webhook was not answered 200"};
    };
    send(system.webhooks(0, warm_up()));
    const std::vector<std::string> webhooks = system.webhooks(warm_up(), messages());
    report_step(report, "a webhook, verified and stored", system, &allocations,
                [&] { send(webhooks); });
}

void report_routing(bench::Report& report, bench::System& system) {
    const bench::Allocations allocations;
    system.stop_serving();
    system.db().exec(
        fmt::format("CREATE TABLE later AS SELECT id FROM webhook_queue ORDER BY id OFFSET {}; "
                    "DELETE FROM webhook_queue WHERE id IN (SELECT id FROM later)",
                    warm_up()));
    serve_as(system, allocations, "router");
    await(system, are_numbered(system, warm_up()), kUnrouted);
    system.db().exec("INSERT INTO webhook_queue (id) SELECT id FROM later ORDER BY id");
    report_step(report, "an event, routed", system, &allocations, [&] {
        system.db().exec("NOTIFY pgcourier_events");
        await(system, are_numbered(system, warm_up() + messages()), kUnrouted);
    });
}

void report_sending(bench::Report& report, bench::System& system) {
    const bench::Allocations allocations;
    serve_as(system, allocations, "sender");
    pg::Connection writer = system.db().connect("bench");
    write_messages(system, writer, 0, warm_up());
    await(system, are_called(system, warm_up()), kUnsettled);
    expect_sent(system, warm_up());
    system.stop_serving();  // it would look after each of them
    system.db().exec("SELECT ops.pause_sending('all', NULL, 'bench')");
    report_step(report, "a message, written", system, nullptr,
                [&] { write_messages(system, writer, warm_up(), messages()); });
    serve_as(system, allocations, "sender");
    report_step(report, "a message, sent", system, &allocations, [&] {
        system.db().exec("SELECT ops.resume_sending()");
        await(system, are_called(system, warm_up() + messages()), kUnsettled);
    });
    expect_sent(system, warm_up() + messages());
}

}  // namespace

int main() {
    bench::System system{kTenants, {.progress = {.callbacks = false}, .keep = 1000}};
    system.db().exec("CHECKPOINT");
    bench::Report report{"cost"};
    report_webhooks(report, system);
    report_routing(report, system);
    report_sending(report, system);
    return report.exit_status();
}
