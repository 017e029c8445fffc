#include "support/traffic.hpp"

#include "base/rng.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/sanitized.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>

namespace pgcourier::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr const char* kShopNumber = "+33700000001";
constexpr std::size_t kAtOnce = 64;
constexpr std::size_t kMostInstances = 8;  // a post's tag has its webhook and its instance
// Each suite that posts has numbers of its own.
constexpr std::uint64_t kFirstNumber = 5'000'000;
constexpr int kFewRecipients = 100;
constexpr long kMostKilobytes = 256L * 1024;

constexpr pg::Statement kStored{
    "traffic_stored",
    "SELECT m.provider_message_id, m.tenant_id, m.\"from\", m.body, m.handled_at IS NULL "
    "FROM messages_in AS m"};
constexpr pg::Statement kRows{"traffic_rows", "SELECT body FROM messages_out"};
constexpr pg::Statement kRoutedTwice{"traffic_routed_twice", R"(
SELECT 'stored more than once: ' || provider_message_id FROM messages_in
GROUP BY provider_message_id HAVING count(*) > 1
UNION ALL
SELECT 'routed more than once: ' || entity_type || ' ' || entity_id FROM event_log
WHERE event_type = 'webhook_received' GROUP BY entity_type, entity_id HAVING count(*) > 1
UNION ALL
SELECT 'handed over more than once: event ' || event_id FROM delivery_events
GROUP BY event_id HAVING count(*) > 1
UNION ALL
SELECT 'taken for its own repetition: event ' || m.event_id FROM event_log AS l
JOIN messages_in AS m ON m.id = l.entity_id AND l.payload ->> 'webhook_event_id' = m.event_id::text
WHERE l.event_type = 'idempotent_ignored' AND l.entity_type = 'message_in'
UNION ALL
SELECT 'its outcome was written more than once: ' || entity_id FROM event_log
WHERE event_type = 'message_sent' GROUP BY entity_id HAVING count(*) > 1)"};
constexpr pg::Statement kHandedOver{"traffic_handed_over",
                                    "SELECT provider_message_id, status FROM delivery_events"};
constexpr pg::Statement kRouted{"traffic_routed", "SELECT count(*) FROM messages_in"};
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

std::string sender_of(std::uint64_t number) {
    return fmt::format("+336{:08}", number % 1'000);
}

std::string text_of(std::uint64_t number) {
    return fmt::format("in {}", number);
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
    : cluster_{cluster}, pace_{pace}, seed_{seed}, taken_by_(cluster.size()) {
    if (pace_.webhooks > 0)
        posting_ = std::jthread{[this](const std::stop_token& stop) { post(stop); }};
    if (pace_.messages > 0)
        writing_ = std::jthread{[this](const std::stop_token& stop) { write(stop); }};
}

Traffic::~Traffic() {
    stop();
}

void Traffic::stop() {
    has_stopped_ = true;
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

std::size_t Traffic::taken_by(std::size_t instance) const {
    const std::scoped_lock lock{mutex_};
    return taken_by_.at(instance);
}

Complaints Traffic::odd_answers() const {
    const std::scoped_lock lock{mutex_};
    return odd_answers_;
}

bool Traffic::goes_on(std::size_t by, std::chrono::milliseconds patience) const {
    const std::size_t wanted = acknowledged() + by;
    return eventually([&] { return acknowledged() >= wanted; }, patience);
}

std::chrono::milliseconds Traffic::time_until_all_goes_on() const {
    constexpr std::size_t kWebhooks = 100;
    constexpr std::uint64_t kMessages = 50;
    const auto start = steady_clock::now();
    pg::Connection db{cluster_.db().options("test-judge")};
    const std::size_t acknowledged = this->acknowledged() + kWebhooks;
    const std::int64_t routed = db.exec(kRouted)[0].int64(0) + std::int64_t{kWebhooks};
    const std::uint64_t sent = cluster_.twilio().ledger().accepted() + kMessages;
    const bool goes_on = eventually(
        [&] {
            return this->acknowledged() >= acknowledged &&
                   cluster_.twilio().ledger().accepted() >= sent &&
                   db.exec(kRouted)[0].int64(0) >= routed;
        },
        60s);
    BOOST_TEST(goes_on, "after a minute: " << this->acknowledged() << " of " << acknowledged
                                           << " webhooks answered 200, "
                                           << db.exec(kRouted)[0].int64(0) << " of " << routed
                                           << " routed, " << cluster_.twilio().ledger().accepted()
                                           << " of " << sent << " messages sent");
    return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
}

std::string Traffic::body_of(std::uint64_t number, bool is_poison) const {
    std::string body =
        twilio::encode_form(inbound_form(number, sender_of(number), kShopNumber, text_of(number)));
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
            const std::size_t instance = posted++ % cluster_.size();
            client.start(number * kMostInstances + instance,
                         {.method = "POST",
                          .url = cluster_.webhook_url(instance),
                          .headers = {"Content-Type: application/x-www-form-urlencoded",
                                      "X-Twilio-Signature: " + signature},
                          .body = std::move(body),
                          .timeout = 15s});
        }
        for (const http::Finished& finished : client.poll(10ms)) note(finished);
    }
}

void Traffic::note(const http::Finished& finished) {
    const http::Outcome& outcome = finished.outcome;
    const bool is_whole = outcome.kind == http::Outcome::Kind::response;
    const std::scoped_lock lock{mutex_};
    if (is_whole && outcome.status == 200) {
        ++answered_200_;
        ++taken_by_[finished.tag % kMostInstances];
        acknowledged_.insert(finished.tag / kMostInstances);
        return;
    }
    ++refused_;
    if (!is_whole) ++unanswered_;
    if (is_whole && outcome.status != 503)
        odd_answers_.push_back(
            fmt::format("{} for webhook {}", outcome.status, finished.tag / kMostInstances));
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
            // In a transaction, with its time limit: one that only we had given up would be written
            // after those that follow.
            const pg::Call call{
                kWrite, pg::Params{cluster_.shop(), made, made + count - 1, pace_.recipients}};
            db->transact({&call, 1});
            written_ += count;
            const std::scoped_lock lock{mutex_};
            promised_.emplace_back(made, made + count - 1);
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
    struct Stored {
        std::string tenant;
        std::string from;
        std::string body;
        bool is_new;
    };
    std::map<std::string, Stored> stored;
    for (const pg::Row row : db.exec(kStored))
        stored[row.string(0)] = {row.string(1), row.string(2), row.string(3), row.boolean(4)};
    Complaints complaints;
    const std::scoped_lock lock{mutex_};
    for (const std::uint64_t number : acknowledged_) {
        const std::string sid = message_sid(number);
        const auto found = stored.find(sid);
        if (found == stored.end()) {
            complaints.push_back("answered 200 and not there: " + sid);
            continue;
        }
        const Stored& message = found->second;
        if (message.tenant != cluster_.shop() || message.from != sender_of(number) ||
            message.body != text_of(number) || !message.is_new)
            complaints.push_back(fmt::format("{} is there for shop '{}', from '{}', '{}'{}", sid,
                                             message.tenant, message.from, message.body,
                                             message.is_new ? "" : ", handled"));
    }
    return complaints;
}

Complaints Traffic::lost_rows(pg::Connection& db) const {
    std::set<std::string> there;
    for (const pg::Row row : db.exec(kRows)) there.insert(row.string(0));
    Complaints complaints;
    const std::scoped_lock lock{mutex_};
    for (const auto& [first, last] : promised_) {
        for (int i = first; i <= last; ++i) {
            if (!there.contains(fmt::format("message {}", i)))
                complaints.push_back(fmt::format("committed and gone: message {}", i));
        }
    }
    return complaints;
}

Complaints doubled_webhooks(pg::Connection& db) {
    return texts(db.exec(kRoutedTwice));
}

Complaints lost_callbacks(pg::Connection& db, const std::vector<sim::LedgerEntry>& ledger) {
    std::set<std::pair<std::string, std::string>> there;
    for (const pg::Row row : db.exec(kHandedOver)) there.emplace(row.string(0), row.string(1));
    Complaints complaints;
    for (const sim::LedgerEntry& e : ledger) {
        if (e.kind == "callback" && e.status == 200 && !there.contains({e.sid, e.message_status}))
            complaints.push_back(fmt::format("a callback answered 200 and not there: {} {}", e.sid,
                                             e.message_status));
    }
    return complaints;
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

namespace {

/// A process that has crashed, or that has not found back, is seen by what comes to its own port.
void check_each_takes_webhooks(Cluster& cluster, const Traffic& traffic, const std::string& fault) {
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        BOOST_TEST(cluster[i].is_running(), fault << ": an instance has ended:\n"
                                                  << cluster[i].last_words());
        const std::size_t before = traffic.taken_by(i);
        BOOST_TEST(eventually([&] { return traffic.taken_by(i) > before + 5; }, 30s),
                   fault << ": instance " << i << " takes no webhooks any more");
    }
}

/// The order of a conversation is not judged where each has one message.
bool most_got_several(const std::vector<sim::LedgerEntry>& ledger, int recipients) {
    std::map<std::string, int> taken;
    for (const sim::LedgerEntry& e : ledger) {
        if (e.kind == "create" && e.accepted) ++taken[e.to];
    }
    return std::ranges::count_if(taken, [](const auto& one) { return one.second > 1; }) * 2 >
           recipients;
}

}  // namespace

void end_well(Cluster& cluster, Traffic& traffic, const std::string& fault, pg::Connection* other) {
    const FaultSettings settings = fault_settings();
    cluster.wait_until_ready();
    if (!traffic.has_stopped() && traffic.pace().webhooks > 0)
        check_each_takes_webhooks(cluster, traffic, fault);
    traffic.stop();
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
                             check("lost", traffic.lost_rows(db)) +
                             check("lost", traffic.lost_webhooks(db)) +
                             check("lost", lost_callbacks(db, ledger));
    const std::size_t doubled =
        check("doubled", test::doubled(db, ledger)) + check("doubled", doubled_webhooks(db));
    check("out of order", out_of_order(ledger));
    check("given up", given_up(db));
    check("answered otherwise", traffic.odd_answers());
    if (!kIsSanitized && !traffic.pace().processes_end) BOOST_TEST(traffic.unanswered() == 0U);
    if (traffic.pace().recipients <= kFewRecipients)
        BOOST_TEST(most_got_several(ledger, traffic.pace().recipients));
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
