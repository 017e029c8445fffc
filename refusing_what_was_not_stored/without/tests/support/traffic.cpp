#include "support/traffic.hpp"

#include "base/rng.hpp"
#include "http/client.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/sanitized.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace pgcourier::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr const char* kShopNumber = "+33700000001";
constexpr std::size_t kAtOnce = 64;
// Each suite that posts has numbers of its own.
constexpr std::uint64_t kFirstNumber = 5'000'000;
constexpr long kMostKilobytes = 256L * 1024;

constexpr pg::Statement kStored{
    "traffic_stored",
    "SELECT m.provider_message_id, count(*) FROM messages_in AS m GROUP BY m.provider_message_id"};
constexpr pg::Statement kRoutedTwice{"traffic_routed_twice", R"(
SELECT 'stored more than once: ' || provider_message_id FROM messages_in
GROUP BY provider_message_id HAVING count(*) > 1
UNION ALL
SELECT 'routed more than once: ' || entity_id FROM event_log
WHERE event_type = 'webhook_received' AND entity_type = 'message_in' GROUP BY entity_id HAVING count(*) > 1)"};
constexpr pg::Statement kUnrouted{"traffic_unrouted", R"(
SELECT 'waits to be routed: event ' || id FROM webhook_queue
UNION ALL
SELECT 'given up: ' || error_message FROM dead_letter_jobs WHERE job_type = 'webhook_event'
UNION ALL
SELECT 'a callback that was never settled: ' || provider_message_id FROM delivery_events WHERE settled_at IS NULL)"};
constexpr pg::Statement kWaiting{
    "traffic_waiting",
    "SELECT (SELECT count(*) FROM webhook_queue) + (SELECT count(*) FROM delivery_events WHERE "
    "settled_at IS NULL)"};
constexpr pg::Statement kWrite{
    "traffic_write",
    "INSERT INTO messages_out (tenant_id, \"to\", body) "
    "SELECT $1::text, '+336' || lpad((i % $4::integer)::text, 8, '0'), 'message ' || i "
    "FROM generate_series($2::integer, $3::integer) AS i ORDER BY i"};

Complaints texts(const pg::Rows& rows) {
    Complaints lines;
    for (const pg::Row row : rows) lines.push_back(row.string(0));
    return lines;
}

/// The most that it ever held, in KiB; 0 when it does not run.
long peak_of(pid_t pid) {
    std::ifstream status{fmt::format("/proc/{}/status", pid)};
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
    }
    return 0;
}

/// So many as `a_second` in the time since `start`.
std::uint64_t due(steady_clock::time_point start, int a_second) {
    const auto passed = std::chrono::duration<double>(steady_clock::now() - start);
    return static_cast<std::uint64_t>(passed.count() * a_second);
}

}  // namespace

Traffic::Traffic(Cluster& cluster, Pace pace, std::uint64_t seed)
    : cluster_{cluster}, pace_{pace}, seed_{seed} {
    if (pace_.webhooks > 0)
        posting_ = std::jthread{[this](const std::stop_token& stop) { post(stop); }};
    if (pace_.messages > 0)
        writing_ = std::jthread{[this](const std::stop_token& stop) { write(stop); }};
}

Traffic::~Traffic() {
    stop();
}

void Traffic::stop() {
    for (std::jthread* thread : {&posting_, &writing_}) {
        thread->request_stop();
        if (thread->joinable()) thread->join();
    }
}

void Traffic::write_to(pg::ConnectOptions database) {
    const std::scoped_lock lock{mutex_};
    moved_to_ = std::move(database);
}

std::size_t Traffic::acknowledged() const {
    const std::scoped_lock lock{mutex_};
    return acknowledged_.size();
}

bool Traffic::goes_on(std::size_t by, std::chrono::milliseconds patience) const {
    const std::size_t wanted = acknowledged() + by;
    return eventually([&] { return acknowledged() >= wanted; }, patience);
}

std::string Traffic::body_of(std::uint64_t number, bool is_poison) const {
    const std::string from = fmt::format("+336{:08}", number % 1'000);
    std::string body =
        twilio::encode_form(inbound_form(number, from, kShopNumber, fmt::format("in {}", number)));
    if (!is_poison) return body;
    switch (number * 7919 / 100 % 6) {  // of each kind, whatever the share of poison
        case 0:
            return body + "&Note=%00a%00";  // U+0000, which PostgreSQL cannot hold
        case 1:
            return body + "&Note=%ED%A0%80";  // half a pair of surrogates
        case 2:
            return body + "&Note=" + std::string(62'000, 'x');
        case 3:
            for (int i = 0; i < 200; ++i) body += fmt::format("&Field{}={}", i, i);
            return body;
        case 4:
            return body + "&Note=100%&%zz=%4&&=&";
        default:
            return body + "&ButtonPayload={\"a\":&Latitude=NaN&Longitude=1e999&NumSegments=-1";
    }
}

void Traffic::post(const std::stop_token& stop) {
    Rng rng{seed_};
    http::Client client{{.max_connections = kAtOnce}};
    const std::string signed_url = cluster_.webhook_url(cluster_.size() - 1);
    std::vector<std::uint64_t> pile;  // to be posted, some of them several times
    std::uint64_t made = 0;
    std::uint64_t posted = 0;
    const auto start = steady_clock::now();
    while (!stop.stop_requested() || client.in_flight() > 0) {
        // What could not be posted in time is left out, not made up for.
        for (const std::uint64_t wanted = due(start, pace_.webhooks); made < wanted; ++made) {
            if (stop.stop_requested() || pile.size() > 10 * kAtOnce) continue;
            const auto copies = rng.between(1, static_cast<std::uint64_t>(pace_.most_deliveries));
            pile.insert(pile.end(), copies, kFirstNumber + made);
        }
        while (!stop.stop_requested() && !pile.empty() && client.free_slots() > 0) {
            std::swap(pile[rng.between(0, pile.size() - 1)], pile.back());
            const std::uint64_t number = pile.back();
            pile.pop_back();
            const bool is_poison = static_cast<int>(number * 7919 % 100) < pace_.poison_percent;
            std::string body = body_of(number, is_poison);
            const std::string signature =
                twilio::sign(test_auth_token(), signed_url, twilio::decode_form(body));
            client.start(number, {.method = "POST",
                                  .url = cluster_.webhook_url(posted++ % cluster_.size()),
                                  .headers = {"Content-Type: application/x-www-form-urlencoded",
                                              "X-Twilio-Signature: " + signature},
                                  .body = std::move(body),
                                  .timeout = 15s});
        }
        for (const http::Finished& finished : client.poll(10ms)) {
            if (finished.outcome.kind != http::Outcome::Kind::response ||
                finished.outcome.status != 200) {
                ++refused_;
                continue;
            }
            const std::scoped_lock lock{mutex_};
            acknowledged_.insert(finished.tag);
        }
    }
}

void Traffic::write(const std::stop_token& stop) {
    std::optional<pg::Connection> db;
    int made = 0;
    auto start = steady_clock::now();
    while (!stop.stop_requested()) {
        std::this_thread::sleep_for(50ms);  // its pace
        const int wanted = static_cast<int>(due(start, pace_.messages));
        if (wanted <= made || is_shop_silent_) continue;
        const int count = std::min(wanted - made, 100);
        try {
            if (!db) {
                const std::scoped_lock lock{mutex_};
                db.emplace(moved_to_ ? *moved_to_ : cluster_.db().options("test-shop"));
            }
            db->exec(kWrite, pg::Params{cluster_.shop(), made, made + count - 1, pace_.recipients});
            written_ += count;
        } catch (const pg::Error&) {
            db.reset();  // committed or not: nothing was promised
        }
        made += count;
        // As above: a pause is not made up for.
        if (wanted - made > pace_.messages)
            start = steady_clock::now() - std::chrono::milliseconds{1000L * made / pace_.messages};
    }
}

Complaints Traffic::lost_webhooks(pg::Connection& db) const {
    std::set<std::string> stored;
    for (const pg::Row row : db.exec(kStored)) stored.insert(row.string(0));
    Complaints complaints;
    const std::scoped_lock lock{mutex_};
    for (const std::uint64_t number : acknowledged_) {
        if (!stored.contains(message_sid(number)))
            complaints.push_back("answered 200 and not there: " + message_sid(number));
    }
    return complaints;
}

Complaints doubled_webhooks(pg::Connection& db) {
    return texts(db.exec(kRoutedTwice));
}

/// What stays for 10 s, since a writer that waited for its connection may have stored some just
/// now.
Complaints stuck_webhooks(pg::Connection& db) {
    Complaints complaints;
    eventually(
        [&] {
            complaints = texts(db.exec(kUnrouted));
            return complaints.empty();
        },
        10s);
    return complaints;
}

void end_well(Cluster& cluster, Traffic& traffic, const std::string& fault, pg::Connection* other) {
    const FaultSettings settings = fault_settings();
    traffic.stop();
    cluster.wait_until_ready();
    std::optional<pg::Connection> own;
    if (other == nullptr) own.emplace(cluster.db().options("test-judge"));
    pg::Connection& db = other == nullptr ? *own : *other;
    const auto is_at_rest = [&] {
        const Open open = open_messages(db);
        return (settings.wants_settled ? open.is_settled() : open.is_quiet()) &&
               db.exec(kWaiting)[0].int64(0) == 0;
    };
    const auto patience = settings.wants_settled ? 240s : 90s;
    BOOST_TEST(eventually(is_at_rest, patience), fault << ": it does not come to rest");
    // What was answered 503 may be stored all the same, by a writer that has just reconnected.
    std::this_thread::sleep_for(settings.is_full ? 5s : 1s);
    BOOST_TEST(eventually(is_at_rest, patience), fault << ": it does not stay at rest");

    const auto ledger = cluster.twilio().ledger().entries();
    const auto check = [&](const char* name, const Complaints& complaints) {
        BOOST_TEST(complaints.empty(), fault << ", " << name << ": " << first_of(complaints));
        return complaints.size();
    };
    // First, as it waits: what is routed meanwhile is judged with the rest.
    const std::size_t stuck =
        check("stuck", stuck_webhooks(db)) + check("stuck", test::stuck(db, 5s));
    const std::size_t lost = check("lost", test::lost(db, ledger, traffic.written())) +
                             check("lost", traffic.lost_webhooks(db));
    const std::size_t doubled =
        check("doubled", test::doubled(db, ledger)) + check("doubled", doubled_webhooks(db));
    check("out of order", out_of_order(ledger));
    check("given up", given_up(db));
    long peak = 0;
    for (std::size_t i = 0; i < cluster.size(); ++i)
        peak = std::max(peak, peak_of(cluster[i].pid()));
    if (!kIsSanitized) BOOST_TEST(peak <= kMostKilobytes);
    const Open open = open_messages(db);
    BOOST_TEST_MESSAGE(fmt::format(
        "{}: {} webhooks acknowledged, {} refused; {} messages written, {} sent, {} unknown; "
        "lost {}, doubled {}, stuck {}; at most {} MiB a process",
        fault, traffic.acknowledged(), traffic.refused(), traffic.written(),
        cluster.twilio().ledger().accepted(), open.unknown, lost, doubled, stuck, peak / 1024));
}

}  // namespace pgcourier::test
