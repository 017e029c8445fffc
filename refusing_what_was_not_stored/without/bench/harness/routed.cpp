#include "harness/routed.hpp"

#include "support/webhook_sender.hpp"

#include <fmt/format.h>

#include <string>

namespace pgcourier::bench {

void keep_commit_times() {
    test::use_server_setting("track_commit_timestamp=on");
}

Routed routed(const test::TestDatabase& db, const OpenResult& load, std::uint64_t first) {
    const auto count = static_cast<std::size_t>(load.load.answers);
    Routed result;
    result.to_row_ms.reserve(count);
    // Of SM and 32 hexadecimal digits: any number that a bench gives is within the last 16.
    constexpr std::size_t kLast16 = 18;
    for (const std::string& row : db.query_rows(
             fmt::format("SELECT provider_message_id, "
                         "(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint "
                         "FROM messages_in WHERE provider_message_id BETWEEN '{}' AND '{}'",
                         test::message_sid(first), test::message_sid(first + count - 1)))) {
        const std::size_t bar = row.find('|');
        const std::uint64_t number = std::stoull(row.substr(kLast16, bar - kLast16), nullptr, 16);
        const WallMicros committed{std::chrono::microseconds{std::stoll(row.substr(bar + 1))}};
        const auto took = committed - load.due(static_cast<std::size_t>(number - first));
        result.to_row_ms.push_back(std::chrono::duration<double, std::milli>(took).count());
    }
    result.missing = count - result.to_row_ms.size();
    return result;
}

}  // namespace pgcourier::bench
