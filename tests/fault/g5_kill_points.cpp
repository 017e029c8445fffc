// kill -9 at every named point of the ways out and in: nothing is lost, nothing goes out twice,
// nothing stays in flight (G4, G5). The rounds of a batch run side by side: most of each is waiting
// for a lease to end.
//
// runs alone: tens of processes at once
#include "http/client.hpp"
#include "support/audit.hpp"
#include "support/cluster.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/traffic.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Cluster;
using test::Complaints;
using test::Fault;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t kVictim = 0;
constexpr std::size_t kHeir = 1;
constexpr int kRecipients = 12;
constexpr std::size_t kSideBySide = 28;      // in the short form: each point once
constexpr std::size_t kMostSideBySide = 44;  // of many rounds
constexpr auto kRecovery = 45s;              // promised from kill to nothing in flight
constexpr auto kPatience = 180s;             // from kill to nothing left, on a slow machine
constexpr int kMostFed = 400;  // messages before the kill: a late one leaves no mountain

constexpr std::uint64_t kFirstWebhook = 7'000'000;

enum class Load { quick, slow, swept };  // slow: calls outlast a third of the lease

struct Point {
    const char* name;
    int at_most = 1;  // its passages from 1 to this
    Load load = Load::quick;
    bool needs_callbacks = false;
    bool needs_webhooks = false;  // posted to the victim's own port
};

constexpr Point kPoints[] = {
    {"sender.before_claim", 10},
    {"sender:outbox.claim_take:before_commit", 6},
    {"sender:outbox.claim_take:commit_sent", 6},
    {"sender:outbox.claim_take:committed", 6},
    {"sender.after_claim", 4},
    {"sender.before_call", 12},
    {"sender.call_started", 12},
    {"http.before_body", 12},
    {"http.body_handed_over", 12},
    {"http.calls_moved_on", 60},
    {"sender.after_answer", 12},
    {"sender.before_settle", 4},
    {"sender:outbox.next_due:before_commit", 4},
    {"sender:outbox.next_due:commit_sent", 4},
    {"sender.after_settle", 4},
    {"sender.before_renew", 1, Load::slow},
    {"sender:outbox.renew:before_commit", 1, Load::slow},
    {"sender:outbox.renew:commit_sent", 1, Load::slow},
    {"maintenance:outbox.sweep:before_commit", 1, Load::swept},
    {"maintenance:outbox.sweep:commit_sent", 1, Load::swept},
    {"delivery:before_commit", 6, Load::quick, true},
    {"delivery:commit_sent", 6, Load::quick, true},
    {"inbox:before_commit", 6, Load::quick, true, true},
    {"inbox:commit_sent", 6, Load::quick, true, true},
    {"inbox:committed", 6, Load::quick, true, true},
    {"router:before_commit", 6, Load::quick, true, true},
    {"router:commit_sent", 6, Load::quick, true, true},
    {"router:committed", 6, Load::quick, true, true},
};

sim::SimulatorOptions twilio_options(bool with_callbacks) {
    sim::SimulatorOptions options;
    options.progress = {.callbacks = with_callbacks, .step = 20ms};
    options.latency = 20ms;
    return options;
}

test::Variables variables(bool with_callbacks) {
    if (with_callbacks) return {{"ROUTER_THREADS", "1"}};
    return {{"PGCOURIER_ROLES", "sender"}, {"TWILIO_STATUS_CALLBACK", "off"}};
}

class Round {
  public:
    Round(const Point& point, bool with_callbacks, std::uint64_t seed)
        : point_{point},
          with_callbacks_{with_callbacks},
          rng_{seed},
          fault_{
              .point = point.name,
              .at = static_cast<int>(rng_.between(1, static_cast<std::uint64_t>(point.at_most)))},
          cluster_{2, twilio_options(with_callbacks), variables(with_callbacks)},
          db_{cluster_.db().options("test-round")} {
        // Answered late; taken, and told by callback, at once. What is to be swept must not be
        // told.
        sim::Rule slow{.body_prefix = "slow", .then = {.delay = 7s}};
        if (point_.load == Load::swept) slow.then.progress.callbacks = false;
        cluster_.twilio().script().add(std::move(slow));
    }

    void start() {
        // There before the victim, so that its first claim finds something.
        cluster_.write(kRecipients, kRecipients, prefix());
        cluster_.start(kVictim, fault_);
        test::Variables heir{{"OUTBOX_CONCURRENCY", "4"}};
        // The victim is to be the first that finds a lease that has ended.
        if (point_.load == Load::swept) heir["OUTBOX_POLL_INTERVAL_MS"] = "2000";
        cluster_.start(kHeir, std::move(heir));
        cluster_.wait_until_ready();
        started_at_ = Steady::now();
    }
    /// Gives it work until it is dead, then looks whether all goes on again.
    /// returns  whether there is nothing left to do
    bool step(bool wants_settled) {
        read_answers();
        if (is_done_ || !is_time(is_dead_ ? 250ms : 50ms)) return is_done_;
        if (is_dead_) {
            look(wants_settled);
        } else {
            feed();
        }
        if (Steady::now() > (is_dead_ ? killed_at_ : started_at_) + kPatience) is_done_ = true;
        return is_done_;
    }

    const Point& point() const { return point_; }
    std::string name() const {
        return fmt::format("{}, passage {}, callbacks {}", fault_.point, fault_.at,
                           with_callbacks_ ? "on" : "off");
    }
    bool is_dead() const { return is_dead_; }
    bool is_quiet() { return test::open_messages(db_).is_quiet(); }
    bool is_settled() { return test::open_messages(db_).is_settled(); }
    /// From the kill until nothing that was in flight then still is.
    std::optional<std::chrono::milliseconds> recovery() const { return recovery_; }
    std::string victims_words() { return cluster_[kVictim].last_words(); }

    Complaints lost() {
        Complaints all = test::lost(db_, cluster_.twilio().ledger().entries(), cluster_.written());
        add(all, test::given_up(db_));
        add(all, test::lost_callbacks(db_, cluster_.twilio().ledger().entries()));
        std::set<std::string> stored;
        for (const pg::Row row : db_.exec_script("SELECT provider_message_id FROM messages_in"))
            stored.insert(row.string(0));
        for (const std::uint64_t number : answered_200_) {
            if (!stored.contains(test::message_sid(number)))
                all.push_back("answered 200 and not there: " + test::message_sid(number));
        }
        return all;
    }
    Complaints doubled() {
        const auto ledger = cluster_.twilio().ledger().entries();
        Complaints all = test::doubled(db_, ledger);
        add(all, test::out_of_order(ledger));
        add(all, test::doubled_webhooks(db_));
        return all;
    }
    Complaints stuck() {
        Complaints all = test::stuck_webhooks(db_);
        add(all, test::stuck(db_, 5s));
        return all;
    }

  private:
    static void add(Complaints& all, Complaints more) {
        std::ranges::move(more, std::back_inserter(all));
    }

    void post_webhook() {
        const std::uint64_t number = kFirstWebhook + posted_++;
        const twilio::Params form = test::inbound_form(number, "+33612345678", "+33700000001",
                                                       fmt::format("in {}", number));
        // Signed for the public URL, which is that of the last instance.
        const std::string signature =
            twilio::sign(test::test_auth_token(), cluster_.webhook_url(kHeir), form);
        client_.start(number, {.method = "POST",
                               .url = cluster_.webhook_url(kVictim),
                               .headers = {"Content-Type: application/x-www-form-urlencoded",
                                           "X-Twilio-Signature: " + signature},
                               .body = twilio::encode_form(form),
                               .timeout = 15s});
    }
    // Waits for nothing: the other rounds' times are taken beside it.
    void read_answers() {
        for (const http::Finished& finished : client_.poll(0ms)) {
            if (finished.outcome.kind == http::Outcome::Kind::response &&
                finished.outcome.status == 200)
                answered_200_.push_back(finished.tag);
        }
    }

    void feed() {
        if (cluster_.has_met(kVictim, fault_)) {
            is_dead_ = true;
            killed_at_ = Steady::now();
            cluster_.twilio().script().clear();  // what is left goes quickly
            killed_at_db_ = db_.exec_script("SELECT clock_timestamp()::text")[0].string(0);
            if (rng_.between(0, 1) == 1) cluster_.start(kVictim);
            cluster_.write(kRecipients, kRecipients, prefix());
            return;
        }
        if (point_.load == Load::quick || Steady::now() >= fed_at_ + 1s) {
            if (fed_ < kMostFed) cluster_.write(4, kRecipients, prefix());
            fed_ += 4;
            fed_at_ = Steady::now();
        }
        if (point_.needs_webhooks && client_.free_slots() > 0) post_webhook();
        if (point_.load == Load::swept) {
            db_.exec_script(
                "UPDATE outbox_leases SET expires_at = now() WHERE (tenant_id, recipient) IN "
                "(SELECT tenant_id, recipient FROM outbox_leases WHERE unknown_since IS NULL "
                "AND claimed_at < now() - interval '2 s' FOR UPDATE SKIP LOCKED)");
        }
    }

    void look(bool wants_settled) {
        if (!recovery_) {
            static constexpr pg::Statement kLeft{
                "test_left",
                "SELECT count(*) FROM outbox_leases "
                "WHERE unknown_since IS NULL AND claimed_at <= $1::timestamptz"};
            if (db_.exec(kLeft, pg::Params{killed_at_db_})[0].int64(0) > 0) return;
            recovery_ =
                std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - killed_at_);
        }
        const test::Open open = test::open_messages(db_);
        is_done_ = wants_settled ? open.is_settled() : open.is_quiet();
    }

    // So that looking costs little beside what is looked at.
    bool is_time(std::chrono::milliseconds pace) {
        if (Steady::now() < looked_at_ + pace) return false;
        looked_at_ = Steady::now();
        return true;
    }
    std::string prefix() const { return point_.load == Load::quick ? "message " : "slow "; }

    const Point& point_;
    const bool with_callbacks_;
    Rng rng_;
    Fault fault_;
    Cluster cluster_;
    pg::Connection db_;
    bool is_dead_ = false;
    bool is_done_ = false;
    Steady::time_point started_at_{};
    Steady::time_point looked_at_{};
    Steady::time_point fed_at_{};
    int fed_ = 0;
    std::uint64_t posted_ = 0;
    std::vector<std::uint64_t> answered_200_;
    http::Client client_{{.max_connections = 4}};
    Steady::time_point killed_at_{};
    std::string killed_at_db_;
    std::optional<std::chrono::milliseconds> recovery_;
};

struct Tally {
    int rounds = 0;
    std::size_t lost = 0;
    std::size_t doubled = 0;
    std::size_t stuck = 0;
    std::chrono::milliseconds worst{0};
};

using Tallies = std::map<std::string, Tally>;

void judge(Round& round, bool wants_settled, Tally& tally) {
    BOOST_TEST_CONTEXT(round.name()) {
        // The fault happened: dead by SIGKILL at the point.
        BOOST_TEST_REQUIRE(round.is_dead(), round.victims_words());
        const Complaints lost = round.lost();
        const Complaints doubled = round.doubled();
        const Complaints stuck = round.stuck();
        BOOST_TEST(lost.empty(), "lost: " << test::first_of(lost));
        BOOST_TEST(doubled.empty(), "doubled: " << test::first_of(doubled));
        BOOST_TEST(stuck.empty(), "stuck: " << test::first_of(stuck));
        BOOST_TEST_REQUIRE(round.recovery().has_value());
        BOOST_TEST(round.recovery()->count() <= std::chrono::milliseconds{kRecovery}.count());
        BOOST_TEST(round.is_quiet());
        if (wants_settled) BOOST_TEST(round.is_settled());
        ++tally.rounds;
        tally.lost += lost.size();
        tally.doubled += doubled.size();
        tally.stuck += stuck.size();
        tally.worst = std::max(tally.worst, *round.recovery());
    }
}

void run(std::vector<std::unique_ptr<Round>>& batch, bool wants_settled, Tallies& tallies) {
    // One after the other, so that forty processes do not start at once; those that run go on.
    for (auto starting = batch.begin(); starting != batch.end(); ++starting) {
        (*starting)->start();
        for (auto r = batch.begin(); r <= starting; ++r) (*r)->step(wants_settled);
    }
    // Each round has its own patience.
    test::eventually(
        [&] {
            bool are_done = true;
            for (const auto& round : batch) are_done = round->step(wants_settled) && are_done;
            return are_done;
        },
        10min);
    for (const auto& round : batch) judge(*round, wants_settled, tallies[round->point().name]);
    batch.clear();
}

void print(const Tallies& tallies) {
    std::string table = fmt::format("{:<42}{:>7}{:>6}{:>9}{:>7}{:>18}\n", "killed at", "rounds",
                                    "lost", "doubled", "stuck", "worst recovery ms");
    for (const Point& point : kPoints) {
        const Tally& t = tallies.at(point.name);
        table += fmt::format("{:<42}{:>7}{:>6}{:>9}{:>7}{:>18}\n", point.name, t.rounds, t.lost,
                             t.doubled, t.stuck, t.worst.count());
    }
    BOOST_TEST_MESSAGE(table);
}

}  // namespace

BOOST_AUTO_TEST_CASE(
    killed_at_any_point_it_loses_nothing_doubles_nothing_and_leaves_nothing_stuck) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed << " FAULT_ROUNDS=" << settings.rounds);
    const std::size_t side_by_side = settings.rounds > 1 ? kMostSideBySide : kSideBySide;
    Tallies tallies;
    std::vector<std::unique_ptr<Round>> batch;
    std::uint64_t count = settings.seed;
    for (int i = 0; i < settings.rounds; ++i) {
        for (const Point& point : kPoints) {
            const bool with_callbacks = point.needs_callbacks || count % 2 == 0;
            batch.push_back(std::make_unique<Round>(point, with_callbacks, count++));
            if (batch.size() == side_by_side) run(batch, settings.wants_settled, tallies);
        }
        ++count;  // the number of points is even: what had callbacks has none in the next round
    }
    if (!batch.empty()) run(batch, settings.wants_settled, tallies);
    print(tallies);
}
