// What the triggers and NOTIFY cost those who write: 64 clients, each inserting one row a
// transaction into messages_out, against the same into a table with the same columns, indexes and
// room in its pages and no trigger. In turns, in one run. Once more while all of it is sent, with
// how long a message then takes to Twilio: as fast as they can, and at a rate that one sender keeps
// up with.
#include "harness/pgbench.hpp"
#include "harness/sample.hpp"
#include "harness/system.hpp"
#include "pg/listener.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <thread>

namespace {

using namespace pgcourier;
using namespace std::chrono_literals;

constexpr int kClients = 64;
constexpr int kRounds = 4;
constexpr int kSkip = 4;
constexpr int kSeconds = kSkip + 6;
constexpr int kSteadySeconds = 20;
// A message a second that 64 clients write, 4 each: with fewer its latency is another question's.
constexpr double kSteadyLeast = 240;

std::string insert_into(const std::string& table) {
    return fmt::format(
        R"(INSERT INTO {} (tenant_id, "to", body) VALUES ('shop-' || :t, '+336' || lpad(:p::text, 8, '0'),
'Bonjour, votre commande est prête : venez la chercher quand vous voulez.'))",
        table);
}

std::string script(const std::string& statement) {
    return "\\set t random(1, 99)\n\\set p random(0, 99999999)\n" + statement + ";\n";
}

void set_up(const bench::System& system) {
    system.db().exec(
        R"(INSERT INTO tenants (id, name, whatsapp_phone_number)
           SELECT 'shop-' || g, 'Shop ' || g, '+338' || lpad(g::text, 8, '0') FROM generate_series(1, 99) AS g;
           CREATE TABLE plain (LIKE messages_out INCLUDING ALL) WITH (fillfactor = 50);
           ALTER TABLE plain ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE;
           CREATE TABLE plain_queue (LIKE outbox_queue INCLUDING ALL);
           CREATE TABLE with_rules (LIKE messages_out INCLUDING ALL) WITH (fillfactor = 50);
           ALTER TABLE with_rules ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE;
           CREATE TRIGGER rules BEFORE INSERT ON with_rules FOR EACH ROW EXECUTE FUNCTION pgcourier_check_message_out();
           CREATE TABLE waking_queue (LIKE outbox_queue INCLUDING ALL);
           CREATE CONSTRAINT TRIGGER wake AFTER INSERT ON waking_queue DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION pgcourier_wake_sender())");
}

void empty_tables(const bench::System& system) {
    system.db().exec(
        "TRUNCATE messages_out, outbox_queue, outbox_leases, event_log, plain, plain_queue, "
        "with_rules, waking_queue; CHECKPOINT");
}

/// Somebody who listens, as a sender does, and does nothing else.
class Listening {
  public:
    explicit Listening(const bench::System& system)
        : listener_{system.db().options("listener"), {{"messages_out", [] {}}}} {}

  private:
    pg::Listener listener_;
    std::jthread thread_{[this](std::stop_token stop) { listener_.run(std::move(stop)); }};
};

double median(std::vector<double> values) {
    return bench::percentile(std::move(values), 0.5);
}

void report_delays(bench::Report& report, const bench::Delays& delays, const char* target = "") {
    report.figure("  INSERT itself, median", bench::percentile(delays.insert_ms, 0.5), "ms");
    report.figure("  from its COMMIT to Twilio's API, median",
                  bench::percentile(delays.to_call_ms, 0.5), "ms");
    report.figure(std::string{"  p99"} + target, bench::percentile(delays.to_call_ms, 0.99), "ms");
    report.figure("  not called (at most 0)", static_cast<double>(delays.missing), "");
}

}  // namespace

int main() {
    bench::System system{1, {.progress = {.callbacks = false}}};
    set_up(system);
    const std::string& tenant = system.tenants()[0];
    const test::Variables sender{{"PGCOURIER_ROLES", "sender"}, {"LOG_LEVEL", "warn"}};

    const std::string plain = script(insert_into("plain"));
    // The same rows as the triggers write, written by the client.
    const auto queued = [](const std::string& table, const std::string& queue) {
        return script("WITH m AS (" + insert_into(table) +
                      R"( RETURNING seq, id, tenant_id, "to", expires_at)
            INSERT INTO )" +
                      queue + R"( (seq, message_id, tenant_id, recipient, due_at, expires_at)
            SELECT seq, id, tenant_id, "to", now(), expires_at FROM m)");
    };
    const std::string triggers = script(insert_into("messages_out"));

    std::map<std::string, std::vector<double>> rates;
    bench::Delays flooded;
    const auto write = [&](const std::string& name, const std::string& text) {
        empty_tables(system);
        rates[name].push_back(bench::Pgbench{system.db(), text, kClients, kSeconds}.rate(kSkip));
    };
    for (int round = 0; round < kRounds; ++round) {
        {
            const Listening listening{system};
            write("plain", plain);
            write("triggers", triggers);
            write("by hand", queued("plain", "plain_queue"));
            write("rules", queued("with_rules", "plain_queue"));
            write("wakes", queued("plain", "waking_queue"));
        }

        empty_tables(system);
        system.serve(sender);
        bench::Pgbench writers{system.db(), triggers, kClients, kSeconds};
        const bench::Delays delays = bench::sample_delays(system, tenant, 50ms, 20 * kSeconds);
        rates["sent"].push_back(writers.rate(kSkip));
        system.stop_serving();
        flooded.missing += delays.missing;
        std::ranges::copy(delays.insert_ms, std::back_inserter(flooded.insert_ms));
        std::ranges::copy(delays.to_call_ms, std::back_inserter(flooded.to_call_ms));
    }

    empty_tables(system);
    system.serve(sender);
    const std::string slow = triggers + "\\sleep 240 ms\n";
    bench::Pgbench steady_writers{system.db(), slow, kClients, kSteadySeconds};
    const bench::Delays steady = bench::sample_delays(system, tenant, 50ms, 20 * kSteadySeconds);
    const double steady_rate = steady_writers.rate(kSkip);

    bench::Report report{"writers"};
    report.figure("without triggers and NOTIFY, 64 clients", median(rates["plain"]), "/s");
    report.figure("without them, the queue's row written by the client", median(rates["by hand"]),
                  "/s");
    report.figure("  and the rules for new messages", median(rates["rules"]), "/s");
    report.figure("  and waking the sender", median(rates["wakes"]), "/s");
    report.figure("messages_out", median(rates["triggers"]), "/s");
    report.figure("share of the rate without triggers (at least 70)",
                  100 * median(rates["triggers"]) / median(rates["plain"]), "%");
    report.figure("messages_out, all of it being sent", median(rates["sent"]), "/s");
    report.figure("share of the rate without triggers",
                  100 * median(rates["sent"]) / median(rates["plain"]), "%");
    report_delays(report, flooded);
    report.figure(fmt::format("64 clients that write 4 a second each (at least {})", kSteadyLeast),
                  steady_rate, "/s");
    report_delays(report, steady, " (at most 100)");
    return report.exit_status();
}
