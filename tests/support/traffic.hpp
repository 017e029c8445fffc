#pragma once
// Both sides of a shop at the same time, for faults to happen under: customers who write through
// Twilio, and the shop that writes to them. Keeps ledgers of what it was promised: webhooks that
// were answered 200, rows whose INSERT was answered. It never asks the program what it did.

#include "http/client.hpp"
#include "support/audit.hpp"
#include "support/cluster.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pgcourier::test {

struct Pace {
    int webhooks = 100;       // new ones a second; 0: none
    int messages = 100;       // the shop's, a second; 0: none
    int recipients = 40;      // of these, in turn: each has always some that wait for one another
    int most_deliveries = 1;  // each webhook comes once to so many times, at any instances
    int poison_percent = 0;   // of the webhooks, with what a customer's client may well send
    bool processes_end = false;  // and a post may find nobody, or be cut off
};

class Traffic {
  public:
    /// Begins at once. Posts to all instances of the cluster in turn.
    Traffic(Cluster& cluster, Pace pace, std::uint64_t seed);
    ~Traffic();
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    /// The shop writes to this database from now on.
    void write_to(pg::ConnectOptions database);
    /// Whether the shop writes. What it did not meanwhile it makes up for.
    void let_shop_write(bool lets) { is_shop_silent_ = !lets; }
    /// No more; waits until what is under way is answered.
    void stop();
    bool has_stopped() const { return has_stopped_; }

    const Pace& pace() const { return pace_; }
    /// Webhooks that were answered 200 so far.
    std::size_t acknowledged() const;
    /// Answers 200, also of the same webhook.
    std::size_t answered_200() const { return answered_200_; }
    /// Of these, at this instance's own port.
    std::size_t taken_by(std::size_t instance) const;
    /// Answers other than 200, and posts without one.
    std::size_t refused() const { return refused_; }
    /// Those without one.
    std::size_t unanswered() const { return unanswered_; }
    /// What was neither 200 nor 503, after which Twilio repeats: it would not.
    Complaints odd_answers() const;
    /// The shop's messages that are surely committed.
    int written() const { return written_; }
    /// Waits until so many more webhooks were answered 200.
    bool goes_on(std::size_t by, std::chrono::milliseconds patience) const;
    /// Waits until a hundred more webhooks were answered 200, as many are routed, and fifty more of
    /// the shop's messages were taken by Twilio; checks with Boost.Test that this takes at most a
    /// minute.
    ///
    /// returns  how long it took
    std::chrono::milliseconds time_until_all_goes_on() const;

    /// Webhooks that were answered 200 and are not there as they came, for their shop and new to
    /// it. For when all has come to rest.
    Complaints lost_webhooks(pg::Connection& db) const;
    /// The shop's messages that were surely committed and are gone.
    Complaints lost_rows(pg::Connection& db) const;

  private:
    void post(const std::stop_token& stop);
    void note(const http::Finished& finished);
    void write(const std::stop_token& stop);
    std::string body_of(std::uint64_t number, bool is_poison) const;

    Cluster& cluster_;
    Pace pace_;
    std::uint64_t seed_;
    std::atomic<std::size_t> answered_200_{0};
    std::atomic<std::size_t> refused_{0};
    std::atomic<std::size_t> unanswered_{0};
    std::atomic<int> written_{0};
    std::atomic<bool> is_shop_silent_{false};
    bool has_stopped_ = false;
    mutable std::mutex mutex_;
    // Guarded by mutex_:
    std::set<std::uint64_t> acknowledged_;  // numbers of message_sid()
    std::vector<std::size_t> taken_by_;     // by instance
    Complaints odd_answers_;
    std::vector<std::pair<int, int>> promised_;  // the shop's messages, from and to
    std::optional<pg::ConnectOptions> moved_to_;
    std::jthread posting_;
    std::jthread writing_;
};

/// Webhooks that had more than one effect, or were taken for a repetition of themselves.
Complaints doubled_webhooks(pg::Connection& db);
/// Status callbacks that were answered 200 and that nobody handed over to the outbox.
Complaints lost_callbacks(pg::Connection& db, const std::vector<sim::LedgerEntry>& ledger);
/// Webhooks that nobody routes.
Complaints stuck_webhooks(pg::Connection& db);

/// Ends the traffic, waits until all has come to rest, and checks with Boost.Test that each
/// instance still takes webhooks, that none was answered other than 200 and 503, that nothing was
/// lost, doubled, disordered, given up, or got stuck, and that no process has ever held more than
/// 256 MiB. The database to judge by is `db`, if it is not the cluster's any more.
void end_well(Cluster& cluster, Traffic& traffic, const std::string& fault,
              pg::Connection* db = nullptr);

}  // namespace pgcourier::test
