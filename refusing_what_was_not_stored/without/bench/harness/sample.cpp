#include "harness/sample.hpp"

#include "base/address.hpp"
#include "support/eventually.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <thread>

namespace pgcourier::bench {
namespace {

// Numbers that no other message of a bench goes to.
std::string next_person() {
    static int count = 0;
    return fmt::format("+3379{:07}", ++count);
}

std::map<std::string, WallTime> calls_to(System& system, const std::string& first,
                                         const std::string& last) {
    std::map<std::string, WallTime> calls;
    for (const sim::LedgerEntry& entry : system.twilio().ledger().entries()) {
        const std::string to{bare_address(entry.to)};
        if (entry.kind == "create" && to >= first && to <= last) calls.emplace(to, entry.time);
    }
    return calls;
}

}  // namespace

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

Delays sample_delays(System& system, const std::string& tenant, std::chrono::milliseconds every,
                     std::size_t count) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    static constexpr pg::Statement kInsert{
        "bench.sample", "INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ($1, $2, 'x')"};
    pg::Connection writer = system.db().connect("bench");
    std::vector<std::string> people;
    std::vector<WallTime> written;
    Delays delays;
    auto next = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) {
        people.push_back(next_person());
        const auto start = system_clock().now();
        writer.exec(kInsert, pg::Params{tenant, people.back()});
        written.push_back(system_clock().now());
        delays.insert_ms.push_back(Milliseconds{written.back() - start}.count());
        std::this_thread::sleep_until(next += every);
    }
    std::map<std::string, WallTime> calls;
    test::eventually(
        [&] {
            std::this_thread::sleep_for(std::chrono::milliseconds{100});
            calls = calls_to(system, people.front(), people.back());
            return calls.size() == count;
        },
        std::chrono::minutes{1});
    for (std::size_t i = 0; i < count; ++i) {
        const auto call = calls.find(people[i]);
        if (call == calls.end()) {
            ++delays.missing;
            continue;
        }
        delays.to_call_ms.push_back(Milliseconds{call->second - written[i]}.count());
    }
    return delays;
}

}  // namespace pgcourier::bench
