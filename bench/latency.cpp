// How long one message takes through an idle service: from the POST of a webhook to its routed row,
// and from the INSERT into messages_out to the call at Twilio.
#include "harness/load.hpp"
#include "harness/sample.hpp"
#include "harness/system.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace {

using namespace pgcourier;

void report_percentiles(bench::Report& report, const std::string& what,
                        const std::vector<double>& values) {
    report.figure(what + ", median", bench::percentile(values, 0.5), "ms");
    report.figure(what + ", p99", bench::percentile(values, 0.99), "ms");
}

}  // namespace

int main() {
    constexpr int kRounds = 300;
    bench::System system{1, {.progress = {.callbacks = false}}};
    system.serve({{"LOG_LEVEL", "warn"}});
    pg::Connection writer = system.db().connect("bench");
    static constexpr pg::Statement kInsert{
        "bench.insert", "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ($1, $2, 'x')"};
    const std::vector<std::string> webhooks = system.webhooks(0, kRounds);
    std::vector<double> acknowledged;
    std::vector<double> to_call;
    for (std::uint64_t i = 0; i < kRounds; ++i) {
        acknowledged.push_back(bench::run_load(system.port(), {webhooks[i]}, 1).percentile(0.5));
        const std::string to = bench::client_number(i);
        const auto start = system_clock().now();
        writer.exec(kInsert, pg::Params{system.tenants()[0], to});
        test::eventually([&] { return system.twilio().ledger().accepted_to(to) == 1; });
        const auto entries = system.twilio().ledger().entries();
        to_call.push_back(
            std::chrono::duration<double, std::milli>(entries.back().time - start).count());
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    test::eventually(
        [&] { return system.db().count("SELECT count(*) FROM messages_in") == kRounds; });
    std::vector<double> to_row;
    for (const std::string& row :
         system.db().query_rows("SELECT extract(epoch FROM (l.created_at AT TIME ZONE 'UTC') - "
                                "e.received_at) * 1000 FROM webhook_events AS e "
                                "JOIN event_log AS l USING (correlation_id) WHERE l.event_type = "
                                "'webhook_received'")) {
        to_row.push_back(std::stod(row));
    }
    bench::Report report{"latency"};
    report_percentiles(report, "POST to 200", acknowledged);
    report_percentiles(report, "event stored to routed row", to_row);
    report_percentiles(report, "INSERT INTO messages_out to Twilio's API (1 ms steps)", to_call);
    return 0;
}
