// A process that stands still for longer than its lease (SIGSTOP, a suspended machine) and goes on
// sends nothing that somebody else may have sent meanwhile (G5). One that stands still within its
// lease starts nothing that it claimed before: the person may have said STOP since (G11).
#include "support/audit.hpp"
#include "support/cluster.hpp"
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>
#include <set>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::Cluster;
using test::Complaints;
using test::Fault;

namespace {

constexpr std::size_t kSleeper = 0;
constexpr std::size_t kHeir = 1;
constexpr int kRecipients = 10'000;  // each message its own conversation

sim::SimulatorOptions twilio_options() {
    sim::SimulatorOptions options;
    options.progress = {.callbacks = false};
    options.latency = 20ms;
    return options;
}

class Round {
  public:
    Round(Fault fault, int messages) : fault_{std::move(fault)} {
        cluster_.write(messages, kRecipients);
        cluster_.start(kSleeper, fault_);
    }

    const Fault& fault() const { return fault_; }
    bool is_asleep() { return cluster_.has_met(kSleeper, fault_); }
    std::int64_t in_flight() const {
        return cluster_.db().count(
            "SELECT count(*) FROM outbox_leases WHERE unknown_since IS NULL");
    }
    void start_heir() { cluster_.start(kHeir); }
    bool is_quiet() { return test::open_messages(db_).is_quiet(); }

    /// What reconciliation does with outcomes that nobody knows: what Twilio does not have is due
    /// again. returns how many
    int settle_by_twilios_word() {
        std::set<std::string> taken;
        for (const sim::LedgerEntry& e : cluster_.twilio().ledger().entries()) {
            if (e.accepted) taken.insert(e.body);
        }
        int count = 0;
        for (const std::string& body :
             cluster_.db().query_rows("SELECT body FROM messages_out WHERE status = 'unknown'")) {
            if (taken.contains(body)) continue;
            ++count;
            cluster_.db().exec(fmt::format(
                "SET session_replication_role = replica; "
                "DELETE FROM outbox_leases WHERE message_id IN (SELECT id FROM messages_out WHERE "
                "body = '{0}'); "
                "INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, "
                "is_retry) "
                "SELECT seq, id, tenant_id, \"to\", now(), true FROM messages_out WHERE body = "
                "'{0}'; "
                "UPDATE messages_out SET status = 'failed', lease_token = NULL WHERE body = '{0}'",
                body));
        }
        return count;
    }

    void wake_sleeper() { cluster_[kSleeper].signal(SIGCONT); }
    /// A message that only the sleeper can send.
    void leave_it_alone() {
        cluster_[kHeir].kill();
        cluster_.write(1, kRecipients);
    }
    bool does_it_send() {
        return cluster_.db().count(
                   fmt::format("SELECT count(*) FROM messages_out WHERE status = 'sent' AND body = "
                               "'message {}'",
                               cluster_.written() - 1)) == 1;
    }
    std::string sleepers_words() { return cluster_[kSleeper].last_words(); }

    Complaints doubled() { return test::doubled(db_, cluster_.twilio().ledger().entries()); }
    Complaints lost() {
        return test::lost(db_, cluster_.twilio().ledger().entries(), cluster_.written());
    }
    Complaints stuck() { return test::stuck(db_, 5s); }

  private:
    Fault fault_;
    mutable Cluster cluster_{
        2, twilio_options(), {{"PGCOURIER_ROLES", "sender"}, {"TWILIO_STATUS_CALLBACK", "off"}}};
    pg::Connection db_{cluster_.db().options("test-round")};
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_process_that_was_stopped_longer_than_its_lease_sends_nothing_old) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    Rng rng{settings.seed};
    std::vector<std::unique_ptr<Round>> rounds;
    const auto add = [&](const char* point, int at, int messages) {
        rounds.push_back(std::make_unique<Round>(Fault{point, at, Fault::Kind::stop}, messages));
    };
    add("sender:outbox.claim_take:commit_sent", 1, 1);  // its reply is not read yet
    // What it has locked is seen by nobody: its server waits for the end of a transaction.
    add("sender:outbox.claim_take:before_commit", 1, 1);
    add("sender:outbox.next_due:before_commit", 2, 1);  // of a settlement
    add("sender.after_claim", 1, 1);
    add("sender.before_call", 1, 1);   // it has just found that enough of the lease is left
    add("sender.call_started", 1, 1);  // libcurl has it, without a connection
    add("http.before_body", 1, 1);     // connected, the head is out, the body is asked for
    for (int i = 0; i < 3; ++i)
        add("http.calls_moved_on", static_cast<int>(rng.between(1, 20)), 400);

    for (const auto& round : rounds) {
        BOOST_TEST_CONTEXT(round->fault().point << ", passage " << round->fault().at) {
            // The fault happened: it stands still, with messages that it has leased.
            BOOST_REQUIRE_MESSAGE(test::eventually([&] { return round->is_asleep(); }, 30s),
                                  round->sleepers_words());
            const std::string& point = round->fault().point;
            if (point != "http.calls_moved_on" && point != "sender:outbox.claim_take:before_commit")
                BOOST_TEST(test::eventually([&] { return round->in_flight() == 1; }));
            round->start_heir();
        }
    }
    const auto all = [&](auto&& holds) {
        return std::all_of(rounds.begin(), rounds.end(),
                           [&](auto& round) { return holds(*round); });
    };
    BOOST_TEST(test::eventually([&] { return all([](Round& r) { return r.is_quiet(); }); }, 60s));
    int sent_by_heirs = 0;
    for (const auto& round : rounds) sent_by_heirs += round->settle_by_twilios_word();
    // The heir has something to send that the sleeper had in hand: in five rounds at least.
    BOOST_TEST(sent_by_heirs >= 5);
    BOOST_TEST(test::eventually([&] { return all([](Round& r) { return r.is_quiet(); }); }, 60s));

    for (const auto& round : rounds) {
        round->wake_sleeper();
        round->leave_it_alone();
    }
    for (const auto& round : rounds) {
        BOOST_TEST_CONTEXT(round->fault().point << ", passage " << round->fault().at) {
            // It goes on, and well.
            BOOST_TEST(test::eventually([&] { return round->does_it_send(); }, 30s),
                       round->sleepers_words());
            const Complaints doubled = round->doubled();
            const Complaints lost = round->lost();
            const Complaints stuck = round->stuck();
            BOOST_TEST(doubled.empty(), "doubled: " << test::first_of(doubled));
            BOOST_TEST(lost.empty(), "lost: " << test::first_of(lost));
            BOOST_TEST(stuck.empty(), "stuck: " << test::first_of(stuck));
        }
    }
    BOOST_TEST_MESSAGE(rounds.size() << " processes stopped, " << sent_by_heirs
                                     << " messages of theirs sent by others meanwhile");
}

// Fails without its protection: without/starting_soon_or_not_at_all.patch.
BOOST_AUTO_TEST_CASE(a_process_that_was_stopped_within_its_lease_calls_nobody_who_said_stop_since) {
    constexpr const char* kPerson = "+33600000000";
    Cluster cluster{
        1, twilio_options(), {{"PGCOURIER_ROLES", "sender"}, {"TWILIO_STATUS_CALLBACK", "off"}}};
    const Fault fault{"sender.after_claim", 1, Fault::Kind::stop};
    const auto status = [&] { return cluster.db().query_value("SELECT status FROM messages_out"); };
    cluster.write(1, kRecipients);
    cluster.start(kSleeper, fault);
    // The fault happened: it stands still, with the message claimed and not called for.
    BOOST_REQUIRE_MESSAGE(test::eventually([&] { return cluster.has_met(kSleeper, fault); }, 30s),
                          cluster[kSleeper].last_words());
    BOOST_REQUIRE(status() == "sending");
    BOOST_REQUIRE(cluster.twilio().ledger().attempts_to(kPerson) == 0U);

    // As the router does it.
    cluster.db().exec(fmt::format(
        "SELECT pgcourier_record_opt_word('{}', '{}', 'stop', now(), 'webhook', NULL, 'stop')",
        cluster.shop(), kPerson));
    test::lasts(3s);
    BOOST_REQUIRE(cluster.db().count("SELECT count(*) FROM outbox_leases WHERE unknown_since IS "
                                     "NULL AND expires_at > now() + interval '3 s'") == 1);
    cluster[kSleeper].signal(SIGCONT);
    BOOST_TEST(test::eventually([&] { return status() == "blocked"; }, 30s),
               "the message of somebody who said STOP is " << status() << "; "
                                                           << cluster[kSleeper].last_words());
    const std::size_t calls = cluster.twilio().ledger().attempts_to(kPerson);
    BOOST_TEST(calls == 0U, calls << " calls for somebody who said STOP");
}
